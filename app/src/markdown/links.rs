//! Links to our own pages.

/// How the cleaner ends each link, and how those begin that lead to our own pages: the first is answered by the
/// server alone, with the way to the ticket; the other is a page of the program that is already there. The quotes
/// are the proof that it is a tag, as it is of a block of code.
const ELSEWHERE: &str = " target=\"_blank\" rel=\"noopener noreferrer nofollow\">";
const OUR_PAGES: [(&str, &str); 2] = [("<a href=\"/t/", " rel=\"external\">"), ("<a href=\"/projects/", ">")];

/// Cleaned HTML whose links to our own pages stay in the tab, where the way back is.
pub(super) fn in_this_tab(html: &str) -> String {
    let mut with = String::with_capacity(html.len());
    let mut rest = html;
    let next = |rest: &str| {
        let found = OUR_PAGES.iter().filter_map(|(begins, ends)| Some((rest.find(begins)?, *ends)));
        let (at, ends) = found.min_by_key(|(at, _)| *at)?;
        Some((at + rest[at..].find(ELSEWHERE)?, ends))
    };
    while let Some((at, ends)) = next(rest) {
        with.extend([&rest[..at], ends]);
        rest = &rest[at + ELSEWHERE.len()..];
    }
    with.push_str(rest);
    with
}
