//! What makes a site small on its way to the browser: programs of others over the code, and every file
//! compressed once, as hard as it goes, instead of with each request.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::arguments::Small;
use crate::{At, Failed, Files};

/// Runs wasm-opt over each WASM and esbuild over each script. A WASM is on two cores at a time.
pub fn code(files: &mut Files, small: &Small) -> Result<(), Failed> {
    let work = tempfile::tempdir().at(&std::env::temp_dir())?;
    let jobs: Vec<(&String, &mut Vec<u8>)> = files.iter_mut().collect();
    in_turns(jobs, |(file, bytes)| {
        let (from, to) = (work.path().join(file), work.path().join(format!("small-{file}")));
        let mut command = if file.ends_with(".wasm") {
            let mut command = Command::new("wasm-opt");
            command.args(&small.wasm_opt_flags).arg(&from).arg("-o").arg(&to);
            command
        } else if file.ends_with(".js") {
            let mut command = Command::new("esbuild");
            command.arg(&from).args(["--minify", "--format=esm", "--log-level=warning"]);
            command.arg(format!("--outfile={}", to.display()));
            command
        } else {
            return Ok(());
        };
        fs::write(&from, &**bytes).at(&from)?;
        run(&mut command)?;
        *bytes = fs::read(&to).at(&to)?;
        Ok(())
    })
}

/// Lays `FILE.br` and `FILE.gz` beside each file.
pub fn compress_folder(folder: &Path) -> Result<(), Failed> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).at(&folder)? {
            let path = entry.at(&folder)?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    in_turns(files, |path| {
        let bytes = fs::read(&path).at(&path)?;
        let beside = |kind: &str| {
            let mut name = path.clone().into_os_string();
            name.push(kind);
            name
        };
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let gz = gz.write_all(&bytes).and_then(|()| gz.finish()).at(&path)?;
        fs::write(beside(".gz"), gz).at(&path)?;
        let mut br = Vec::new();
        brotli::BrotliCompress(&mut bytes.as_slice(), &mut br, &brotli::enc::BrotliEncoderParams::default())
            .at(&path)?;
        fs::write(beside(".br"), br).at(&path)
    })
}

/// Does each job, as many at once as the machine has cores; the first failure is the answer.
fn in_turns<T: Send>(jobs: Vec<T>, work: impl Fn(T) -> Result<(), Failed> + Sync) -> Result<(), Failed> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let queue = std::sync::Mutex::new(jobs.into_iter());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let job = queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
                        match job {
                            Some(job) => work(job)?,
                            None => return Ok(()),
                        }
                    }
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
}

fn run(command: &mut Command) -> Result<(), Failed> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |what: String| Failed::Program { program: program.clone(), what };
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_laid_beside_itself_smaller() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("pkg")).unwrap();
        let text = "the same words again and again, ".repeat(100);
        for name in ["a.svg", "pkg/b.js"] {
            fs::write(folder.path().join(name), &text).unwrap();
        }
        compress_folder(folder.path()).unwrap();
        for name in ["a.svg", "pkg/b.js"] {
            let read = |kind: &str| fs::read(folder.path().join(format!("{name}{kind}"))).unwrap();
            let mut gz = String::new();
            std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&read(".gz")[..]), &mut gz).unwrap();
            let mut br = Vec::new();
            brotli::BrotliDecompress(&mut &read(".br")[..], &mut br).unwrap();
            assert!(gz == text && br == text.as_bytes(), "{name}");
        }
    }

    #[test]
    fn what_a_program_says_is_the_failure() {
        let said = run(Command::new("sh").args(["-c", "echo no room >&2; exit 3"])).unwrap_err().to_string();
        assert_eq!(said, "sh: exit status: 3: no room");
        let jobs = in_turns(vec![1, 2, 3], |job| if job == 2 { run(&mut Command::new("false")) } else { Ok(()) });
        assert!(jobs.is_err());
    }
}
