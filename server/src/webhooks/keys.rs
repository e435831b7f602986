//! The secrets of webhooks.
//!
//! No secret is stored, in no spelling: each is made anew of this server's key, the webhook's id and a number that grows
//! with each rotation. So whoever reads the store, or a backup of it, can sign nothing. The key lies in the data folder
//! like that of the cookies; servers that share a store share it through `CLUTCH_WEBHOOKS_KEY`. A webhook says by a
//! fingerprint which key its secret is made of, so that a server with another key does not sign with what no receiver
//! knows.

use std::{io, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use clutch_domain::{
    id::{DeliveryId, WebhookId},
    time::Millis,
    webhook::{Secret, Webhook},
};
use ring::{digest, hmac};

use crate::{http::session, settings};

/// What stands before a secret as people see it.
const PREFIX: &str = "whsec_";

/// The key of all secrets.
pub struct Keys {
    key: hmac::Key,
    fingerprint: String,
}

impl Keys {
    /// The key that is set, else the one in the data folder, which is made where there is none (mode 0600).
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub fn open(data_dir: &Path, set: Option<&settings::Secret>) -> io::Result<Self> {
        let bytes = match set {
            Some(set) => digest::digest(&digest::SHA256, set.reveal().as_bytes()).as_ref().to_vec(),
            None => session::key_in(&data_dir.join("identity").join("webhooks.key"))?,
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        let fingerprint = session::hex(&hmac::sign(&key, b"fingerprint").as_ref()[..4]);
        Ok(Self { key, fingerprint })
    }

    /// Names the key and does not give it away.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn bytes(&self, webhook: WebhookId, secret: &Secret) -> Option<hmac::Tag> {
        let words = format!("webhook {webhook} {}", secret.generation);
        (secret.key == self.fingerprint).then(|| hmac::sign(&self.key, words.as_bytes()))
    }

    /// A secret as whoever receives keeps it; `None` where it is made of another server's key.
    pub fn shown(&self, webhook: WebhookId, secret: &Secret) -> Option<String> {
        Some(format!("{PREFIX}{}", STANDARD.encode(self.bytes(webhook, secret)?)))
    }

    /// The signatures of what is sent now, by each secret that counts; `None` where this server has none of them.
    pub fn sign(&self, webhook: &Webhook, id: DeliveryId, at: Millis, body: &[u8]) -> Option<String> {
        let all: Vec<String> = webhook
            .secrets(at)
            .filter_map(|secret| self.bytes(webhook.id, secret))
            .map(|secret| signature(secret.as_ref(), &id.to_string(), seconds(at), body))
            .collect();
        (!all.is_empty()).then(|| all.join(" "))
    }
}

/// The moment as it is sent and signed.
pub fn seconds(at: Millis) -> i64 {
    at.0.div_euclid(1_000)
}

/// `v1,` and the HMAC-SHA256 of id, moment and body.
fn signature(secret: &[u8], id: &str, at: i64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    context.update(format!("{id}.{at}.").as_bytes());
    context.update(body);
    format!("v1,{}", STANDARD.encode(context.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clutch_domain::{id::Uuid, webhook::OldSecret};

    /// What the reference libraries of Standard Webhooks sign with the secret of their own tests.
    #[test]
    fn signatures_are_those_of_the_specification() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    fn secret(generation: u32, keys: &Keys) -> Secret {
        Secret { generation, key: keys.fingerprint().to_owned() }
    }

    #[test]
    fn secrets_come_back_after_a_restart_and_each_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let (first, again) = (Keys::open(dir.path(), None).unwrap(), Keys::open(dir.path(), None).unwrap());
        let other = Keys::open(tempfile::tempdir().unwrap().path(), None).unwrap();
        let (one, two) = (WebhookId(Uuid::from_u128(1)), WebhookId(Uuid::from_u128(2)));
        let shown = first.shown(one, &secret(1, &first)).unwrap();
        assert_eq!(again.shown(one, &secret(1, &again)).unwrap(), shown);
        assert!(shown.starts_with(PREFIX) && STANDARD.decode(&shown[PREFIX.len()..]).unwrap().len() == 32, "{shown}");
        assert_ne!(first.shown(two, &secret(1, &first)).unwrap(), shown);
        assert_ne!(first.shown(one, &secret(2, &first)).unwrap(), shown);
        // A server with another key knows that it is another.
        assert_eq!(other.shown(one, &secret(1, &first)), None);
        let text = crate::settings::Secret::of("a key that all servers of one store are given");
        let (here, there) = (
            Keys::open(dir.path(), Some(&text)).unwrap(),
            Keys::open(tempfile::tempdir().unwrap().path(), Some(&text)).unwrap(),
        );
        assert_eq!(here.shown(one, &secret(1, &here)), there.shown(one, &secret(1, &there)));
        assert_ne!(here.fingerprint(), first.fingerprint());
    }

    #[test]
    fn a_rotated_secret_signs_beside_the_new_one_as_long_as_it_counts() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(dir.path(), None).unwrap();
        let made: Webhook = serde_json::from_value(serde_json::json!({
            "id": Uuid::from_u128(1), "project": Uuid::from_u128(2), "url": "https://example.com/", "on": true,
            "secret": secret(2, &keys), "since": 0, "place": 0, "made_by": { "who": "loop" }, "created_at": 0,
        }))
        .unwrap();
        let id = DeliveryId(Uuid::from_u128(3));
        let old = Some(OldSecret { secret: secret(1, &keys), until: Millis(5_000) });
        let both = Webhook { old_secret: old, ..made.clone() };
        let alone = keys.sign(&made, id, Millis(4_000), b"{}").unwrap();
        let before =
            keys.sign(&Webhook { secret: secret(1, &keys), ..made.clone() }, id, Millis(4_000), b"{}").unwrap();
        assert_eq!(keys.sign(&both, id, Millis(4_000), b"{}").unwrap(), format!("{alone} {before}"));
        assert_eq!(keys.sign(&both, id, Millis(5_000), b"{}"), keys.sign(&made, id, Millis(5_000), b"{}"));
        let foreign = Webhook { secret: Secret { generation: 1, key: "00000000".into() }, ..made };
        assert_eq!(keys.sign(&foreign, id, Millis(4_000), b"{}"), None);
    }
}
