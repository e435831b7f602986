//! Log files: one per role, rotated by size, in the log folder.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tracing_subscriber::{EnvFilter, Layer, filter::filter_fn, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// A file is turned over when it has grown to this many bytes.
pub const LOG_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// How many old files of a role are kept: `server.log.1` is the youngest.
pub const LOGS_KEPT: u32 = 3;

/// A log file that turns itself over.
#[derive(Clone)]
struct Rotating(Arc<Mutex<Open>>);

struct Open {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Rotating {
    fn open(dir: &Path, role: &str) -> io::Result<Self> {
        let path = dir.join(format!("{role}.log"));
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Self(Arc::new(Mutex::new(Open { path, file, bytes }))))
    }
}

impl Open {
    fn turn_over(&mut self) -> io::Result<()> {
        let old = |n: u32| self.path.with_extension(format!("log.{n}"));
        for n in (1..LOGS_KEPT).rev() {
            let _ = fs::rename(old(n), old(n + 1));
        }
        fs::rename(&self.path, old(1))?;
        self.file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        self.bytes = 0;
        Ok(())
    }
}

impl Write for Rotating {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.bytes + line.len() as u64 > LOG_BYTES_MAX {
            open.turn_over()?;
        }
        open.file.write_all(line)?;
        open.bytes += line.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).file.flush()
    }
}

/// Which file a line belongs to, by its target.
fn role(target: &str) -> &'static str {
    if target.contains("::work") || target.contains("::worker") {
        "loop"
    } else if target.contains("::bridge") || target.starts_with("clutch_gateway") {
        "bridge"
    } else {
        "server"
    }
}

/// Starts logging into the folder, and warnings to standard error.
///
/// # Errors
/// The folder or a file in it cannot be written.
pub fn start(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let filter = EnvFilter::try_from_env("CLUTCH_LOG").unwrap_or_else(|_| EnvFilter::new("info,clutch=debug"));
    let mut layers = vec![
        fmt::layer()
            .with_writer(io::stderr)
            .with_target(false)
            .with_filter(tracing_subscriber::filter::LevelFilter::WARN)
            .boxed(),
    ];
    for name in ["server", "loop", "bridge"] {
        let out = Rotating::open(dir, name)?;
        let file = fmt::layer().with_ansi(false).with_writer(move || out.clone());
        layers.push(file.with_filter(filter_fn(move |meta| role(meta.target()) == name)).boxed());
    }
    tracing_subscriber::registry().with(layers).with(filter).try_init().map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_is_turned_over_and_old_ones_go() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Rotating::open(dir.path(), "server").unwrap();
        let line = vec![b'x'; (LOG_BYTES_MAX / 2 + 1) as usize];
        for _ in 0..6 {
            log.write_all(&line).unwrap();
        }
        let mut names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["server.log", "server.log.1", "server.log.2", "server.log.3"]);
    }

    #[test]
    fn lines_find_their_file() {
        for (target, want) in [
            ("clutch_orchestrator::work::driver", "loop"),
            ("clutch::worker", "loop"),
            ("clutch::bridge", "bridge"),
            ("clutch_gateway::actor", "bridge"),
            ("clutch::rest", "server"),
        ] {
            assert_eq!(role(target), want, "{target}");
        }
    }
}
