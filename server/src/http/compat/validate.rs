//! What the settings of a project name: a repository on GitHub, a folder on this machine (facts §2.20, §10.1).
//!
//! Of folders only those below the home are told, and below what `CLUTCH_ROOTS` adds: whoever asks of another learns
//! nothing, not even whether it is there.

use std::{
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
    let (path, roots) = (path.to_owned(), programs.roots.clone());
    let told = tokio::task::spawn_blocking(move || look(&path, &roots)).await;
    Ok(Json(told.unwrap_or_else(|_| json!({ "exists": false, "error": "The path cannot be looked at" }))))
}

/// What cannot be read as JSON is refused in the words that callers know.
fn plainly(failure: Failure) -> Failure {
    if failure.code() == "invalid_json" { Failure::invalid("invalid_json", "Invalid request body") } else { failure }
}

/// What is at a path.
fn look(path: &str, roots: &[PathBuf]) -> Value {
    let outside = || json!({ "exists": false, "error": OUTSIDE });
    let Some(wanted) = resolved(path, roots.first().map(PathBuf::as_path)) else { return outside() };
    let within = |path: &Path, roots: &[PathBuf]| roots.iter().any(|root| path.starts_with(root));
    if !within(&wanted, roots) {
        return outside();
    }
    let shown = wanted.display().to_string();
    match wanted.canonicalize() {
        Ok(real) => {
            // A link inside may lead out.
            let real_roots: Vec<PathBuf> = roots.iter().filter_map(|root| root.canonicalize().ok()).collect();
            if !within(&real, &real_roots) {
                return outside();
            }
            // A working copy beside another has a file of that name.
            let git = real.join(".git").exists();
            json!({ "exists": true, "isDirectory": real.is_dir(), "resolved": shown, "isGitRepository": git })
        }
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            json!({ "exists": false, "error": "This path cannot be read by the server" })
        }
        Err(_) => json!({ "exists": false, "resolved": shown }),
    }
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
        let told = |path: &str| look(path, &roots);
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
        assert_eq!(look("~", &[]), outside, "without a home nothing is told");
    }
}
