//! The command line.

use std::path::PathBuf;

use crate::Failed;

const USAGE: &str = "\
clutch-site --wasm FILE --css FILE --later FILE --assets FOLDER --out FOLDER --hashes FILE [--name NAME] [--pkg FOLDER]
            [--small --wasm-opt-flag=FLAG...]
--small needs wasm-opt and esbuild on PATH, and compresses each file besides";

/// What is made, out of what.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The compiled frontend, linked with its relocations.
    pub wasm: PathBuf,
    /// The stylesheet, ready.
    pub css: PathBuf,
    /// The stylesheet of what comes later, ready.
    pub later: PathBuf,
    /// Files that go into the site as they are.
    pub assets: PathBuf,
    /// The site; what was there goes.
    pub out: PathBuf,
    /// Where the server reads which names the files have.
    pub hashes: PathBuf,
    /// The name before the hash.
    pub name: String,
    /// The folder of code and style in the site.
    pub pkg: String,
    /// As small as can be, for people far away: takes a minute.
    pub small: Option<Small>,
}

/// How the code is made small.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Small {
    /// What wasm-opt is told.
    pub wasm_opt_flags: Vec<String>,
}

impl Arguments {
    /// Reads them; everything but `--small` takes a value.
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self, Failed> {
        let mut it = Self { name: "clutch".into(), pkg: "pkg".into(), ..Self::default() };
        while let Some(word) = words.next() {
            if word == "--small" {
                it.small.get_or_insert_default();
                continue;
            }
            if let Some(flag) = word.strip_prefix("--wasm-opt-flag=") {
                it.small.get_or_insert_default().wasm_opt_flags.push(flag.to_owned());
                continue;
            }
            let Some(value) = words.next() else { return Err(usage(&format!("{word} is unknown or lacks its value"))) };
            match word.as_str() {
                "--wasm" => it.wasm = value.into(),
                "--css" => it.css = value.into(),
                "--later" => it.later = value.into(),
                "--assets" => it.assets = value.into(),
                "--out" => it.out = value.into(),
                "--hashes" => it.hashes = value.into(),
                "--name" => it.name = value,
                "--pkg" => it.pkg = value,
                _ => return Err(usage(&format!("{word} is unknown"))),
            }
        }
        let needed = [
            ("--wasm", &it.wasm),
            ("--css", &it.css),
            ("--later", &it.later),
            ("--assets", &it.assets),
            ("--out", &it.out),
            ("--hashes", &it.hashes),
        ];
        match needed.iter().find(|(_, path)| path.as_os_str().is_empty()) {
            Some((name, _)) => Err(usage(&format!("{name} is missing"))),
            None => Ok(it),
        }
    }
}

fn usage(what: &str) -> Failed {
    Failed::Usage(format!("{what}\n\n{USAGE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, Failed> {
        Arguments::read(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn a_line_is_read_or_said_what_is_wrong_with_it() {
        let whole = "--wasm w --css c --later l --assets a --out o --hashes h";
        let it = read(whole).unwrap();
        assert_eq!((it.name.as_str(), it.pkg.as_str(), it.small), ("clutch", "pkg", None));
        let small = read(&format!("{whole} --small --wasm-opt-flag=-O1 --wasm-opt-flag=-g")).unwrap().small.unwrap();
        assert_eq!(small.wasm_opt_flags, ["-O1", "-g"]);
        for (line, said) in [
            ("--wasm w", "--css is missing"),
            ("--wasm", "--wasm is unknown or lacks its value"),
            ("--fast yes", "--fast is unknown"),
        ] {
            assert!(read(line).unwrap_err().to_string().starts_with(said), "{line}");
        }
    }
}
