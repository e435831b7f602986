//! What lies in the data folder is its owner's alone: folders 0700, files 0600.
//!
//! Whatever the program makes is born so ([`guard`]); what older programs have left open is closed at
//! the start ([`close`]). Only what is certainly ours is touched: somebody may have named `/tmp` or
//! their home as the data folder.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use ring::rand::{SecureRandom, SystemRandom};

/// Bits of everybody but the owner.
const OTHERS: u32 = 0o077;
/// Set on folders that many share, as `/tmp`.
const STICKY: u32 = 0o1000;
/// Files of ours at the top of the data folder.
const FILES: [&str; 4] = ["clutch.db", "clutch.db-wal", "clutch.db-shm", "lock"];
/// Folders of ours in it.
const FOLDERS: [&str; 4] = ["identity", "logs", "uploads", "convex"];
/// Most things below one of these folders that are looked at: behind a closed folder they are closed too.
const LOOKED_AT: usize = 10_000;

/// From here on everything that this process makes belongs to its owner alone. Before threads begin.
pub fn guard() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(OTHERS));
}

/// What was found open, and what was done about it: sentences for the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// Closed now.
    pub closed: Vec<PathBuf>,
    /// Still open, and why.
    pub open: Vec<(PathBuf, String)>,
}

impl Closed {
    /// Says it in the log.
    pub fn tell(&self) {
        if let Some(first) = self.closed.first() {
            let many = self.closed.len();
            tracing::warn!(first = %first.display(), many, "others on this machine could read this; now only its owner can");
        }
        for (path, why) in &self.open {
            tracing::warn!(path = %path.display(), %why, "others on this machine can read this");
        }
    }
}

/// Closes the data folder and what is ours in it, and our files in a log folder elsewhere.
pub fn close(data_dir: &Path, log_dir: &Path) -> Closed {
    let mut done = Closed::default();
    let ours = |name: &str| fs::symlink_metadata(data_dir.join(name)).is_ok();
    let nothing_else = fs::read_dir(data_dir).is_ok_and(|mut entries| entries.next().is_none());
    if FILES.iter().chain(&FOLDERS).any(|name| ours(name)) || nothing_else {
        one(data_dir, &mut done);
    }
    FILES.iter().for_each(|name| one(&data_dir.join(name), &mut done));
    FOLDERS.iter().for_each(|name| all(&data_dir.join(name), &mut done));
    if !log_dir.starts_with(data_dir) {
        // The folder may be everybody's, as /var/log is; the files are ours.
        for entry in fs::read_dir(log_dir).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if ["server.log", "loop.log", "bridge.log"].iter().any(|log| name.starts_with(log)) {
                one(&entry.path(), &mut done);
            }
        }
    }
    done
}

/// A folder with everything in it; no link is followed.
fn all(top: &Path, done: &mut Closed) {
    let mut left = vec![top.to_path_buf()];
    let mut looked = 0;
    while let Some(path) = left.pop() {
        one(&path, done);
        looked += 1;
        let folder = fs::symlink_metadata(&path).is_ok_and(|m| m.is_dir());
        if folder && looked < LOOKED_AT {
            left.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
    }
}

fn one(path: &Path, done: &mut Closed) {
    let Ok(meta) = fs::symlink_metadata(path) else { return };
    let mode = meta.permissions().mode();
    if !(meta.is_dir() || meta.is_file()) || mode & OTHERS == 0 {
        return;
    }
    if mode & STICKY != 0 || meta.uid() != rustix::process::geteuid().as_raw() {
        done.open.push((path.to_owned(), "the folder or file is not this user's own".into()));
        return;
    }
    match fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o7777 & !OTHERS)) {
        // Some file systems take the word and do nothing.
        Ok(()) if fs::symlink_metadata(path).is_ok_and(|m| m.permissions().mode() & OTHERS != 0) => {
            done.open.push((path.to_owned(), "its file system knows no permissions".into()));
        }
        Ok(()) => done.closed.push(path.to_owned()),
        Err(error) => done.open.push((path.to_owned(), error.to_string())),
    }
}

/// Keeps a new file, whole or not at all, on the disk before this returns. False when there is one already.
///
/// # Errors
/// It could not be written.
pub fn keep_new(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut salt = [0_u8; 6];
    SystemRandom::new().fill(&mut salt).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    let salt: String = salt.iter().map(|b| format!("{b:02x}")).collect();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = Draft(folder.join(format!(".{name}.{salt}")));
    let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&draft.0)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    match fs::hard_link(&draft.0, path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        // Not every file system knows links.
        Err(_) => fs::rename(&draft.0, path)?,
    }
    fs::File::open(folder)?.sync_all()?;
    Ok(true)
}

/// A file that is being written; gone with the one who writes it.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is none.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn put(path: &Path, as_mode: u32) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(as_mode)).unwrap();
    }

    fn set(path: &Path, as_mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(as_mode)).unwrap();
    }

    #[test]
    fn what_an_older_program_left_open_is_closed_once() {
        let dir = tempfile::tempdir().unwrap();
        let (data, logs) = (dir.path().join("data"), dir.path().join("logs"));
        let ours =
            ["clutch.db", "clutch.db-wal", "lock", "logs/server.log", "uploads/images/a.png", "identity/device.json"];
        for name in ours {
            put(&data.join(name), 0o644);
        }
        put(&data.join("theirs.txt"), 0o644);
        put(&logs.join("loop.log.1"), 0o640);
        put(&logs.join("syslog"), 0o644);
        std::os::unix::fs::symlink(data.join("theirs.txt"), data.join("uploads/images/link.png")).unwrap();
        for folder in ["", "logs", "uploads", "uploads/images", "identity"] {
            set(&data.join(folder), 0o755);
        }
        set(&logs, 0o755);
        let done = close(&data, &logs);
        assert!(done.open.is_empty(), "{done:?}");
        for name in ours {
            assert_eq!(mode(&data.join(name)), 0o600, "{name}");
        }
        for folder in ["", "logs", "uploads", "uploads/images", "identity"] {
            assert_eq!(mode(&data.join(folder)), 0o700, "{folder}");
        }
        assert_eq!(mode(&logs.join("loop.log.1")), 0o600);
        assert_eq!((mode(&logs.join("syslog")), mode(&logs)), (0o644, 0o755), "not ours");
        assert_eq!(mode(&data.join("theirs.txt")), 0o644, "not ours, and no link leads there");
        assert_eq!(close(&data, &logs), Closed::default(), "nothing is left to close");
    }

    #[test]
    fn a_folder_that_many_share_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        put(&dir.path().join("somebody's"), 0o644);
        set(dir.path(), 0o755);
        assert_eq!(close(dir.path(), dir.path()), Closed::default(), "nothing here is ours");
        put(&dir.path().join("clutch.db"), 0o644);
        set(dir.path(), 0o1777);
        let done = close(dir.path(), dir.path());
        assert_eq!((mode(dir.path()), done.open.len()), (0o1777, 1), "{done:?}");
        assert_eq!(done.closed, [dir.path().join("clutch.db")]);
    }

    #[test]
    fn a_new_file_is_there_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("identity/session.key");
        assert!(keep_new(&path, b"first").unwrap());
        assert!(!keep_new(&path, b"second").unwrap(), "whoever was first counts");
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft is left");
    }
}
