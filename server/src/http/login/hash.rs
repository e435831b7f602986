//! Passwords and their hashes: argon2id, in OWASP's measure.

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version,
    password_hash::{PasswordHash as Phc, SaltString},
};
use clutch_domain::{
    access::{PASSWORD_MIN, PasswordHash},
    refusal::Refusal,
};
use clutch_orchestrator::{office::Error, store::Fault};
use ring::rand::{SecureRandom, SystemRandom};

/// A hash of no password: a name that nobody has takes as long to refuse as one that somebody has.
pub(super) const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// Longest password that is looked at, in bytes.
pub(super) const PASSWORD_MAX: usize = 1_024;

/// What a password must be, whoever gives it to whom.
pub(super) fn fits(password: &str) -> Result<(), Refusal> {
    if password.chars().count() < PASSWORD_MIN || password.len() > PASSWORD_MAX {
        return Err(Refusal::PasswordInvalid);
    }
    Ok(())
}

/// The hash of a password that somebody is given.
///
/// # Errors
/// It is too short or too long.
pub async fn hash(password: String) -> Result<PasswordHash, Error> {
    fits(&password)?;
    let done = tokio::task::spawn_blocking(move || hashed(&password)).await;
    Ok(done.map_err(|_| Fault::new("a password's hash broke off"))??.into())
}

/// OWASP's measure for argon2id: 19 MiB, two passes, one lane.
fn argon() -> Argon2<'static> {
    let params = Params::new(19 * 1_024, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

pub(super) fn hashed(password: &str) -> Result<String, Fault> {
    let mut salt = [0; 16];
    SystemRandom::new().fill(&mut salt).map_err(|_| Fault::new("the system gives no random numbers"))?;
    let failed = |error: argon2::password_hash::Error| Fault::new(format!("the password could not be hashed: {error}"));
    let salt = SaltString::encode_b64(&salt).map_err(failed)?;
    Ok(argon().hash_password(password.as_bytes(), &salt).map_err(failed)?.to_string())
}

pub(super) fn verifies(hash: &str, password: &str) -> bool {
    Phc::new(hash).is_ok_and(|hash| argon().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_tells_a_password_and_gives_none_away() {
        let hash = hashed("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, hashed("correct horse").unwrap(), "each has its salt");
        assert!(verifies(&hash, "correct horse"));
        for other in ["", "correct horse ", "Correct horse", &hash] {
            assert!(!verifies(&hash, other), "{other:?}");
        }
        assert!(!verifies("", "") && !verifies("$argon2id$", ""));
    }
}
