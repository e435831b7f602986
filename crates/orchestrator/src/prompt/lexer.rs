//! A template in pieces: words, and what stands between `{{` and `}}`.
//!
//! As in Handlebars: `\{{` stands for itself, `~` takes the white space beside a tag away, comments are left out, and
//! where a block's tag or a comment has a line for itself, that line goes with it.

/// A piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'s> {
    /// Where it begins, from 1.
    pub line: usize,
    /// What it is.
    pub is: Is<'s>,
}

/// What a piece is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Is<'s> {
    /// Words, as they are.
    Words(String),
    /// The inside of a tag, without white space at its ends.
    Tag(&'s str),
    /// What is for readers of the template only.
    Comment,
}

/// Where the pieces end because of a mistake, and its sentence.
pub type Broken = (usize, String);

struct Cut<'s> {
    token: Token<'s>,
    /// Takes the white space before it, and behind it.
    takes: (bool, bool),
    /// May have its line for itself.
    alone: bool,
}

struct Tag<'s> {
    inside: &'s str,
    takes: (bool, bool),
    comment: bool,
    /// How much of the text it is.
    length: usize,
}

/// What begins with `{{`.
fn tag(text: &str) -> Result<Tag<'_>, &'static str> {
    if text.starts_with("{{{{") {
        return Err("raw blocks ({{{{) are not known");
    }
    let left = text[2..].starts_with('~');
    let from = 2 + usize::from(left);
    let rest = &text[from..];
    let opens = ["!--", "!", "{"].into_iter().find(|opens| rest.starts_with(opens)).unwrap_or_default();
    let begin = from + opens.len();
    // What stands before the braces that end it, and how many they are. Each is looked for once.
    let ended = text[begin..].match_indices("}}").find_map(|(at, _)| {
        let before = &text[begin..begin + at];
        let (bare, takes) = before.strip_suffix('~').map_or((before, false), |bare| (bare, true));
        match opens {
            "!--" => bare.strip_suffix("--").map(|inside| (inside, takes, at + 2)),
            "{" if text[begin + at..].starts_with("}}}") => Some((before, false, at + 3)),
            "{" => bare.strip_suffix('}').filter(|_| takes).map(|inside| (inside, true, at + 2)),
            _ => Some((bare, takes, at + 2)),
        }
    });
    let Some((inside, right, end)) = ended else { return Err("{{ is not closed") };
    let comment = opens.starts_with('!');
    Ok(Tag { inside: inside.trim(), takes: (left, right), comment, length: begin + end })
}

/// Takes a text apart.
pub fn lex(source: &str) -> Result<Vec<Token<'_>>, Broken> {
    let mut cuts: Vec<Cut<'_>> = Vec::new();
    let (mut words, mut from, mut line) = (String::new(), 0, 1);
    let mut begun = 1;
    while let Some(at) = source[from..].find("{{") {
        let before = &source[from..from + at];
        let at = from + at;
        line += before.matches('\n').count();
        let slashes = before.len() - before.trim_end_matches('\\').len();
        if slashes > 0 {
            words.push_str(&before[..before.len() - 1]);
        } else {
            words.push_str(before);
        }
        if slashes == 1 {
            words.push_str("{{");
            from = at + 2;
            continue;
        }
        let tag = tag(&source[at..]).map_err(|what| (line, what.to_owned()))?;
        let is = Is::Words(std::mem::take(&mut words));
        cuts.push(Cut { token: Token { line: begun, is }, takes: (false, false), alone: false });
        let block = tag.inside.starts_with(['#', '/', '^']) || tag.inside.split_whitespace().next() == Some("else");
        let is = if tag.comment { Is::Comment } else { Is::Tag(tag.inside) };
        cuts.push(Cut { token: Token { line, is }, takes: tag.takes, alone: tag.comment || block });
        line += source[at..at + tag.length].matches('\n').count();
        from = at + tag.length;
        begun = line;
    }
    words.push_str(&source[from..]);
    cuts.push(Cut { token: Token { line: begun, is: Is::Words(words) }, takes: (false, false), alone: false });
    Ok(trimmed(cuts))
}

fn words<'c>(cut: &'c Cut<'_>) -> &'c str {
    match &cut.token.is {
        Is::Words(words) => words,
        Is::Tag(_) | Is::Comment => "",
    }
}

/// Words and tags take turns, words first and last.
fn trimmed(cuts: Vec<Cut<'_>>) -> Vec<Token<'_>> {
    let last = cuts.len() - 1;
    let blank = |text: &str| text.chars().all(|c| matches!(c, ' ' | '\t' | '\r'));
    let alone: Vec<bool> = (0..cuts.len())
        .map(|n| {
            if !cuts[n].alone {
                return false;
            }
            let (before, behind) = (words(&cuts[n - 1]), words(&cuts[n + 1]));
            let begins = match before.rsplit_once('\n') {
                Some((_, tail)) => blank(tail),
                None => n == 1 && blank(before),
            };
            let ends = match behind.split_once('\n') {
                Some((head, _)) => blank(head),
                None => n + 1 == last && blank(behind),
            };
            begins && ends
        })
        .collect();
    let cut_off: Vec<Option<String>> = (0..cuts.len())
        .map(|n| {
            let Is::Words(text) = &cuts[n].token.is else { return None };
            let mut rest = text.as_str();
            if n > 0 && alone[n - 1] {
                rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
            }
            if n < last && alone[n + 1] {
                rest = rest.rfind('\n').map_or("", |at| &rest[..=at]);
            }
            if n > 0 && cuts[n - 1].takes.1 {
                rest = rest.trim_start();
            }
            if n < last && cuts[n + 1].takes.0 {
                rest = rest.trim_end();
            }
            Some(rest.to_owned())
        })
        .collect();
    let pieces = cuts.into_iter().zip(cut_off).map(|(cut, text)| match text {
        Some(text) => Token { is: Is::Words(text), ..cut.token },
        None => cut.token,
    });
    pieces.filter(|piece| piece.is != Is::Comment && piece.is != Is::Words(String::new())).collect()
}
