//! Makes the folder of files that the page loads, out of the compiled frontend: cuts the WASM into the
//! chunks of `app/src/lazy.rs`, lets wasm-bindgen write its JavaScript, and gives each file a name that no
//! other content ever has, so that browsers may keep it for ever. `scripts/build.sh` calls it.
//!
//! `cargo leptos build --split` does the same steps; `./run.sh dev` still uses it. This program is
//! compiled in a fraction of the time, and it names the files when their bytes are final.

mod arguments;
mod imports;
mod look;
mod names;
mod shrink;
mod split;
mod unused;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use arguments::Arguments;

/// Name of each file below the package's folder, and its bytes.
type Files = BTreeMap<String, Vec<u8>>;

/// Why there is no site.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("{0}")]
    Usage(String),
    #[error("{}: {cause}", path.display())]
    File { path: PathBuf, cause: io::Error },
    #[error("the WASM cannot be cut into chunks: {0}")]
    Split(String),
    #[error("wasm-bindgen: {0}")]
    Bindgen(String),
    #[error("{program}: {what}")]
    Program { program: String, what: String },
    #[error("{0}")]
    Names(String),
}

/// Names the file that an operation on it failed for.
trait At<T> {
    fn at(self, path: &Path) -> Result<T, Failed>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, Failed> {
        self.map_err(|cause| Failed::File { path: path.to_owned(), cause })
    }
}

fn main() -> ExitCode {
    match Arguments::read(std::env::args().skip(1)).and_then(|arguments| make(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            let _ = io::Write::write_fmt(&mut io::stderr(), format_args!("clutch-site: {failed}\n"));
            ExitCode::FAILURE
        }
    }
}

fn make(arguments: &Arguments) -> Result<(), Failed> {
    let mut files = split::code(&arguments.wasm, &arguments.name)?;
    for (sheet, from) in [("", &arguments.css), (names::LATER, &arguments.later)] {
        files.insert(format!("{}{sheet}.css", arguments.name), fs::read(from).at(from)?);
    }
    if let Some(small) = &arguments.small {
        shrink::code(&mut files, small)?;
    }
    let named = names::give(files, &arguments.name)?;

    if arguments.out.exists() {
        fs::remove_dir_all(&arguments.out).at(&arguments.out)?;
    }
    copy_folder(&arguments.assets, &arguments.out)?;
    let folder = arguments.out.join(&arguments.pkg);
    fs::create_dir_all(&folder).at(&folder)?;
    for (name, bytes) in &named.files {
        let path = folder.join(name);
        fs::write(&path, bytes).at(&path)?;
    }
    fs::write(&arguments.hashes, &named.hashes).at(&arguments.hashes)?;
    if arguments.small.is_some() {
        shrink::compress_folder(&arguments.out)?;
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Failed> {
    fs::create_dir_all(to).at(to)?;
    for entry in fs::read_dir(from).at(from)? {
        let path = entry.at(from)?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() {
            copy_folder(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name)).at(&path)?;
        }
    }
    Ok(())
}
