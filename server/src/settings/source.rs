//! Where values come from: the environment over the file `.env.local`.

use std::{collections::BTreeMap, ffi::OsString, io, path::Path};

use super::{SETTINGS, SettingsError};

/// The file in the current folder.
pub(super) const FILE: &str = ".env.local";

/// The values of all names, and what people should know about where they come from.
#[derive(Clone, Debug, Default)]
pub struct Source {
    values: BTreeMap<String, String>,
    /// Lines that say nothing, each a sentence.
    pub(super) warnings: Vec<String>,
}

impl Source {
    /// Reads the process's environment and `.env.local` in the current folder. Fails where a value that
    /// somebody has set would be lost: a file that is there and cannot be read, a setting that is no text.
    pub fn from_process() -> Result<Self, SettingsError> {
        Self::of(Path::new(FILE))
    }

    /// Reads the process's environment and this file.
    pub fn of(file: &Path) -> Result<Self, SettingsError> {
        Self::read(file, std::env::vars_os())
    }

    fn read(file: &Path, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, SettingsError> {
        let bytes = match std::fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                return Err(SettingsError(format!(
                    "{} is there, but it cannot be read: {error}. Let this user read it, or take it away.",
                    shown(file)
                )));
            }
        };
        let text = text(&bytes).ok_or_else(|| {
            SettingsError(format!("{} is not text in UTF-8. Save it as UTF-8 and start again.", shown(file)))
        })?;
        let mut set = Vec::new();
        for (name, value) in environment {
            // A variable that is none of ours may be anything.
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => set.push((name, value)),
                Err(_) if SETTINGS.iter().any(|s| s.name == name) => {
                    return Err(SettingsError(format!("{name} is not text in UTF-8. Set it anew, or unset it.")));
                }
                Err(_) => {}
            }
        }
        Ok(Self::new(text, set))
    }

    /// Lays an environment over the text of an env file.
    pub fn new(file: &str, environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let (mut values, mut warnings) = (BTreeMap::new(), Vec::new());
        for (n, line) in file.lines().enumerate() {
            match env_line(line) {
                Line::Nothing => {}
                Line::Sets(name, value) => drop(values.insert(name, value)),
                // What stands there may be a secret.
                Line::Unclear => {
                    warnings.push(format!("Line {} of {FILE} is left out: it is not of the form NAME=value.", n + 1))
                }
            }
        }
        values.extend(environment.into_iter().filter(|(_, v)| !v.trim().is_empty()));
        Self { values, warnings }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        debug_assert!(
            name.starts_with("XDG_")
                || name.starts_with("LEPTOS_")
                || name == "HOME"
                || SETTINGS.iter().any(|s| s.name == name)
        );
        self.values.get(name).map(|v| v.trim()).filter(|v| !v.is_empty())
    }
}

fn shown(file: &Path) -> String {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned()).display().to_string()
}

/// The text of a file; editors of Windows begin it with a mark.
pub(super) fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).ok()
}

pub(super) enum Line {
    Nothing,
    Sets(String, String),
    Unclear,
}

pub(super) fn env_line(line: &str) -> Line {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    if line.is_empty() || line.starts_with('#') {
        return Line::Nothing;
    }
    let Some((name, value)) = line.split_once('=') else { return Line::Unclear };
    let value = value.trim();
    let quoted = |q: char| value.len() >= 2 && value.starts_with(q) && value.ends_with(q);
    let value = if quoted('"') || quoted('\'') { &value[1..value.len() - 1] } else { value };
    if value.is_empty() { Line::Nothing } else { Line::Sets(name.trim().to_owned(), value.to_owned()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn os(bytes: &[u8]) -> OsString {
        OsString::from_vec(bytes.to_vec())
    }

    #[test]
    fn files_as_editors_write_them() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE);
        let none = || Vec::<(OsString, OsString)>::new();
        assert!(Source::read(&file, none()).unwrap().get("PORT").is_none(), "no file is no trouble");
        for text in ["PORT=4000", "\u{feff}PORT=4000\r\nHOST=x\r\n", "\u{feff}export PORT='4000'", "#\n\n PORT = 4000 "]
        {
            std::fs::write(&file, text).unwrap();
            let source = Source::read(&file, none()).unwrap();
            assert_eq!(source.get("PORT"), Some("4000"), "{text:?}");
            assert!(source.warnings.is_empty(), "{text:?}");
        }
        std::fs::write(&file, "PORT=1\nOPENCLAW_TOKEN s3cret\n").unwrap();
        let source = Source::read(&file, none()).unwrap();
        assert_eq!(source.get("PORT"), Some("1"));
        assert_eq!(source.warnings, ["Line 2 of .env.local is left out: it is not of the form NAME=value."]);
    }

    #[test]
    fn a_file_that_is_there_and_says_nothing_is_no_default() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE);
        let none = || Vec::<(OsString, OsString)>::new();
        // UTF-16 as Windows writes it, and Latin-1.
        for bytes in [&b"\xff\xfeP\0O\0R\0T\0=\0"[..], b"CLUTCH_DATA_DIR=/srv/d\xe4nemark"] {
            std::fs::write(&file, bytes).unwrap();
            let error = Source::read(&file, none()).unwrap_err().0;
            assert!(error.contains("UTF-8") && error.contains(dir.path().to_str().unwrap()), "{error}");
        }
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        let error = Source::read(&file, none()).unwrap_err().0;
        assert!(error.contains("cannot be read") && error.contains(FILE), "{error}");
    }

    #[test]
    fn variables_that_are_no_text() {
        let nowhere = Path::new("/nowhere/at/all");
        let odd = [(os(b"ODD"), os(b"\xff")), (os(b"\xff"), os(b"x")), (os(b"PORT"), os(b"5"))];
        assert_eq!(Source::read(nowhere, odd).unwrap().get("PORT"), Some("5"));
        let ours = [(os(b"CLUTCH_DATA_DIR"), os(b"/srv/d\xe4nemark"))];
        let error = Source::read(nowhere, ours).unwrap_err().0;
        assert!(error.starts_with("CLUTCH_DATA_DIR is not text in UTF-8"), "{error}");
    }
}
