//! The device key: an Ed25519 key that says which installation connects.
//!
//! Gateways pair with devices, and old ones give no rights to a connection without one.
//! File: `device.json` in the identity folder, mode 0600,
//! `{version: 1, deviceId, publicKeyPem (SPKI), privateKeyPem (PKCS8), createdAtMs}`,
//! the same shape as `~/.openclutch/identity/device.json` of earlier installations.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clutch_domain::time::Millis;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::{Deserialize, Serialize};

/// Name of the file in the identity folder.
pub const FILE_NAME: &str = "device.json";

/// DER of an Ed25519 `SubjectPublicKeyInfo` up to the raw key.
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// DER of an Ed25519 PKCS8 (version 0) private key up to the seed.
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Why the device key could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file or its folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a device key.
    #[error("{} is not a device key: {why}. Move it away to have a new one made", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The system gave no randomness for a new key.
    #[error("the system gave no random bytes for a device key")]
    NoRandomness,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    version: u32,
    device_id: String,
    public_key_pem: String,
    private_key_pem: String,
    created_at_ms: i64,
}

/// A device key, ready to sign.
pub struct Identity {
    device_id: String,
    pair: Ed25519KeyPair,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("device_id", &self.device_id).finish_non_exhaustive()
    }
}

/// What the signature of a `connect` covers.
#[derive(Clone, Copy, Debug)]
pub struct SignedParts<'a> {
    /// `client.id`.
    pub client_id: &'a str,
    /// `client.mode`.
    pub client_mode: &'a str,
    /// `role`.
    pub role: &'a str,
    /// `scopes`, in the order in which they are sent.
    pub scopes: &'a [&'a str],
    /// The challenge's `ts`, epoch milliseconds.
    pub signed_at_ms: i64,
    /// The shared token, or the empty text.
    pub token: &'a str,
    /// The challenge's nonce.
    pub nonce: &'a str,
}

impl Identity {
    /// Reads the key from `folder`, else copies it once from `legacy`, else makes one.
    ///
    /// # Errors
    /// When a file is there but unusable, or a new one cannot be kept.
    pub fn open(folder: &Path, legacy: Option<&Path>, now: Millis) -> Result<Self, IdentityError> {
        let path = folder.join(FILE_NAME);
        if let Some(known) = Self::read(&path)? {
            restrict(&path, 0o600).map_err(|source| IdentityError::Io { path, source })?;
            return Ok(known);
        }
        if let Some(legacy) = legacy
            && let Some(known) = Self::read(legacy)?
        {
            let bytes = fs::read(legacy).map_err(|source| IdentityError::Io { path: legacy.into(), source })?;
            return Self::keep(&path, &bytes, known);
        }
        let (seed, made) = Self::generate()?;
        let stored = made.stored(&seed, now);
        // A struct of texts and numbers always serialises.
        let bytes = serde_json::to_vec_pretty(&stored).unwrap_or_default();
        Self::keep(&path, &bytes, made)
    }

    /// A key that is not kept: for when the folder cannot be written.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn passing() -> Result<Self, IdentityError> {
        Self::generate().map(|(_, identity)| identity)
    }

    /// Lower-case hex of the SHA-256 of the raw public key.
    #[must_use]
    pub fn device_id(&self) -> &str {
        &self.device_id
    }

    /// The raw public key, base64url without padding.
    #[must_use]
    pub fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.public_key())
    }

    /// The v2 signature of a `connect`, base64url without padding. Both old and new gateways take v2.
    #[must_use]
    pub fn sign(&self, parts: &SignedParts<'_>) -> String {
        let payload = format!(
            "v2|{}|{}|{}|{}|{}|{}|{}|{}",
            self.device_id,
            parts.client_id,
            parts.client_mode,
            parts.role,
            parts.scopes.join(","),
            parts.signed_at_ms,
            parts.token,
            parts.nonce
        );
        URL_SAFE_NO_PAD.encode(self.pair.sign(payload.as_bytes()))
    }

    fn generate() -> Result<([u8; 32], Self), IdentityError> {
        let mut seed = [0_u8; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| IdentityError::NoRandomness)?;
        let identity = Self::from_seed(&seed).ok_or(IdentityError::NoRandomness)?;
        Ok((seed, identity))
    }

    fn from_seed(seed: &[u8; 32]) -> Option<Self> {
        Ed25519KeyPair::from_seed_unchecked(seed).ok().map(Self::from_pair)
    }

    fn from_pair(pair: Ed25519KeyPair) -> Self {
        let hash = digest(&SHA256, pair.public_key().as_ref());
        let device_id = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { device_id, pair }
    }

    fn stored(&self, seed: &[u8; 32], now: Millis) -> Stored {
        Stored {
            version: 1,
            device_id: self.device_id.clone(),
            public_key_pem: pem("PUBLIC KEY", &[&SPKI_PREFIX[..], self.pair.public_key().as_ref()].concat()),
            private_key_pem: pem("PRIVATE KEY", &[&PKCS8_PREFIX[..], &seed[..]].concat()),
            created_at_ms: now.0,
        }
    }

    /// `None` when there is no such file.
    fn read(path: &Path) -> Result<Option<Self>, IdentityError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(IdentityError::Io { path: path.into(), source }),
        };
        let malformed = |why| IdentityError::Malformed { path: path.into(), why };
        let stored: Stored =
            serde_json::from_slice(&bytes).map_err(|_| malformed("it is not JSON of the expected shape"))?;
        if stored.version != 1 {
            return Err(malformed("its version is not 1"));
        }
        let der = unpem(&stored.private_key_pem).ok_or_else(|| malformed("its private key is not PEM"))?;
        // Node writes PKCS8 without the public key, which only the `maybe_unchecked` reader takes.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
            .map_err(|_| malformed("its private key is not Ed25519 in PKCS8"))?;
        let identity = Self::from_pair(pair);
        if identity.device_id != stored.device_id {
            return Err(malformed("its deviceId does not belong to its key"));
        }
        Ok(Some(identity))
    }

    /// Writes the file whole or not at all. If another process was first, its key counts.
    fn keep(path: &Path, bytes: &[u8], made: Self) -> Result<Self, IdentityError> {
        let io = |source| IdentityError::Io { path: path.into(), source };
        let folder = path.parent().unwrap_or(Path::new("."));
        if !folder.exists() {
            fs::create_dir_all(folder).map_err(io)?;
            restrict(folder, 0o700).map_err(io)?;
        }
        let mut salt = [0_u8; 6];
        SystemRandom::new().fill(&mut salt).map_err(|_| IdentityError::NoRandomness)?;
        let draft = folder.join(format!(".{FILE_NAME}.{}", URL_SAFE_NO_PAD.encode(salt)));
        let written =
            write_private(&draft, bytes).and_then(|()| place(&draft, path, |from, to| fs::hard_link(from, to)));
        let removed = fs::remove_file(&draft);
        match written {
            Ok(Placed::Linked) => {
                removed.map_err(io)?;
                Ok(made)
            }
            // Somebody may have moved another one over it.
            Ok(Placed::Moved) => {
                Self::read(path)?.ok_or_else(|| IdentityError::Malformed { path: path.into(), why: "it vanished" })
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Self::read(path)?.ok_or_else(|| IdentityError::Malformed { path: path.into(), why: "it vanished" })
            }
            Err(error) => Err(io(error)),
        }
    }
}

enum Placed {
    Linked,
    Moved,
}

/// Gives a draft its name without replacing what has it. Some file systems (exFAT, some mounts) know no hard
/// links; there it is moved where nothing is yet.
fn place(draft: &Path, path: &Path, link: impl FnOnce(&Path, &Path) -> std::io::Result<()>) -> std::io::Result<Placed> {
    use std::io::ErrorKind::{AlreadyExists, PermissionDenied, Unsupported};
    match link(draft, path) {
        Ok(()) => Ok(Placed::Linked),
        Err(error) if matches!(error.kind(), PermissionDenied | Unsupported) => {
            if path.exists() {
                return Err(AlreadyExists.into());
            }
            fs::rename(draft, path).map(|()| Placed::Moved)
        }
        Err(error) => Err(error),
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let now = fs::metadata(path)?.permissions().mode() & 0o777;
    if now == mode { Ok(()) } else { fs::set_permissions(path, fs::Permissions::from_mode(mode)) }
}

#[cfg(not(unix))]
fn restrict(_: &Path, _: u32) -> std::io::Result<()> {
    Ok(())
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn unpem(text: &str) -> Option<Vec<u8>> {
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    STANDARD.decode(body).ok()
}

#[cfg(test)]
mod tests;
