//! Pictures that agents leave on this machine: a line `IMAGE: /tmp/openclaw-images/<file>` of an answer
//! becomes a picture of the message (facts §4.2).

use std::{io, path::Path, sync::Arc};

use tokio::{fs, io::AsyncReadExt, sync::MutexGuard};

use super::{FILE_BYTES_MAX, Uploads, serve};

/// Where agents leave pictures.
const FOLDER: &str = "/tmp/openclaw-images/";
/// Most pictures that are taken for one answer; further lines stay as they are.
const TAKEN_MAX: usize = 8;

/// The file that a line names, if it is such a line.
fn named(line: &str) -> Option<&str> {
    let path = line.trim().strip_prefix("IMAGE:")?.trim();
    let inside = path.strip_prefix(FOLDER)?;
    let plain = inside.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    plain.then_some(path)
}

/// The words without such lines: what is shown while they are still being said.
pub fn without_names(words: &str) -> String {
    words.lines().filter(|line| named(line).is_none()).collect::<Vec<_>>().join("\n")
}

/// An agent's words with their pictures.
pub struct Taken<'u> {
    /// The words.
    pub words: String,
    // Held until they are kept, so that nobody keeps the same words without the pictures meanwhile.
    _turn: Option<MutexGuard<'u, ()>>,
}

impl Uploads {
    /// The words with the pictures that they name, kept here and removed there. A line whose file is not
    /// there, too large or no picture stays as it is. Keep the words before the answer is dropped.
    pub async fn taken(self: &Arc<Self>, words: &str) -> Taken<'_> {
        if !words.lines().any(|line| named(line).is_some()) {
            return Taken { words: words.to_owned(), _turn: None };
        }
        let turn = self.taking.lock().await;
        Taken { words: self.with_pictures(words).await, _turn: Some(turn) }
    }

    async fn with_pictures(self: &Arc<Self>, words: &str) -> String {
        let mut said: Vec<&str> = Vec::new();
        let mut pictures = Vec::new();
        for line in words.lines() {
            match named(line).filter(|_| pictures.len() < TAKEN_MAX) {
                Some(path) => match self.take(path).await {
                    Ok(name) => pictures.push(format!("![image](/uploads/images/{name})")),
                    Err(why) => {
                        tracing::info!(path, why, "a picture that an agent names was not taken");
                        said.push(line);
                    }
                },
                None => said.push(line),
            }
        }
        let said = said.join("\n");
        let mut blocks = vec![said.trim()];
        blocks.extend(pictures.iter().map(String::as_str));
        blocks.retain(|block| !block.is_empty());
        blocks.join("\n\n")
    }

    async fn take(self: &Arc<Self>, path: &str) -> Result<String, String> {
        // Neither the folder nor anything in it may lead elsewhere: what is there is removed.
        let place = Path::new(path);
        let real = fs::canonicalize(place).await.map_err(says)?;
        if real != place {
            return Err("it leads elsewhere".into());
        }
        let (file, size, _) = serve::open(place).await.map_err(says)?;
        if size > FILE_BYTES_MAX as u64 {
            return Err("it is larger than ten megabytes".into());
        }
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX as u64).read_to_end(&mut bytes).await.map_err(says)?;
        let kept = self.clone().keep(bytes).await.map_err(|unkept| format!("{unkept:?}"))?;
        if let Err(error) = fs::remove_file(place).await {
            tracing::info!(path, %error, "a picture that was taken could not be removed");
        }
        Ok(kept.name)
    }
}

fn says(error: io::Error) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_that_folder_are_meant() {
        for (line, meant) in [
            ("IMAGE: /tmp/openclaw-images/a.png", Some("/tmp/openclaw-images/a.png")),
            ("IMAGE:/tmp/openclaw-images/of/a b.png  ", Some("/tmp/openclaw-images/of/a b.png")),
            ("IMAGE: /tmp/openclaw-images/../../etc/passwd", None),
            ("IMAGE: /tmp/openclaw-images/", None),
            ("IMAGE: /tmp/openclaw-images//etc", None),
            ("IMAGE: /etc/passwd", None),
            ("IMAGE: https://x.y/a.png", None),
            ("See IMAGE: /tmp/openclaw-images/a.png", None),
        ] {
            assert_eq!(named(line), meant, "{line}");
        }
        assert_eq!(without_names("one\nIMAGE: /tmp/openclaw-images/a.png\ntwo"), "one\ntwo");
    }
}
