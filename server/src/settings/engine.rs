//! Which engine keeps the data: SQLite, or the Convex deployment that is named.

use super::{Secret, SettingsError, Source, wrong_address};

/// Where data is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// In the data folder.
    Sqlite,
    /// In a Convex deployment.
    Convex {
        /// Its address.
        url: String,
        /// Its key.
        key: ConvexKey,
    },
}

/// A key of a Convex deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConvexKey {
    /// `CONVEX_SELF_HOSTED_ADMIN_KEY`.
    Admin(Secret),
    /// `CONVEX_DEPLOY_KEY`.
    Deploy(Secret),
}

impl ConvexKey {
    /// The key itself.
    pub fn reveal(&self) -> &str {
        match self {
            Self::Admin(key) | Self::Deploy(key) => key.reveal(),
        }
    }
}

/// The engine that is set.
pub(super) fn engine(source: &Source) -> Result<Engine, SettingsError> {
    let names =
        ["CONVEX_URL", "CONVEX_SELF_HOSTED_URL", "NEXT_PUBLIC_CONVEX_URL", "NEXT_PUBLIC_CONVEX_SELF_HOSTED_URL"];
    let set: Vec<(&str, &str)> =
        names.iter().filter_map(|n| source.get(n).map(|v| (*n, v.trim_end_matches('/')))).collect();
    let Some((first, url)) = set.first() else { return Ok(Engine::Sqlite) };
    if let Some((other, _)) = set.iter().find(|(_, v)| v != url) {
        return Err(SettingsError(format!(
            "{first} and {other} name different Convex deployments. Unset one of them."
        )));
    }
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(wrong_address(first, url, "an address that begins with http:// or https://"));
    }
    if clutch_gateway::words::shown_address(url) != *url {
        return Err(SettingsError(format!(
            "{first} holds more than an address (a user, a password or a query), and Convex uses none of that. Remove it; the key has a name of its own."
        )));
    }
    let key = |name: &str| source.get(name).map(|key| Secret(key.to_owned()));
    let key = match (key("CONVEX_SELF_HOSTED_ADMIN_KEY"), key("CONVEX_DEPLOY_KEY")) {
        (Some(_), Some(_)) => {
            return Err(SettingsError("CONVEX_SELF_HOSTED_ADMIN_KEY and CONVEX_DEPLOY_KEY are both set. Unset the one that is not of this deployment.".into()));
        }
        (Some(key), None) => ConvexKey::Admin(key),
        (None, Some(key)) => ConvexKey::Deploy(key),
        (None, None) => {
            return Err(SettingsError(format!(
                "{first} names a Convex deployment, but its key is missing. Set CONVEX_SELF_HOSTED_ADMIN_KEY (self-hosted) or CONVEX_DEPLOY_KEY (cloud); or unset {first} to keep data in SQLite."
            )));
        }
    };
    Ok(Engine::Convex { url: (*url).to_owned(), key })
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{CONVEX, with},
        *,
    };

    #[test]
    fn convex_needs_an_address_and_one_key() {
        let (urls, keys) = CONVEX.split_at(4);
        for url in urls {
            for key in keys {
                let Engine::Convex { url, key } = with(&[(url, "http://c/"), (key, "secret")]).unwrap().engine else {
                    panic!("{url} {key}")
                };
                assert_eq!((url.as_str(), key.reveal()), ("http://c", "secret"));
                assert!(!format!("{key:?}").contains("secret"), "{key:?}");
            }
            let error = with(&[(url, "http://c")]).unwrap_err().0;
            assert!(error.contains(url) && error.contains("CONVEX_DEPLOY_KEY") && error.contains("SQLite"), "{error}");
            assert!(with(&[(url, "c"), (keys[0], "k")]).unwrap_err().0.contains("https://"));
        }
        // A key alone asks for nothing.
        assert!(keys.iter().all(|key| with(&[(key, "k")]).unwrap().engine == Engine::Sqlite));
        // The same address twice is no trouble.
        assert!(with(&[(urls[0], "http://c"), (urls[3], "http://c/"), (keys[0], "k")]).is_ok());
        assert!(with(&[(urls[0], "http://c"), (keys[0], "k"), (keys[1], "k")]).unwrap_err().0.contains("both"));
    }
}
