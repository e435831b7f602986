//! Links: where those end that are found by themselves, and which stay in the tab.

use comrak::{Arena, Node, nodes::NodeValue};

use super::parsed;

/// Longest rest of a sentence behind an address that is read as markdown, in bytes. A longer one has no spaces
/// either, and reading it again behind each of its addresses would take the square of its length.
const REST_MAX: usize = 1024;

/// What words are marked with.
const MARKS: [char; 3] = ['*', '_', '~'];

/// Whether an address that nobody marked ends here: Chinese and Japanese sentences go on without a space.
fn ends_address(c: char) -> bool {
    matches!(c,
        '\u{3000}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' | '\u{2018}'..='\u{201f}' | '\u{2026}'
        | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}' | '\u{ff3b}'..='\u{ff40}' | '\u{ff5b}'..='\u{ff65}')
}

/// Ends an address that was found by itself where the sentence around it goes on; what goes on is read anew, and
/// given back.
pub(super) fn end_with_sentence<'a>(link: Node<'a>, url: &mut String, arena: &'a Arena<'a>) -> Vec<Node<'a>> {
    let Some(child) = link.first_child().filter(|child| child.next_sibling().is_none()) else { return Vec::new() };
    // Between signs of its own an address is as long as its author wanted.
    if child.data().sourcepos != link.data().sourcepos {
        return Vec::new();
    }
    let (address, mut rest) = {
        let data = child.data();
        let NodeValue::Text(words) = &data.value else { return Vec::new() };
        let Some(at) = words.find(ends_address).filter(|at| *at > 0) else { return Vec::new() };
        (words[..at].to_owned(), words[at..].to_owned())
    };
    url.truncate(url.len().saturating_sub(rest.len()));
    child.data_mut().value = NodeValue::Text(address.into());
    if let NodeValue::Link(link) = &mut link.data_mut().value {
        link.url.clone_from(url);
    }
    // Marks at its end were not taken for part of the address, and stand behind it.
    if let Some(next) = link.next_sibling().filter(|_| rest.contains(MARKS))
        && let NodeValue::Text(words) = &mut next.data_mut().value
    {
        let (marks, others) = words.split_at(words.len() - words.trim_start_matches(MARKS).len());
        rest.push_str(marks);
        *words = others.to_owned().into();
    }
    let read = (rest.len() <= REST_MAX).then(|| parsed(&rest, arena)).flatten().and_then(|root| root.first_child());
    let parts: Vec<Node<'a>> = match read {
        Some(paragraph)
            if paragraph.next_sibling().is_none() && matches!(paragraph.data().value, NodeValue::Paragraph) =>
        {
            paragraph.children().collect()
        }
        _ => vec![arena.alloc(NodeValue::Text(rest.into()).into())],
    };
    let mut last = link;
    for part in parts {
        part.detach();
        last.insert_after(part);
        last = part;
    }
    // All of them, with what is in them.
    let mut new = Vec::new();
    let mut next = link.next_sibling();
    while let Some(part) = next {
        new.extend(part.descendants());
        next = part.next_sibling().filter(|_| !part.same_node(last));
    }
    new
}

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

#[cfg(test)]
mod tests {
    use crate::markdown::tests::assert_safe;

    #[test]
    fn sentences_without_spaces_end_an_address() {
        for (text, want) in [
            (
                "https://example.org/a，谢谢",
                "href=\"https://example.org/a\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">https://example.org/a</a>，谢谢",
            ),
            ("www.example.org。", "href=\"http://www.example.org\""),
            ("见https://a.org，https://b.org。", ">https://b.org</a>。"),
            ("https://a.org，**谢谢**", "</a>，<strong>谢谢</strong>"),
            ("https://a.org，T-12", ">T-12</a>"),
            ("“https://a.org”", ">https://a.org</a>”"),
            // Letters may belong to it, and who marks it says where it ends.
            ("https://zh.wikipedia.org/wiki/示例", ">https://zh.wikipedia.org/wiki/示例</a>"),
            ("<https://zh.wikipedia.org/wiki/示例（电影）>", ">https://zh.wikipedia.org/wiki/示例（电影）</a>"),
            ("[电影](https://a.org/示例（电影）)", ">电影</a>"),
        ] {
            let html = assert_safe(text);
            assert!(html.contains(want), "{text}: {html}");
        }
        let long = assert_safe(&"https://a.org，".repeat(2_000));
        assert!(long.contains("</a>，"), "it ends");
    }

    #[test]
    fn emphasis_needs_no_spaces_where_nobody_writes_them() {
        for (text, want) in [
            ("**加粗。**后续", "<strong>加粗。</strong>后续"),
            ("これは**「重要」**です", "これは<strong>「重要」</strong>です"),
            ("*强调！*然后", "<em>强调！</em>然后"),
            ("~~删除。~~继续", "<del>删除。</del>继续"),
            ("snake_case_name 2*3*4", "snake_case_name 2<em>3</em>4"),
        ] {
            let html = assert_safe(text);
            assert!(html.contains(want), "{text}: {html}");
        }
    }

    #[test]
    fn a_cell_has_lines_and_no_other_html() {
        let html = assert_safe("| a |\n|---|\n| one<br>two<BR/>three<br />four<b>x</b><br onclick=x> |");
        assert!(html.contains("one<br>\ntwo<br>\nthree<br>\nfour&lt;b&gt;x&lt;/b&gt;&lt;br onclick=x&gt;"), "{html}");
        assert!(assert_safe("a<br>b").contains("a<br>\nb"));
    }
}
