//! From the compiled frontend to JavaScript, WASM and its chunks.

use std::fs;
use std::path::Path;

use wasm_bindgen_cli_support::Bindgen;
use wasm_split_cli_support::Options;

use crate::names::{LINK, MANIFEST};
use crate::{At, Failed, Files, look};

/// Cuts the WASM at the functions of `app/src/lazy.rs` and runs wasm-bindgen over what is left of it.
/// The names are those that the files have among each other; [`crate::names`] gives the final ones.
pub fn code(wasm: &Path, name: &str) -> Result<Files, Failed> {
    let work = tempfile::tempdir().at(&std::env::temp_dir())?;
    let input = crate::unused::leave_out(fs::read(wasm).at(wasm)?)?;
    let main = work.path().join("main.wasm");
    let out = work.path().join("pkg");
    let chunks = wasm_split_cli_support::transform({
        let mut options = Options::new(&input);
        options.output_dir = &out;
        options.main_out_path = &main;
        let (script, link) = (format!("./{name}.js"), format!("./{LINK}"));
        // The options borrow their texts; two short ones for the length of the program.
        options.main_module = script.leak();
        options.link_name = link.leak();
        options
    })
    .map_err(|report| Failed::Split(format!("{report:#}")))?;
    drop(input);

    Bindgen::new()
        .input_path(&main)
        .out_name(name)
        .web(true)
        .map(|bindgen| bindgen.keep_lld_exports(true).demangle(false).typescript(false))
        .and_then(|bindgen| bindgen.generate(&out))
        .map_err(|error| Failed::Bindgen(format!("{error:#}")))?;

    let mut files = Files::new();
    for entry in fs::read_dir(&out).at(&out)? {
        let path = entry.at(&out)?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            // Code of other crates, which wasm-bindgen puts below `snippets`, would need names, too.
            return Err(Failed::Names(format!("{file} is a folder, and only files can be named")));
        }
        files.insert(file, fs::read(&path).at(&path)?);
    }
    // The page asks for it without the suffix.
    if let (Some(main), Some(script)) = (files.remove(&format!("{name}_bg.wasm")), files.remove(&format!("{name}.js")))
    {
        let (main, script) = crate::imports::shorten(&main, &String::from_utf8_lossy(&script))?;
        files.insert(format!("{name}.wasm"), main);
        files.insert(format!("{name}.js"), script.into_bytes());
    }
    if let Some(link) = files.get_mut(LINK) {
        *link = look::with(&String::from_utf8_lossy(link))?.into_bytes();
    }
    let manifest: serde_json::Map<_, _> = sorted(chunks.prefetch_map);
    files.insert(MANIFEST.into(), serde_json::Value::Object(manifest).to_string().into_bytes());
    Ok(files)
}

/// The same bytes for the same code, whatever order a hash map has.
fn sorted(map: std::collections::HashMap<String, Vec<String>>) -> serde_json::Map<String, serde_json::Value> {
    let sorted: std::collections::BTreeMap<_, _> = map.into_iter().collect();
    sorted.into_iter().map(|(name, chunks)| (name, chunks.into())).collect()
}
