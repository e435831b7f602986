//! What an agent is told of a project before the first words of a chat (facts §2.5).

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use clutch_domain::{project::Project, task::Task};

/// Files that say most about a repository, in this order.
const FILES: [&str; 7] =
    ["AGENTS.md", "README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", ".cursorrules", ".clinerules", "docs/OVERVIEW.md"];
/// Most bytes of one file.
const FILE_MAX: usize = 50 * 1024;
/// Most bytes of all files.
const ALL_MAX: usize = 200 * 1024;

/// A file of a project, as agents are told it.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    /// Its path in the project.
    pub name: &'static str,
    /// Its text, cut to its limit.
    pub content: String,
    /// Whether it was cut.
    pub truncated: bool,
}

impl Told {
    fn told(&self) -> String {
        format!("\n\n## {}\n\n{}", self.name, self.content)
    }
}

/// The first message of a chat with the project's context before it.
pub async fn before(project: &Project, ticket: Option<&Task>, words: &str) -> String {
    let mut context = formatted(project).await;
    if let Some(ticket) = ticket {
        context.push_str(&format!(
            "\n\n## The ticket that this chat is about: T-{} {}\n\nId: {}\nStatus: {}\nPriority: {}",
            ticket.number,
            ticket.title,
            ticket.id,
            ticket.status.word(),
            ticket.priority.word(),
        ));
        if let Some(description) = &ticket.description {
            context.push_str(&format!("\n\n{}", description.as_str()));
        }
    }
    format!("[Project Context]\n\n{context}\n\n---\n\n[User Message]\n\n{words}")
}

/// What an agent is told of a project.
pub async fn formatted(project: &Project) -> String {
    let mut text = format!("# Project: {}\n", project.name);
    let mut say = |name: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            text.push_str(&format!("\n{name}: {value}"));
        }
    };
    say("Description", project.description.as_deref());
    say("Slug", Some(project.slug.as_str()));
    say("Working directory", project.local_path.as_deref());
    say("GitHub", project.github_repo.as_deref());
    let Some(folder) = &project.local_path else { return text };
    let folder = PathBuf::from(folder);
    for file in tokio::task::spawn_blocking(move || files(&folder)).await.unwrap_or_default() {
        text.push_str(&file.told());
    }
    text
}

/// The files of a project that say most about it.
pub async fn of(project: &Project) -> Vec<Told> {
    let Some(folder) = project.local_path.as_deref().map(PathBuf::from) else { return Vec::new() };
    tokio::task::spawn_blocking(move || files(&folder)).await.unwrap_or_default()
}

/// The files that are there, cut to their limits. A link that leads out of the project is not followed.
fn files(folder: &Path) -> Vec<Told> {
    let Ok(home) = folder.canonicalize() else { return Vec::new() };
    let mut found = Vec::new();
    let mut left = ALL_MAX;
    for name in FILES {
        let Some(bytes) = open_inside(&home, name).and_then(|file| read_at_most(file, FILE_MAX.min(left) + 1)) else {
            continue;
        };
        let most = FILE_MAX.min(left);
        let mut content = readable(&bytes);
        let truncated = bytes.len() > most || content.len() > most;
        if truncated {
            content.truncate(content.floor_char_boundary(most));
            content.push_str("\n... [truncated]");
        }
        left = left.saturating_sub(content.len());
        found.push(Told { name, content, truncated });
        if left == 0 {
            break;
        }
    }
    found
}

/// The text of a file, whatever its encoding: UTF-16 says so by its first bytes.
fn readable(bytes: &[u8]) -> String {
    let wide = |to: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| to([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    let text = match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    };
    clutch_domain::text::lines(&text)
}

/// A file of the folder, opened from folder to folder on the way that it has now. Links that stay inside
/// are followed, those that lead out are not, nor one that is put there between the look and the opening;
/// and nothing but a file is read: a pipe would never end.
fn open_inside(home: &Path, name: &str) -> Option<File> {
    use rustix::fs::{FileType, Mode, OFlags, fstat, open, openat};
    let real = home.join(name).canonicalize().ok()?;
    let way: Vec<_> = real.strip_prefix(home).ok()?.components().collect();
    let (last, folders) = way.split_last()?;
    let through = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut folder = open(home, through | OFlags::DIRECTORY, Mode::empty()).ok()?;
    for step in folders {
        folder = openat(&folder, step.as_os_str(), through | OFlags::DIRECTORY, Mode::empty()).ok()?;
    }
    let file = openat(&folder, last.as_os_str(), through | OFlags::NONBLOCK, Mode::empty()).ok()?;
    let is_file = FileType::from_raw_mode(fstat(&file).ok()?.st_mode) == FileType::RegularFile;
    is_file.then(|| File::from(file))
}

fn read_at_most(file: File, most: usize) -> Option<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    file.take(most as u64).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_encodings_are_read() {
        let wide = |text: &str, to: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to).collect::<Vec<u8>>();
        assert_eq!(readable(&wide("\u{feff}Grüße\r\n🦀", u16::to_le_bytes)), "Grüße\n🦀");
        assert_eq!(readable(&wide("\u{feff}Grüße", u16::to_be_bytes)), "Grüße");
        assert_eq!(readable(b"\xef\xbb\xbf# A\r\n\0b\x1b[31m\xff"), "# A\nb\u{fffd}");
        assert_eq!(readable(&[0xff, 0xfe]), "");
    }

    #[test]
    fn files_are_cut_and_stay_inside_the_project() {
        let dir = tempfile::tempdir().unwrap();
        let (project, outside) = (dir.path().join("project"), dir.path().join("secret.md"));
        std::fs::create_dir(&project).unwrap();
        std::fs::write(&outside, "secret").unwrap();
        std::fs::write(project.join("AGENTS.md"), "x".repeat(FILE_MAX + 10)).unwrap();
        std::os::unix::fs::symlink(&outside, project.join("README.md")).unwrap();
        std::fs::write(project.join("CONTRIBUTING.md"), "be kind").unwrap();
        let found = files(&project);
        assert_eq!(found.iter().map(|file| file.name).collect::<Vec<_>>(), ["AGENTS.md", "CONTRIBUTING.md"]);
        assert!(found[0].content.ends_with("... [truncated]") && found[0].content.len() < FILE_MAX + 20);
        assert_eq!(found.iter().map(|file| file.truncated).collect::<Vec<_>>(), [true, false]);
        assert_eq!(found[1].content, "be kind");
        assert!(files(&dir.path().join("not there")).is_empty());
    }

    #[test]
    fn links_inside_are_followed_and_pipes_are_not_read() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("docs")).unwrap();
        std::fs::write(dir.path().join("docs/guide.md"), "the guide").unwrap();
        std::os::unix::fs::symlink("docs/guide.md", dir.path().join("AGENTS.md")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", dir.path().join("CONTRIBUTING.md")).unwrap();
        std::fs::create_dir(dir.path().join("ARCHITECTURE.md")).unwrap();
        let pipe = dir.path().join("README.md");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let guide = Told { name: "AGENTS.md", content: "the guide".into(), truncated: false };
        assert_eq!(files(dir.path()), [guide]);
    }

    /// Whoever works in the repository may put a link there at any moment.
    #[test]
    fn a_link_that_comes_after_the_look_is_not_followed() {
        use std::sync::atomic::{AtomicBool, Ordering};
        let dir = tempfile::tempdir().unwrap();
        let (project, secret) = (dir.path().join("project"), dir.path().join("secret"));
        std::fs::create_dir_all(project.join("docs")).unwrap();
        std::fs::create_dir(&secret).unwrap();
        std::fs::write(secret.join("OVERVIEW.md"), "the secret").unwrap();
        let (aside, over) = (dir.path().join("aside"), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    // A file and a folder that become links, and back.
                    std::fs::write(project.join("README.md"), "read me").unwrap();
                    std::os::unix::fs::symlink(secret.join("OVERVIEW.md"), &aside).unwrap();
                    std::fs::rename(&aside, project.join("README.md")).unwrap();
                    std::fs::remove_file(project.join("README.md")).unwrap();
                    std::fs::create_dir(project.join("docs")).ok();
                    std::fs::write(project.join("docs/OVERVIEW.md"), "overview").unwrap();
                    std::fs::remove_dir_all(project.join("docs")).unwrap();
                    std::os::unix::fs::symlink(&secret, project.join("docs")).unwrap();
                    std::fs::remove_file(project.join("docs")).unwrap();
                }
            });
            for _ in 0..3_000 {
                for file in files(&project) {
                    assert!(!file.content.contains("secret"), "{}", file.name);
                }
            }
            over.store(true, Ordering::Relaxed);
        });
    }
}
