//! Names that belong to one content for ever: `clutch.<hash>.js`.
//!
//! The files of the code name each other in circles: the script imports the link script, which imports the
//! script and names the chunks, which name the link script. So no file of them can have the hash of its own
//! final bytes as its name. They share one hash instead, of all their bytes with every name still blank: two
//! files of one name have the same bytes, as these follow from the blank ones and that hash. The stylesheets are
//! named by no other file, and each has the hash of its own bytes.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::{Failed, Files};

/// What stands in the chunks' binaries for the hash, and is as long as one.
const BLANK: &str = "______________________";
/// The script that loads the chunks, as leptos knows it.
pub const LINK: &str = "__wasm_split.______________________.js";
/// Which chunks each view needs, as leptos knows it.
pub const MANIFEST: &str = "__wasm_split_manifest.json";
/// How the stylesheet is called that comes with the chunks, behind the site's name.
pub const LATER: &str = "-later";

/// A site's files under their final names.
#[derive(Debug)]
pub struct Named {
    /// The files.
    pub files: Files,
    /// What leptos reads beside the program: a line for each kind of file.
    pub hashes: String,
}

/// Gives them. Every name that one file says of another is replaced; one that is left is an error.
pub fn give(files: Files, name: &str) -> Result<Named, Failed> {
    let (style, code): (Files, Files) = files.into_iter().partition(|(file, _)| file.ends_with(".css"));
    for needed in [&format!("{name}.js"), &format!("{name}.wasm"), LINK, MANIFEST] {
        if !code.contains_key(needed) {
            return Err(Failed::Names(format!("there is no {needed}")));
        }
    }
    let hash = hash(code.iter().flat_map(|(file, bytes)| {
        [&(file.len() as u64).to_le_bytes()[..], file.as_bytes(), &(bytes.len() as u64).to_le_bytes(), bytes]
            .map(<[u8]>::to_vec)
    }));
    let renamed: Vec<(String, String)> = code.keys().map(|file| (file.clone(), with_hash(file, &hash))).collect();

    let mut named = Files::new();
    for (file, bytes) in code {
        let bytes = if file.ends_with(".wasm") {
            in_binary(bytes, &hash)
        } else if file == MANIFEST {
            in_manifest(&bytes, &renamed)?
        } else {
            in_script(&file, bytes, &renamed)?
        };
        named.insert(with_hash(&file, &hash), bytes);
    }
    let mut hashes = String::new();
    for kind in ["js", "wasm", "manifest", "split"] {
        let _ = writeln!(hashes, "{kind}: {hash}");
    }
    for (file, bytes) in style {
        let hash = self::hash([bytes.clone()]);
        let kind = if file.ends_with(&format!("{LATER}.css")) { "later" } else { "css" };
        let _ = writeln!(hashes, "{kind}: {hash}");
        named.insert(with_hash(&file, &hash), bytes);
    }
    Ok(Named { files: named, hashes })
}

/// 128 bits, in letters that are good in an address; as long as [`BLANK`].
fn hash(parts: impl IntoIterator<Item = Vec<u8>>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
    }
    URL_SAFE_NO_PAD.encode(&digest.finalize()[..16])
}

fn with_hash(file: &str, hash: &str) -> String {
    match file.rsplit_once('.') {
        _ if file.contains(BLANK) => file.replace(BLANK, hash),
        Some((stem, kind)) => format!("{stem}.{hash}.{kind}"),
        None => format!("{file}.{hash}"),
    }
}

/// A WASM names the link script only; length counts there, so nothing else can be replaced.
fn in_binary(mut bytes: Vec<u8>, hash: &str) -> Vec<u8> {
    let blank = LINK.as_bytes();
    let full = with_hash(LINK, hash);
    let mut at = 0;
    while let Some(found) = find(&bytes[at..], blank) {
        bytes[at + found..at + found + blank.len()].copy_from_slice(full.as_bytes());
        at += found + blank.len();
    }
    bytes
}

/// Scripts name files from their own folder on: `"./clutch.js"`.
fn in_script(file: &str, bytes: Vec<u8>, renamed: &[(String, String)]) -> Result<Vec<u8>, Failed> {
    let mut script = String::from_utf8(bytes).map_err(|_| Failed::Names(format!("{file} is not text")))?;
    for (old, new) in renamed {
        for quote in ['"', '\'', '`'] {
            script = script.replace(&format!("{quote}./{old}{quote}"), &format!("{quote}./{new}{quote}"));
        }
    }
    match renamed.iter().find(|(old, _)| script.contains(&format!("./{old}"))) {
        Some((old, _)) => Err(Failed::Names(format!("{file} still names {old}"))),
        None if script.contains(BLANK) => Err(Failed::Names(format!("{file} still has a blank for a hash"))),
        None => Ok(script.into_bytes()),
    }
}

/// The manifest has names of chunks without their ending.
fn in_manifest(bytes: &[u8], renamed: &[(String, String)]) -> Result<Vec<u8>, Failed> {
    let bad = |what: String| Failed::Names(format!("{MANIFEST}: {what}"));
    let mut manifest: std::collections::BTreeMap<String, Vec<String>> =
        serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
    for chunk in manifest.values_mut().flatten() {
        let (_, new) = renamed
            .iter()
            .find(|(old, _)| old.strip_suffix(".wasm") == Some(chunk))
            .ok_or_else(|| bad(format!("there is no chunk {chunk}")))?;
        *chunk = new.trim_end_matches(".wasm").to_owned();
    }
    serde_json::to_vec(&manifest).map_err(|error| bad(error.to_string()))
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A site as the real one: a script, its WASM, two chunks of which one's name begins the other's.
    fn site() -> Files {
        let text = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
        Files::from([
            text("clutch.js", &format!("import * as a from \"./{LINK}\"; new URL('clutch_bg.wasm', import.meta.url)")),
            text("clutch.wasm", &format!("\0asm env ./{LINK} end ./{LINK}")),
            text("chunk_1.wasm", &format!("\0asm one ./{LINK}")),
            text("chunk_10.wasm", "\0asm ten"),
            text(LINK, "import { initSync } from \"./clutch.js\"; fetch(\"./chunk_10.wasm\"); fetch(`./chunk_1.wasm`)"),
            text(MANIFEST, "{\"dialog\":[\"chunk_10\",\"chunk_1\"]}"),
            text("clutch.css", "a { color: red }"),
            text("clutch-later.css", "b { color: red }"),
        ])
    }

    fn names(files: &Files) -> Vec<&str> {
        files.keys().map(String::as_str).collect()
    }

    /// Everything that a file says of another file leads to one that is there.
    #[test]
    fn files_name_each_other_by_their_final_names() {
        let Named { files, hashes } = give(site(), "clutch").unwrap();
        let hash = hashes.lines().next().unwrap().strip_prefix("js: ").unwrap();
        let style = hashes.lines().find_map(|line| line.strip_prefix("css: ")).unwrap();
        assert_eq!(hash.len(), BLANK.len());
        let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
        let link = format!("__wasm_split.{hash}.js");
        assert_eq!(text(&format!("clutch.{hash}.wasm")), format!("\0asm env ./{link} end ./{link}"));
        assert_eq!(text(&format!("chunk_1.{hash}.wasm")), format!("\0asm one ./{link}"));
        assert_eq!(
            text(&link),
            format!(
                "import {{ initSync }} from \"./clutch.{hash}.js\"; fetch(\"./chunk_10.{hash}.wasm\"); fetch(`./chunk_1.{hash}.wasm`)"
            )
        );
        assert_eq!(
            text(&format!("__wasm_split_manifest.{hash}.json")),
            format!("{{\"dialog\":[\"chunk_10.{hash}\",\"chunk_1.{hash}\"]}}")
        );
        assert!(text(&format!("clutch.{hash}.js")).starts_with(&format!("import * as a from \"./{link}\"")));
        let later = hashes.lines().find_map(|line| line.strip_prefix("later: ")).unwrap();
        assert!(files.contains_key(&format!("clutch.{style}.css")));
        assert!(files.contains_key(&format!("clutch-later.{later}.css")) && later != style);
        assert_eq!(
            hashes,
            format!("js: {hash}\nwasm: {hash}\nmanifest: {hash}\nsplit: {hash}\nlater: {later}\ncss: {style}\n")
        );
    }

    /// One name, one content: whatever byte changes, no file keeps its name with other bytes.
    #[test]
    fn the_same_name_never_has_other_bytes() {
        let before = give(site(), "clutch").unwrap().files;
        assert_eq!(names(&before), names(&give(site(), "clutch").unwrap().files), "the same site, the same names");
        for changed in site().keys() {
            let mut files = site();
            // Another letter, and in the manifest another view.
            let bytes = files.get_mut(changed).unwrap();
            let last = bytes.len() - if changed == MANIFEST { "ialog\":[\"chunk_10\",\"chunk_1\"]}".len() } else { 1 };
            bytes[last] ^= 1;
            let after = give(files, "clutch").unwrap().files;
            assert_ne!(before, after, "{changed}");
            for (name, bytes) in &after {
                assert!(before.get(name).is_none_or(|old| old == bytes), "{name} after a change of {changed}");
            }
        }
        // A file that is moved into another is not the same site.
        let mut files = site();
        let ten = files.remove("chunk_10.wasm").unwrap();
        files.insert("chunk_1.wasm".into(), [site()["chunk_1.wasm"].clone(), ten].concat());
        files.insert(MANIFEST.into(), b"{}".to_vec());
        files.insert(LINK.into(), b"./other".to_vec());
        assert_ne!(names(&before), names(&give(files, "clutch").unwrap().files));
    }

    /// The style of a page changes without its code being fetched again.
    #[test]
    fn another_style_renames_only_itself() {
        let before = give(site(), "clutch").unwrap().files;
        for sheet in ["clutch", "clutch-later"] {
            let mut files = site();
            files.insert(format!("{sheet}.css"), b"a { color: blue }".to_vec());
            let after = give(files, "clutch").unwrap().files;
            let other: Vec<_> = after.keys().filter(|name| !before.contains_key(*name)).collect();
            assert_eq!(other.len(), 1, "{sheet}");
            assert!(other[0].starts_with(&format!("{sheet}.")) && other[0].ends_with(".css"), "{other:?}");
        }
    }

    #[test]
    fn a_name_that_is_left_or_leads_nowhere_is_an_error() {
        let broken = |file: &str, text: &str| {
            let mut files = site();
            files.insert(file.into(), text.as_bytes().to_vec());
            give(files, "clutch").unwrap_err().to_string()
        };
        assert_eq!(broken("clutch.js", "import './chunk_1.wasm?x'"), "clutch.js still names chunk_1.wasm");
        assert_eq!(broken("clutch.js", BLANK), "clutch.js still has a blank for a hash");
        assert_eq!(broken(MANIFEST, "{\"a\":[\"b\"]}"), format!("{MANIFEST}: there is no chunk b"));
        let mut files = site();
        files.remove(LINK);
        assert_eq!(give(files, "clutch").unwrap_err().to_string(), format!("there is no {LINK}"));
    }
}
