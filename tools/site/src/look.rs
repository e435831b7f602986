//! The look of what comes later comes with it: whoever waits for a chunk waits for the second stylesheet too, so nothing
//! of it is ever seen without. The page's document says what it is called (`app/src/document.rs`), or has it already.

use crate::Failed;

/// Loads the stylesheet once; one that did not come is asked for again with the next chunk.
const LOAD: &str = r#"
let look;
function loadLook() {
    const { dataset: { later } } = document.documentElement;
    if (!later || document.getElementById("later")) return look;
    return look = new Promise((done, failed) => {
        const link = document.createElement("link");
        Object.assign(link, { id: "later", rel: "stylesheet", href: new URL(later, import.meta.url).href, onload: done, onerror: () => { link.remove(); failed(new Error(later)); } });
        document.head.append(link);
    });
}
function unseen(callee) {
    return wrapAsyncCb(callee, false);
}
"#;

/// The chunk of which nothing is seen (`app/src/pages/board/hands.rs`).
const UNSEEN: &str = "hands";

/// The script that loads the chunks, which waits for the look as well.
pub fn with(script: &str) -> Result<String, Failed> {
    let hands = |wrap: &str| format!("__wasm_split_load_{UNSEEN} = {wrap}(");
    let mut script = script.to_owned();
    for (is, becomes) in [
        ("function wrapAsyncCb(callee) {", "function wrapAsyncCb(callee, seen = true) {"),
        ("await callee();", "await Promise.all([callee(), seen && loadLook()]);"),
        (&hands("wrapAsyncCb"), &hands("unseen")),
    ] {
        match script.matches(is).count() {
            1 => script = script.replace(is, becomes),
            n => return Err(Failed::Split(format!("the script that loads chunks says {is:?} {n} times"))),
        }
    }
    Ok(format!("{LOAD}{script}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "function wrapAsyncCb(callee) { await callee(); }\n\
        export const __wasm_split_load_hands = wrapAsyncCb(1);\nexport const __wasm_split_load_chat = wrapAsyncCb(2);";

    #[test]
    fn whoever_waits_for_what_is_seen_waits_for_its_look() {
        let script = with(SCRIPT).unwrap();
        assert!(script.contains("await Promise.all([callee(), seen && loadLook()]);"));
        assert!(script.contains("__wasm_split_load_hands = unseen(1)"));
        assert!(script.contains("__wasm_split_load_chat = wrapAsyncCb(2)"));
    }

    #[test]
    fn a_script_that_is_made_otherwise_is_an_error() {
        for gone in ["await callee();", "__wasm_split_load_hands"] {
            let said = with(&SCRIPT.replace(gone, "x")).unwrap_err().to_string();
            assert!(said.ends_with("0 times"), "{said}");
        }
        assert!(with(&format!("{SCRIPT}{SCRIPT}")).unwrap_err().to_string().ends_with("2 times"));
    }
}
