//! Where pictures lie.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::Semaphore;

use super::{
    DECODERS,
    picture::{self, Kind, Picture, Trouble},
};

/// Ends the name of a file that is being written.
const UNFINISHED: &str = ".part";
/// Bytes of a random name.
const NAME_BYTES: usize = 16;

/// The folder of pictures.
pub struct Uploads {
    dir: PathBuf,
    quota_mb: u64,
    random: SystemRandom,
    decoders: Arc<Semaphore>,
    // Of two that bring one answer, the second finds what the first has made of its pictures.
    pub(super) taking: tokio::sync::Mutex<()>,
    // Counting and writing is one step, so that two uploads do not both take the last place.
    writing: Mutex<()>,
}

/// A picture that is kept.
#[derive(Debug)]
pub struct Kept {
    /// File name.
    pub name: String,
    /// Bytes.
    pub size: usize,
    /// What it is.
    pub kind: Kind,
    /// Only the first picture of an animation was kept.
    pub stopped: bool,
}

/// Why a picture is not kept.
#[derive(Debug)]
pub enum Unkept {
    /// It is not one that we take.
    Picture(Trouble),
    /// No room.
    Full {
        /// The folder.
        place: PathBuf,
        /// Its limit.
        limit_mb: u64,
    },
    /// Ours.
    Fault(String),
}

impl From<Trouble> for Unkept {
    fn from(trouble: Trouble) -> Self {
        Self::Picture(trouble)
    }
}

impl Uploads {
    /// The pictures of this folder, of at most `quota_mb` megabytes (of 1024 · 1024 bytes) together.
    /// Sweeps what a program that was killed had begun. The folder is made by the first picture.
    pub fn open(dir: PathBuf, quota_mb: u64) -> Self {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            if is_unfinished(&entry.file_name().to_string_lossy())
                && let Err(error) = fs::remove_file(entry.path())
            {
                tracing::warn!(path = %entry.path().display(), %error, "an unfinished upload could not be removed");
            }
        }
        Self {
            dir,
            quota_mb,
            random: SystemRandom::new(),
            decoders: Arc::new(Semaphore::new(DECODERS)),
            taking: tokio::sync::Mutex::default(),
            writing: Mutex::default(),
        }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Cleans a picture and keeps it.
    pub async fn keep(self: Arc<Self>, bytes: Vec<u8>) -> Result<Kept, Unkept> {
        let uploads = self.clone();
        self.decoded(bytes, move |picture| uploads.write(&picture)).await
    }

    /// Cleans a picture that is not kept here.
    pub async fn clean(&self, bytes: Vec<u8>) -> Result<Picture, Unkept> {
        self.decoded(bytes, Ok).await
    }

    async fn decoded<T: Send + 'static>(
        &self,
        bytes: Vec<u8>,
        then: impl FnOnce(Picture) -> Result<T, Unkept> + Send + 'static,
    ) -> Result<T, Unkept> {
        let place = self.decoders.clone().acquire_owned().await.map_err(|e| Unkept::Fault(e.to_string()))?;
        let work = tokio::task::spawn_blocking(move || {
            // Held here: whoever sent it may be gone before it is decoded.
            let _place = place;
            let picture = picture::clean(&bytes)?;
            drop(bytes);
            then(picture)
        });
        // A decoder that panics has met a picture that it cannot read.
        work.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a picture could not be decoded");
            Err(Trouble::Broken.into())
        })
    }

    fn write(&self, picture: &Picture) -> Result<Kept, Unkept> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = |error: io::Error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => self.full(),
            _ => Unkept::Fault(format!("{}: {error}", self.dir.display())),
        };
        fs::create_dir_all(&self.dir).map_err(fault)?;
        let size = picture.bytes.len();
        if self.used().map_err(fault)?.saturating_add(size as u64) > self.quota_mb.saturating_mul(1024 * 1024) {
            return Err(self.full());
        }
        let mut name = [0; NAME_BYTES];
        self.random.fill(&mut name).map_err(|_| Unkept::Fault("the system gives no random numbers".into()))?;
        let name: String = name.iter().map(|b| format!("{b:02x}")).collect();
        let unfinished = Unfinished(self.dir.join(format!("{name}{UNFINISHED}")));
        let name = format!("{name}.{}", picture.kind.extension());
        let mut file =
            fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&unfinished.0).map_err(fault)?;
        file.write_all(&picture.bytes).and_then(|()| file.sync_all()).map_err(fault)?;
        fs::rename(&unfinished.0, self.dir.join(&name)).map_err(fault)?;
        fs::File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(fault)?;
        Ok(Kept { name, size, kind: picture.kind, stopped: picture.stopped })
    }

    /// Counted each time: files may be removed by hand, and thousands are counted in milliseconds.
    fn used(&self) -> io::Result<u64> {
        let mut used = 0;
        for entry in fs::read_dir(&self.dir)? {
            used += entry?.metadata().map_or(0, |m| m.len());
        }
        Ok(used)
    }

    fn full(&self) -> Unkept {
        Unkept::Full { place: self.dir.clone(), limit_mb: self.quota_mb }
    }
}

/// One of ours: the folder may hold other files too.
fn is_unfinished(name: &str) -> bool {
    name.strip_suffix(UNFINISHED)
        .is_some_and(|name| name.len() == 2 * NAME_BYTES && name.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// A file that is being written; gone if it is not renamed.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After the rename there is none.
        let _ = fs::remove_file(&self.0);
    }
}
