//! Codes for terminals: colours, titles, links and the like (ECMA-48 and what xterm adds).

/// What follows a code at the beginning of `text`; `None` when none begins there.
///
/// A string (OSC, DCS and kin) that is not ended on its line loses only its beginning, so a log
/// that was cut loses no words. Each character is looked at twice at most.
pub(super) fn after(text: &str) -> Option<&str> {
    let mut signs = text.chars();
    match signs.next()? {
        '\u{1b}' => Some(escape(signs.as_str())),
        // The same in one character. In text that was decoded wrongly these are quotes and dashes, so only
        // what is certainly a code takes more than itself with it.
        '\u{9b}' => {
            let rest = signs.as_str();
            Some(if rest.starts_with(|c: char| c.is_ascii_digit() || c == '?') { control(rest) } else { rest })
        }
        '\u{90}' | '\u{9d}' | '\u{98}' | '\u{9e}' | '\u{9f}' => Some(string(signs.as_str())),
        _ => None,
    }
}

/// After ESC.
fn escape(text: &str) -> &str {
    let text = text.trim_start_matches('\0');
    let mut signs = text.chars();
    match signs.next() {
        Some('[') => control(signs.as_str()),
        Some(']' | 'P' | 'X' | '^' | '_') => string(signs.as_str()),
        // Character sets and the like: any number of intermediates, then one letter.
        Some(' '..='/') => one(text.trim_start_matches(|c| matches!(c, ' '..='/' | '\0')), '0', '~'),
        Some('0'..='~') => signs.as_str(),
        _ => text,
    }
}

/// After CSI: parameters, intermediates, one final letter.
fn control(text: &str) -> &str {
    let text = text.trim_start_matches(|c| matches!(c, '0'..='?' | '\0'));
    let text = text.trim_start_matches(|c| matches!(c, ' '..='/' | '\0'));
    one(text, '@', '~')
}

fn one(text: &str, from: char, to: char) -> &str {
    text.strip_prefix(|c| (from..=to).contains(&c)).unwrap_or(text)
}

/// After the beginning of a string: what follows its end, or the string itself when it has none.
fn string(text: &str) -> &str {
    let ends = |c| matches!(c, '\u{7}' | '\u{1b}' | '\u{80}'..='\u{9f}' | '\u{18}' | '\u{1a}' | '\n' | '\r');
    let Some(at) = text.find(ends) else { return text };
    let end = &text[at..];
    match end.strip_prefix(['\u{7}', '\u{9c}']).or_else(|| end.strip_prefix("\u{1b}\\")) {
        Some(rest) => rest,
        None => text,
    }
}
