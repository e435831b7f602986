//! Who may come in: the password that turns log-in on, names of this server, proxies that are believed.

use std::net::{IpAddr, SocketAddr};

use clutch_domain::access::PASSWORD_MIN;

use super::{Secret, SettingsError, Source};
use crate::http::door::without_port;

/// What holds where people log in.
#[derive(Clone, Debug)]
pub struct Access {
    /// The owner's password.
    pub password: Secret,
    /// Names under which this server is reached, without ports.
    pub hosts: Vec<String>,
    /// Proxies that are believed when they say for whom they ask.
    pub proxies: Vec<IpAddr>,
}

/// `None` where nobody logs in: then only this machine may be listened to.
pub fn access(source: &Source, address: SocketAddr) -> Result<Option<Access>, SettingsError> {
    let Some(password) = source.get("CLUTCH_PASSWORD") else { return closed(source, address).map(|()| None) };
    if password.chars().count() < PASSWORD_MIN {
        return Err(SettingsError(format!(
            "Refusing to start: CLUTCH_PASSWORD has fewer than {PASSWORD_MIN} characters. Choose a longer one."
        )));
    }
    let words = |name: &str| -> Vec<String> {
        let words = source.get(name).unwrap_or_default().split(',').map(str::trim);
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let mut hosts = Vec::new();
    for host in words("CLUTCH_ALLOWED_HOSTS") {
        let name = without_port(&host).to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'[' | b']' | b':');
        if !name.bytes().all(plain) {
            return Err(super::wrong(
                "CLUTCH_ALLOWED_HOSTS",
                &host,
                "host names, comma separated, such as board.example",
            ));
        }
        hosts.push(name);
    }
    let mut proxies = Vec::new();
    for proxy in words("CLUTCH_TRUSTED_PROXIES") {
        let address = proxy.parse().map_err(|_| {
            super::wrong("CLUTCH_TRUSTED_PROXIES", &proxy, "IP addresses, comma separated, such as 127.0.0.1")
        })?;
        proxies.push(address);
    }
    Ok(Some(Access { password: Secret(password.to_owned()), hosts, proxies }))
}

/// Without log-in nothing may be set that lets others in.
fn closed(source: &Source, address: SocketAddr) -> Result<(), SettingsError> {
    let (host, port) = (address.ip(), address.port());
    if !host.is_loopback() {
        return Err(SettingsError(format!(
            "Refusing to listen on {host}: that lets others in, and nobody logs in here. Set a password (CLUTCH_PASSWORD), or listen on 127.0.0.1 and use an SSH tunnel: ssh -L {port}:127.0.0.1:{port} <this machine>"
        )));
    }
    for name in ["CLUTCH_ALLOWED_HOSTS", "CLUTCH_TRUSTED_PROXIES"] {
        if let Some(value) = source.get(name) {
            return Err(SettingsError(format!(
                "Refusing to start: {name} names {value}, and that needs log-in. Set a password (CLUTCH_PASSWORD). Unset it otherwise."
            )));
        }
    }
    Ok(())
}
