//! What a single character is to us. The ranges are written by hand, for the few classes that text
//! from outside is judged by: whole Unicode tables would weigh more than the rest of the domain.

/// What becomes of a character; the table stands at [`super`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// Ends a line.
    Break,
    /// A tab.
    Tab,
    /// Any other white space.
    Space,
    /// Never kept: it does nothing for readers.
    Gone,
    /// Opens an embedding or an override of direction (LRE, RLE, LRO, RLO).
    Embeds,
    /// Closes one (PDF).
    EndsEmbedding,
    /// Opens an isolate (LRI, RLI, FSI).
    Isolates,
    /// Closes one (PDI).
    EndsIsolate,
    /// Chooses how the character before it looks.
    Selects,
    /// Joins its neighbours, or keeps them apart (ZWJ, ZWNJ).
    Joins,
    /// Unseen and of use only inside long text: break opportunities, soft hyphens, fillers.
    Unseen,
    /// Unseen and part of how some scripts are written.
    Shapes,
    /// Takes room and shows nothing, for example the blank of Braille.
    Blank,
    /// Stands on the character before it.
    Mark,
    /// Everything that people see.
    Visible,
}

/// The class of a character.
pub(super) const fn sign(c: char) -> Sign {
    match c {
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Sign::Break,
        '\t' => Sign::Tab,
        ' '..='~' if c != ' ' => Sign::Visible,
        ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Sign::Space,
        // C0, DEL and C1.
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => Sign::Gone,
        '\u{202a}' | '\u{202b}' | '\u{202d}' | '\u{202e}' => Sign::Embeds,
        '\u{202c}' => Sign::EndsEmbedding,
        '\u{2066}'..='\u{2068}' => Sign::Isolates,
        '\u{2069}' => Sign::EndsIsolate,
        // Variation selectors, and the Mongolian ones.
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}' | '\u{180f}' => Sign::Selects,
        '\u{200c}' | '\u{200d}' => Sign::Joins,
        // Zero-width space, soft hyphen, word joiner and invisible operators, Khmer and Hangul fillers.
        '\u{200b}' | '\u{ad}' | '\u{2060}'..='\u{2064}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}' => {
            Sign::Unseen
        }
        // Marks of direction, grapheme joiner, Mongolian separator, format signs of shorthand and music.
        '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{34f}' | '\u{180e}' => Sign::Shapes,
        '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' => Sign::Shapes,
        // The fillers of old Hangul syllables, the blank of Braille, a null note.
        '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{1d159}' => Sign::Blank,
        // Byte order mark, anchors of annotations and objects, deprecated format signs.
        '\u{feff}' | '\u{fff9}'..='\u{fffc}' | '\u{206a}'..='\u{206f}' | '\u{2065}' | '\u{fff0}'..='\u{fff8}' => {
            Sign::Gone
        }
        // Tags (the flags that need them are met before), and what is set aside beside them.
        '\u{e0000}'..='\u{e0fff}' => Sign::Gone,
        // Noncharacters.
        '\u{fdd0}'..='\u{fdef}' => Sign::Gone,
        _ if (c as u32) & 0xfffe == 0xfffe => Sign::Gone,
        // Marks that are made to be stacked.
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' => Sign::Mark,
        '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}' => Sign::Mark,
        _ => Sign::Visible,
    }
}

/// Whether a cut right before this character would tear it from what it belongs to.
pub(super) const fn clings(c: char) -> bool {
    matches!(sign(c), Sign::Mark | Sign::Selects | Sign::Joins) || matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

/// The black flag that begins a flag of a region (England, Scotland, Wales).
const FLAG: char = '\u{1f3f4}';
/// Ends its tags.
const FLAG_ENDS: char = '\u{e007f}';
/// Most tags of a flag, two letters of a country and three of a region, with room.
const TAGS_MAX: usize = 8;

/// The length in bytes of a flag with its tags at the beginning of `text`, if one stands there.
pub(super) fn flag(text: &str) -> Option<usize> {
    let tags = text.strip_prefix(FLAG)?;
    let (at, end) = tags
        .char_indices()
        .take(TAGS_MAX + 1)
        .find(|(_, c)| !matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}'))?;
    (at > 0 && end == FLAG_ENDS).then_some(FLAG.len_utf8() + at + FLAG_ENDS.len_utf8())
}
