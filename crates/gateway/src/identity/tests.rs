use std::os::unix::fs::PermissionsExt;

use super::*;

/// Made with node's crypto from the seed 00 01 … 1f; node writes the same file shape.
const FROM_NODE: &str = r#"{"version":1,"deviceId":"56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c","publicKeyPem":"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\n-----END PUBLIC KEY-----\n","privateKeyPem":"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----\n","createdAtMs":1}"#;
const NODES_SIGNATURE: &str = "XLINRPhFBKvnkib6bL1vCYuaPUkW9SO3GhmkYt7Q9wu_2r1wJ7kvhKl7LaKiuOdgU-efMTAe7N3yRJR8TOJ2AA";

#[test]
fn the_v2_signature_is_the_one_that_node_makes() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(FILE_NAME), FROM_NODE).unwrap();
    let identity = Identity::open(folder.path(), None, Millis(0)).unwrap();
    assert_eq!(identity.public_key(), "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg");
    let parts = SignedParts {
        client_id: "gateway-client",
        client_mode: "backend",
        role: "operator",
        scopes: &["operator.admin", "operator.read"],
        signed_at_ms: 1_795_330_629_421,
        token: "test-token",
        nonce: "eefbc841-0000",
    };
    assert_eq!(identity.sign(&parts), NODES_SIGNATURE);
    assert_ne!(identity.sign(&SignedParts { token: "", ..parts }), NODES_SIGNATURE);
}

#[test]
fn what_we_write_is_byte_for_byte_what_node_writes() {
    let seed: [u8; 32] = std::array::from_fn(|n| u8::try_from(n).unwrap());
    let identity = Identity::from_seed(&seed).unwrap();
    let ours = serde_json::to_value(identity.stored(&seed, Millis(1))).unwrap();
    assert_eq!(ours, serde_json::from_str::<serde_json::Value>(FROM_NODE).unwrap());
}

#[test]
fn a_new_key_is_private_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("identity");
    let first = Identity::open(&inner, None, Millis(5)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    assert_eq!(mode(&inner.join(FILE_NAME)), 0o600);
    fs::set_permissions(inner.join(FILE_NAME), fs::Permissions::from_mode(0o644)).unwrap();
    let again = Identity::open(&inner, None, Millis(6)).unwrap();
    assert_eq!(again.device_id(), first.device_id());
    assert_eq!(mode(&inner.join(FILE_NAME)), 0o600, "a file that others could read is closed");
    assert_eq!(fs::read_dir(&inner).unwrap().count(), 1, "no draft is left behind");
}

#[test]
fn an_old_installations_key_is_copied_once() {
    let (ours, old) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let legacy = old.path().join("device.json");
    fs::write(&legacy, FROM_NODE).unwrap();
    let copied = Identity::open(ours.path(), Some(&legacy), Millis(5)).unwrap();
    assert!(copied.device_id().starts_with("56475aa7"));
    fs::write(&legacy, "not read again").unwrap();
    let again = Identity::open(ours.path(), Some(&legacy), Millis(5)).unwrap();
    assert_eq!(again.device_id(), copied.device_id());
}

#[test]
fn without_an_old_key_a_new_one_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere/device.json");
    assert!(Identity::open(&folder.path().join("a"), Some(&nowhere), Millis(5)).is_ok());
}

#[test]
fn a_damaged_file_is_reported_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    let swapped = FROM_NODE.replace("56475aa7", "66475aa7");
    for damaged in [
        "",
        "{}",
        &FROM_NODE.replace("MC4CAQ", "AAAAAA"),
        &FROM_NODE.replace(r#""version":1"#, r#""version":2"#),
        &swapped,
    ] {
        fs::write(&path, damaged).unwrap();
        let error = Identity::open(folder.path(), None, Millis(0)).unwrap_err();
        assert!(error.to_string().contains("Move it away"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
    }
}

#[test]
fn the_private_key_does_not_show_in_debug_output() {
    let shown = format!("{:?}", Identity::passing().unwrap());
    assert!(shown.contains("device_id") && !shown.to_lowercase().contains("private"), "{shown}");
}

#[test]
fn where_there_are_no_hard_links_a_key_is_kept_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (draft, path) = (folder.path().join("draft"), folder.path().join(FILE_NAME));
    for kind in [std::io::ErrorKind::PermissionDenied, std::io::ErrorKind::Unsupported] {
        let _ = fs::remove_file(&path);
        fs::write(&draft, "ours").unwrap();
        assert!(matches!(place(&draft, &path, |_, _| Err(kind.into())), Ok(Placed::Moved)));
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), draft.exists()), ("ours", false));
        // Somebody was first: theirs stays.
        fs::write(&draft, "later").unwrap();
        let error = place(&draft, &path, |_, _| Err(kind.into())).err().map(|error| error.kind());
        assert_eq!(
            (error, fs::read_to_string(&path).unwrap().as_str()),
            (Some(std::io::ErrorKind::AlreadyExists), "ours")
        );
    }
}
