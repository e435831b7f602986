//! One process per data folder: a locked file with the process id inside.
//! The lock goes with the process, however it ends; the file stays.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
};

use super::OpenError;

const LOCK_FILE: &str = "lock";

/// Holds the folder until it is dropped.
pub(super) struct FolderLock {
    _file: File,
}

/// Takes the folder, or says who has it.
pub(super) fn take(dir: &Path) -> Result<FolderLock, OpenError> {
    let folder = |e: std::io::Error| OpenError::Folder { dir: dir.to_path_buf(), why: e.to_string() };
    let path = dir.join(LOCK_FILE);
    // Not truncated: until the lock is ours, the content is somebody else's.
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(folder)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            // The number is a courtesy; a file that cannot be read only costs that.
            let _ = file.read_to_string(&mut text);
            return Err(OpenError::Locked { dir: dir.to_path_buf(), holder: text.trim().parse().ok() });
        }
        Err(TryLockError::Error(e)) => return Err(folder(e)),
    }
    // A full disk must not keep the program from starting: then the number is missing.
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    if let Err(e) = written {
        tracing::warn!(error = %e, "the process id could not be written into the lock file");
    }
    Ok(FolderLock { _file: file })
}
