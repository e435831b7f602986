//! The door where people log in: others may come, under names that are ours.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::{HeaderMap, header};

/// What holds there.
#[derive(Clone, Debug, Default)]
pub struct Guarded {
    /// Names under which this server is reached (`CLUTCH_ALLOWED_HOSTS`), without ports, in small letters.
    pub names: Vec<String>,
    /// Proxies that are believed when they say for whom they ask (`CLUTCH_TRUSTED_PROXIES`).
    pub proxies: Vec<IpAddr>,
}

/// Where a request comes from, as far as that can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The client's address: the other end of the connection, or whom a proxy that is believed names.
    pub address: IpAddr,
    /// A proxy that is believed says that the client speaks https.
    pub https: bool,
    /// It would come through the closed door: from this very machine, and passed on by nobody.
    pub here: bool,
}

impl Arrival {
    /// Of a request that came through no door.
    pub const NOWHERE: Self = Self { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), https: false, here: false };
}

impl Guarded {
    /// Whether a host is ours: one of the names, or an address. A name that leads here by somebody else's hand is
    /// neither.
    pub(super) fn knows(&self, host: &str) -> bool {
        let name = without_port(host);
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        bare.parse::<IpAddr>().is_ok() || self.names.iter().any(|ours| ours.eq_ignore_ascii_case(name))
    }

    /// The client's address, and whether it speaks https.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> (IpAddr, bool) {
        let believed = |address: IpAddr| self.proxies.iter().any(|p| p.to_canonical() == address.to_canonical());
        if !believed(peer) {
            return (peer, false);
        }
        let words = |name: &str| -> Vec<String> {
            let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
            lines.flat_map(|line| line.split(',')).map(|word| word.trim().to_owned()).collect()
        };
        // From the end, where our own proxies write: whoever comes before them may have written anything.
        let mut client = peer;
        for word in words("x-forwarded-for").iter().rev() {
            let Some(address) = address(word) else { break };
            client = address;
            if !believed(address) {
                break;
            }
        }
        let https = words("x-forwarded-proto").last().is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
        (client, https)
    }
}

/// An address, which some proxies write with its port.
fn address(word: &str) -> Option<IpAddr> {
    let bare = without_port(word);
    word.parse().ok().or_else(|| bare.trim_start_matches('[').trim_end_matches(']').parse().ok())
}

/// A host without its port.
pub fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // An address of IPv6 stands in brackets.
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// The host of a page's origin.
pub(super) fn host_of(origin: &str) -> Option<&str> {
    origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))
}

/// One `Host`, in words.
pub(super) fn host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    hosts.next().is_none().then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_ours() {
        let door = Guarded { names: vec!["board.example".into()], proxies: vec![] };
        for (host, ours) in [
            ("board.example", true),
            ("BOARD.example:8443", true),
            ("192.0.2.7:3002", true),
            ("[2001:db8::1]:3002", true),
            ("[::1]", true),
            ("localhost.evil.example", false),
            ("board.example.evil.example", false),
            ("evil.example:3002", false),
            ("board.example:evil", false),
            ("", false),
            ("127.0.0.1.evil.example", false),
        ] {
            assert_eq!(door.knows(host), ours, "{host}");
        }
    }

    #[test]
    fn only_our_own_proxy_says_for_whom_it_asks() {
        let door = Guarded { names: vec![], proxies: vec!["127.0.0.1".parse().unwrap(), "10.0.0.9".parse().unwrap()] };
        for (peer, forwarded, client) in [
            ("127.0.0.1", "203.0.113.5", "203.0.113.5"),
            ("::ffff:127.0.0.1", "203.0.113.5", "203.0.113.5"),
            ("127.0.0.1", "127.0.0.1, 203.0.113.5", "203.0.113.5"),
            ("127.0.0.1", "198.51.100.1, 203.0.113.5, 10.0.0.9", "203.0.113.5"),
            ("127.0.0.1", "203.0.113.5:4711", "203.0.113.5"),
            ("127.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
            ("127.0.0.1", "2001:db8::1", "2001:db8::1"),
            ("127.0.0.1", "unknown", "127.0.0.1"),
            ("127.0.0.1", "", "127.0.0.1"),
            ("198.51.100.1", "127.0.0.1", "198.51.100.1"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", forwarded.parse().unwrap());
            headers.insert("x-forwarded-proto", "https".parse().unwrap());
            let (address, https) = door.client(peer.parse().unwrap(), &headers);
            assert_eq!(address, client.parse::<IpAddr>().unwrap(), "{peer} {forwarded}");
            assert_eq!(https, peer != "198.51.100.1", "{peer}");
        }
    }
}
