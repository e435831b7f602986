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

/// Keeps what is written at once on one line: an event is written at once, and a line break in words that
/// somebody else chose would look like another event.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let (line, end) = event.strip_suffix(b"\n").map_or((event, &b""[..]), |line| (line, b"\n"));
        if !line.iter().any(|b| matches!(b, b'\n' | b'\r')) {
            return self.0.write_all(event).map(|()| event.len());
        }
        let mut whole = Vec::with_capacity(event.len() + 16);
        for byte in line {
            match byte {
                b'\n' => whole.extend(b"\\n"),
                b'\r' => whole.extend(b"\\r"),
                other => whole.push(*other),
            }
        }
        whole.extend(end);
        self.0.write_all(&whole).map(|()| event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
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

/// What is logged where nobody says otherwise.
const DEFAULT: &str = "info,clutch=debug";

/// Starts logging into the folder, and warnings to standard error. From here on a panic is in the log too,
/// with its place. Answers a sentence if `wanted` is no filter, and the default holds.
///
/// # Errors
/// The folder or a file in it cannot be written.
pub fn start(dir: &Path, wanted: Option<&str>) -> io::Result<Option<String>> {
    fs::create_dir_all(dir)?;
    let (filter, warning) = match wanted.map(EnvFilter::try_new) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => {
            let sentence = format!("CLUTCH_LOG is not understood ({error}): {DEFAULT} is used.");
            (EnvFilter::new(DEFAULT), Some(sentence))
        }
        None => (EnvFilter::new(DEFAULT), None),
    };
    let mut layers = vec![
        fmt::layer()
            .with_writer(|| OneLine(io::stderr()))
            .with_target(false)
            .with_filter(tracing_subscriber::filter::LevelFilter::WARN)
            .boxed(),
    ];
    for name in ["server", "loop", "bridge"] {
        let out = Rotating::open(dir, name)?;
        let file = fmt::layer().with_ansi(false).with_writer(move || OneLine(out.clone()));
        layers.push(file.with_filter(filter_fn(move |meta| role(meta.target()) == name)).boxed());
    }
    tracing_subscriber::registry().with(layers).with(filter).try_init().map_err(io::Error::other)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(warning)
}

/// Most lines of a trace that are logged.
const TRACE_LINES: usize = 120;

/// Says of a panic what, where and in which thread, and how it came there. Whoever catches it knows none of that.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let thread = std::thread::current();
    let what = panic.payload_as_str().unwrap_or("no words");
    tracing::error!(%place, thread = thread.name().unwrap_or("without a name"), what, "panic");
    let trace = std::backtrace::Backtrace::force_capture().to_string();
    // The hook's own calls come first, and nobody looks for those.
    let ours = trace.lines().skip_while(|line| !line.contains("rust_begin_unwind") && !line.contains("panic_fmt"));
    for line in ours.take(TRACE_LINES) {
        tracing::debug!("panic: {}", line.trim_end());
    }
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
    fn an_event_is_one_line() {
        let mut out = Vec::new();
        let mut one = OneLine(&mut out);
        one.write_all(b"INFO plain\n").unwrap();
        one.write_all(b"WARN why=a\nERROR forged\r\nb\n").unwrap();
        one.write_all(b"no end\n\n").unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "INFO plain\nWARN why=a\\nERROR forged\\r\\nb\nno end\\n\n");
    }

    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<u8>>>);

    impl Write for Heard {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_in_the_log_with_its_place() {
        let heard = Heard::default();
        let out = heard.clone();
        let subscriber = tracing_subscriber::registry()
            .with(fmt::layer().with_ansi(false).with_writer(move || OneLine(out.clone())));
        let before = std::panic::take_hook();
        let _ = tracing::subscriber::with_default(subscriber, || {
            std::panic::set_hook(Box::new(log_panic));
            std::panic::catch_unwind(|| panic!("on\npurpose"))
        });
        std::panic::set_hook(before);
        let text = String::from_utf8(heard.0.lock().unwrap().clone()).unwrap();
        let first = text.lines().next().unwrap();
        for part in ["ERROR", "panic", "src/logs.rs:", "on\\npurpose", "thread=", "a_panic_is_in_the_log"] {
            assert!(first.contains(part), "{part}: {first}");
        }
        assert!(text.lines().skip(1).any(|line| line.contains("logs::tests")), "how it came there: {text}");
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
