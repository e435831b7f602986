//! What the settings of a project name: a repository on GitHub, a folder on this machine (facts §2.20, §10.1).
//!
//! Of folders only those below the home are told, and below what `CLUTCH_ROOTS` adds: whoever asks of another learns
//! nothing, not even whether it is there.

use std::{
    io::Read,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{body::Body, error::Failure, programs::Programs};

type Answer = Result<Json<Value>, Failure>;

/// What is told of a path that leads elsewhere.
const OUTSIDE: &str =
    "This path is outside of the folders that may be looked at: your home, and what CLUTCH_ROOTS names";

/// `POST /api/validate/github`.
pub async fn github(State(programs): State<Arc<Programs>>, body: Result<Body, Failure>) -> Answer {
    let body = body.map_err(plainly)?;
    let needed = "Repository is required and must be a string";
    let repo = match body.some("repo") {
        Some(Value::String(repo)) if !repo.is_empty() => repo,
        _ => return Err(Failure::invalid("field_missing", needed)),
    };
    Ok(Json(programs.github.look(repo).await))
}

/// `POST /api/validate/path`.
pub async fn path(State(programs): State<Arc<Programs>>, body: Result<Body, Failure>) -> Answer {
    let body = body.map_err(plainly)?;
    let path = match body.some("path") {
        Some(Value::String(path)) => path.trim(),
        _ => return Err(Failure::invalid("field_missing", "Path is required and must be a string")),
    };
    if path.is_empty() {
        return Err(Failure::invalid("field_missing", "Path cannot be empty"));
    }
    Ok(Json(told(&place(path, &programs.roots).await)))
}

/// What is at a path.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing is told of it, not even whether it is there.
    Outside,
    /// The server may not read it.
    Unreadable,
    /// Nothing.
    Missing {
        /// The path that was meant.
        shown: PathBuf,
    },
    /// Something.
    There {
        /// The path that was meant.
        shown: PathBuf,
        /// A folder, no file.
        folder: bool,
        /// A git repository, or a working copy of one.
        git: bool,
        /// The branch that it is on, where that can be read.
        branch: Option<String>,
    },
}

/// Looks at a path, off the threads that serve.
pub async fn place(path: &str, roots: &[PathBuf]) -> Place {
    let (path, roots) = (path.to_owned(), roots.to_owned());
    tokio::task::spawn_blocking(move || look(&path, &roots)).await.unwrap_or(Place::Unreadable)
}

/// The answer that callers know.
fn told(place: &Place) -> Value {
    match place {
        Place::Outside => json!({ "exists": false, "error": OUTSIDE }),
        Place::Unreadable => json!({ "exists": false, "error": "This path cannot be read by the server" }),
        Place::Missing { shown } => json!({ "exists": false, "resolved": shown.display().to_string() }),
        Place::There { shown, folder, git, .. } => json!({
            "exists": true, "isDirectory": folder, "resolved": shown.display().to_string(), "isGitRepository": git,
        }),
    }
}

/// What cannot be read as JSON is refused in the words that callers know.
fn plainly(failure: Failure) -> Failure {
    if failure.code() == "invalid_json" { Failure::invalid("invalid_json", "Invalid request body") } else { failure }
}

/// What is at a path.
fn look(path: &str, roots: &[PathBuf]) -> Place {
    let Some(shown) = resolved(path, roots.first().map(PathBuf::as_path)) else { return Place::Outside };
    let within = |path: &Path, roots: &[PathBuf]| roots.iter().any(|root| path.starts_with(root));
    if !within(&shown, roots) {
        return Place::Outside;
    }
    match shown.canonicalize() {
        Ok(real) => {
            // A link inside may lead out.
            let real_roots: Vec<PathBuf> = roots.iter().filter_map(|root| root.canonicalize().ok()).collect();
            if !within(&real, &real_roots) {
                return Place::Outside;
            }
            let dot_git = real.join(".git");
            let inside = |path: &Path| path.canonicalize().ok().filter(|path| within(path, &real_roots));
            let branch = branch(&dot_git, inside);
            Place::There { shown, folder: real.is_dir(), git: dot_git.exists(), branch }
        }
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Place::Unreadable,
        Err(_) => Place::Missing { shown },
    }
}

/// Most bytes that are read of a file of git's.
const LINE_MAX: u64 = 4_096;

/// The branch that a repository is on, by its own files. `inside` says where a path leads, if that may be looked at.
fn branch(dot_git: &Path, inside: impl Fn(&Path) -> Option<PathBuf>) -> Option<String> {
    let line = |path: &Path| {
        let path = inside(path).filter(|path| path.is_file())?;
        let mut text = String::new();
        std::fs::File::open(path).ok()?.take(LINE_MAX).read_to_string(&mut text).ok()?;
        text.lines().next().map(str::to_owned)
    };
    let folder = match line(dot_git) {
        // A working copy beside another says where its files are.
        Some(said) => dot_git.parent()?.join(said.strip_prefix("gitdir:")?.trim()),
        None => dot_git.to_owned(),
    };
    let head = line(&folder.join("HEAD"))?;
    head.strip_prefix("ref: refs/heads/").map(|branch| branch.trim().to_owned())
}

/// The absolute path, without looking at the disk; `~` and what is relative belong to the home.
fn resolved(path: &str, home: Option<&Path>) -> Option<PathBuf> {
    if path.contains('\0') {
        return None;
    }
    let path = match path.strip_prefix('~') {
        Some("") => home?.to_owned(),
        Some(rest) if rest.starts_with('/') => home?.join(rest.trim_start_matches('/')),
        _ if path.starts_with('/') => PathBuf::from(path),
        _ => home?.join(path),
    };
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => _ = whole.pop(),
            Component::CurDir => {}
            other => whole.push(other),
        }
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_inside_and_paths_that_lead_out() {
        let dir = tempfile::tempdir().unwrap();
        let (home, more, secret) = (dir.path().join("home"), dir.path().join("more"), dir.path().join("secret"));
        for folder in [&home, &more, &secret, &home.join("repo/.git"), &dir.path().join("homely")] {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(home.join("file"), "").unwrap();
        std::fs::write(secret.join("key"), "").unwrap();
        std::os::unix::fs::symlink(&secret, home.join("out")).unwrap();
        std::os::unix::fs::symlink("repo", home.join("in")).unwrap();
        let roots = [home.clone(), more.clone()];
        let told = |path: &str| told(&look(path, &roots));
        let at = |path: &Path| told(path.to_str().unwrap());
        let there = |folder: bool, git: bool, path: PathBuf| json!({ "exists": true, "isDirectory": folder, "resolved": path, "isGitRepository": git });
        assert_eq!(at(&home), there(true, false, home.clone()));
        for path in ["~/repo", "repo", "./repo/", "repo/../repo"] {
            assert_eq!(told(path), there(true, true, home.join("repo")), "{path}");
        }
        assert_eq!(told("~/in"), there(true, true, home.join("in")));
        assert_eq!(told("file"), there(false, false, home.join("file")));
        assert_eq!(told("~"), there(true, false, home.clone()));
        assert_eq!(at(&more), there(true, false, more.clone()));
        assert_eq!(told("nothing/here"), json!({ "exists": false, "resolved": home.join("nothing/here") }));
        let outside = json!({ "exists": false, "error": OUTSIDE });
        for path in
            ["/", "/etc/passwd", "/nowhere", "..", "~/..", "repo/../../secret", "out", "out/key", "~root/x\0", "a\0b"]
        {
            assert_eq!(told(path), outside, "{path:?}");
        }
        for path in [secret.join("key"), secret.join("nothing"), dir.path().join("homely")] {
            assert_eq!(at(&path), outside, "{}", path.display());
        }
        assert_eq!(look("~", &[]), Place::Outside, "without a home nothing is told");
    }
    #[test]
    fn the_branch_is_read_where_it_may_be() {
        let dir = tempfile::tempdir().unwrap();
        let (home, secret) = (dir.path().join("home"), dir.path().join("secret"));
        let roots = [home.clone()];
        let of = |name: &str| match look(&format!("~/{name}"), &roots) {
            Place::There { git: true, branch, .. } => branch,
            other => panic!("{name}: {other:?}"),
        };
        for folder in
            [home.join("a/.git/worktrees/b"), home.join("b"), home.join("out"), home.join("file"), secret.clone()]
        {
            std::fs::create_dir_all(folder).unwrap();
        }
        assert_eq!(of("a"), None, "without a head");
        for (head, branch) in [
            ("ref: refs/heads/main\n", Some("main")),
            ("ref: refs/heads/feature/x", Some("feature/x")),
            ("0123456789012345678901234567890123456789\n", None),
            ("", None),
        ] {
            std::fs::write(home.join("a/.git/HEAD"), head).unwrap();
            assert_eq!(of("a").as_deref(), branch, "{head}");
        }
        std::fs::write(home.join("a/.git/worktrees/b/HEAD"), "ref: refs/heads/beside\n").unwrap();
        for gitdir in [home.join("a/.git/worktrees/b").display().to_string(), "../a/.git/worktrees/b".to_owned()] {
            std::fs::write(home.join("b/.git"), format!("gitdir: {gitdir}\n")).unwrap();
            assert_eq!(of("b").as_deref(), Some("beside"), "{gitdir}");
        }
        // What leads out is not read.
        std::fs::write(secret.join("HEAD"), "ref: refs/heads/secret\n").unwrap();
        std::fs::write(home.join("b/.git"), format!("gitdir: {}\n", secret.display())).unwrap();
        std::fs::write(home.join("file/.git"), "gitdir: ../../secret\n").unwrap();
        std::os::unix::fs::symlink(&secret, home.join("out/.git")).unwrap();
        for name in ["b", "file", "out"] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
