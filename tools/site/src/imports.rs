//! Short names for what the page's WASM asks of its script. wasm-bindgen gives each of some three hundred
//! functions a name with sixteen hexadecimal digits, which nothing compresses, and it travels in both files.

use std::collections::BTreeMap;

use wasmparser::{Parser, Payload};

use crate::Failed;
use crate::unused::put;

/// The script's own names begin so; what the WASM asks of other modules is not ours to name.
const PREFIX: &str = "__wb";

/// Gives the functions short names in both files.
pub fn shorten(wasm: &[u8], script: &str) -> Result<(Vec<u8>, String), Failed> {
    let (wasm, names) = in_wasm(wasm).map_err(|error| Failed::Split(error.to_string()))?;
    let script = in_script(script, &names)?;
    Ok((wasm, script))
}

fn in_wasm(wasm: &[u8]) -> wasmparser::Result<(Vec<u8>, BTreeMap<String, String>)> {
    let mut names = BTreeMap::new();
    let mut out = wasm[..8].to_vec();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        let Some((id, range)) = payload.as_section() else { continue };
        let range = range.start as usize..range.end as usize;
        let mut content = Vec::new();
        if let Payload::ImportSection(imports) = &payload {
            let all = imports.clone().into_imports_with_offsets().collect::<wasmparser::Result<Vec<_>>>()?;
            put(&mut content, all.len() as u64);
            for (n, (at, import)) in all.iter().enumerate() {
                let end = all.get(n + 1).map_or(range.end, |(next, _)| *next as usize);
                let name = if import.name.starts_with(PREFIX) {
                    let short = format!("_{}", names.len());
                    names.entry(import.name.to_owned()).or_insert(short).as_str()
                } else {
                    import.name
                };
                for word in [import.module, name] {
                    put(&mut content, word.len() as u64);
                    content.extend(word.as_bytes());
                }
                let mut head = Vec::new();
                put(&mut head, import.module.len() as u64);
                put(&mut head, import.name.len() as u64);
                let kind = *at as usize + head.len() + import.module.len() + import.name.len();
                content.extend(&wasm[kind..end]);
            }
        } else {
            content.extend(&wasm[range]);
        }
        out.push(id);
        put(&mut out, content.len() as u64);
        out.extend(content);
    }
    Ok((out, names))
}

/// A name of the script's own stands there once, as a key.
fn in_script(script: &str, names: &BTreeMap<String, String>) -> Result<String, Failed> {
    let mut out = String::with_capacity(script.len());
    let mut found = 0;
    let mut rest = script;
    while let Some(at) = rest.find(PREFIX) {
        let (before, from) = rest.split_at(at);
        let end = from.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(from.len());
        let (name, after) = from.split_at(end);
        out.push_str(before);
        match names.get(name).filter(|_| after.starts_with(':') && !before.ends_with('.')) {
            Some(short) => {
                found += 1;
                out.push_str(short);
            }
            None => out.push_str(name),
        }
        rest = after;
    }
    out.push_str(rest);
    if found != names.len() {
        let (wanted, found) = (names.len(), found);
        return Err(Failed::Names(format!("the script gives {found} of {wanted} functions that the WASM asks for")));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module that imports `./a.js` `__wbg_now_0123456789abcdef`, `./a.js` `__wbg_log_0` and `./b.js` `other`, all functions of type 0.
    fn module() -> Vec<u8> {
        let mut wasm = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0".to_vec();
        let mut content = vec![3];
        for (module, name) in [("./a.js", "__wbg_now_0123456789abcdef"), ("./a.js", "__wbg_log_0"), ("./b.js", "other")]
        {
            for word in [module, name] {
                put(&mut content, word.len() as u64);
                content.extend(word.as_bytes());
            }
            content.extend([0, 0]);
        }
        wasm.push(2);
        put(&mut wasm, content.len() as u64);
        wasm.extend(content);
        wasm
    }

    fn imports(wasm: &[u8]) -> Vec<String> {
        let mut all = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            if let Payload::ImportSection(imports) = payload.unwrap() {
                for import in imports.into_imports() {
                    let import = import.unwrap();
                    all.push(format!("{} {}", import.module, import.name));
                }
            }
        }
        all
    }

    #[test]
    fn both_files_call_a_function_by_the_same_short_name() {
        let script = "const all = { __wbg_now_0123456789abcdef: function() {}, __wbg_log_0: f }; wasm.__wbg_log_0(1)";
        let (wasm, script) = shorten(&module(), script).unwrap();
        assert_eq!(imports(&wasm), ["./a.js _0", "./a.js _1", "./b.js other"]);
        assert_eq!(script, "const all = { _0: function() {}, _1: f }; wasm.__wbg_log_0(1)");
    }

    #[test]
    fn a_script_that_lacks_a_function_is_an_error() {
        let said = shorten(&module(), "{ __wbg_log_0: f }").unwrap_err().to_string();
        assert_eq!(said, "the script gives 1 of 2 functions that the WASM asks for");
    }
}
