//! Where an address leads, and whether anything may be sent there.
//!
//! A name is looked up for the very connection that is made, and only what may be sent to is handed on: a name that
//! leads elsewhere at the second look leads nowhere.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use async_trait::async_trait;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

use super::nets::Private;

/// Looks names up.
#[async_trait]
pub trait Names: Send + Sync + 'static {
    /// The addresses of a host.
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// As this machine does.
pub struct System;

#[async_trait]
impl Names for System {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Why nothing is sent, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Closed(pub String);

/// The way out: names, and what is closed.
#[derive(Clone)]
pub struct Way {
    names: Arc<dyn Names>,
    private: Private,
}

impl Way {
    /// Names are looked up there; of closed addresses only these are open.
    pub fn new(names: Arc<dyn Names>, private: Private) -> Self {
        Self { names, private }
    }

    fn open(&self, host: &str, address: IpAddr) -> Result<IpAddr, Closed> {
        match self.private.closes(address) {
            None => Ok(address),
            Some(why) => Err(Closed(format!(
                "{host} leads to {address}, an address {why}. Nothing is sent there unless CLUTCH_WEBHOOKS_PRIVATE allows it."
            ))),
        }
    }

    /// An address as it can be sent to. One that names a machine by number is looked at here, as nobody looks it up.
    pub fn parse(&self, text: &str) -> Result<Url, Closed> {
        let not = || Closed("This is no address that anything can be sent to.".into());
        let url = Url::parse(text).map_err(|_| not())?;
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
            return Err(not());
        }
        if let Some(address) = by_number(&url).ok_or_else(not)? {
            self.open(url.host_str().unwrap_or_default(), address)?;
        }
        Ok(url)
    }

    /// Whether anything could be sent to an address now: said to whoever saves it. It is looked at again each time.
    pub async fn admits(&self, text: &str) -> Result<(), Closed> {
        let url = self.parse(text)?;
        if by_number(&url).flatten().is_none() {
            self.addresses(url.host_str().unwrap_or_default()).await?;
        }
        Ok(())
    }

    /// The addresses of a name that may be sent to; at least one.
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Closed> {
        let none = || Closed(format!("No address was found for {host}."));
        let all = self.names.lookup(host).await.map_err(|_| none())?;
        let mut wrong = none();
        let mut open = Vec::new();
        for address in all {
            match self.open(host, address) {
                Ok(address) => open.push(address),
                Err(closed) => wrong = closed,
            }
        }
        if open.is_empty() { Err(wrong) } else { Ok(open) }
    }
}

/// The machine that an address names by number: `Some(None)` where it has a name, `None` where it has neither.
fn by_number(url: &Url) -> Option<Option<IpAddr>> {
    let host = url.host_str()?;
    Some(host.trim_start_matches('[').trim_end_matches(']').parse().ok())
}

impl Resolve for Way {
    fn resolve(&self, name: Name) -> Resolving {
        let way = self.clone();
        Box::pin(async move {
            let found = way.addresses(name.as_str()).await?;
            // The port is that of the address.
            let all: Vec<SocketAddr> = found.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
            Ok(Box::new(all.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Says(Vec<IpAddr>);

    #[async_trait]
    impl Names for Says {
        async fn lookup(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            if self.0.is_empty() { Err(io::Error::other("no such host")) } else { Ok(self.0.clone()) }
        }
    }

    #[tokio::test]
    async fn addresses_are_looked_at_however_they_are_written() {
        for (text, found, admitted) in [
            ("https://example.com/hook", &["1.1.1.1"][..], true),
            ("https://example.com/hook", &["10.0.0.1"], false),
            ("https://example.com/hook", &["10.0.0.1", "1.1.1.1"], true),
            ("https://example.com/hook", &["::ffff:127.0.0.1"], false),
            ("https://example.com/hook", &[], false),
            ("http://1.1.1.1/", &[], true),
            ("http://127.0.0.1:3002/", &["1.1.1.1"], false),
            ("http://2130706433/", &["1.1.1.1"], false),
            ("http://0x7f.1/", &["1.1.1.1"], false),
            ("http://0177.0.0.1/", &["1.1.1.1"], false),
            ("http://127.1/", &["1.1.1.1"], false),
            ("http://[::1]/", &["1.1.1.1"], false),
            ("http://[::ffff:a9fe:a9fe]/", &["1.1.1.1"], false),
            ("http://[fd00:ec2::254]/", &["1.1.1.1"], false),
            ("http://[2606:4700::1111]/", &[], true),
            ("http://169.254.169.254/latest/meta-data", &["1.1.1.1"], false),
            ("http://127.0.0.1.nip.example/", &["127.0.0.1"], false),
            ("http://localhost/", &["127.0.0.1"], false),
            ("http://user@example.com/", &["1.1.1.1"], false),
            ("ftp://example.com/", &["1.1.1.1"], false),
            ("file:///etc/passwd", &["1.1.1.1"], false),
        ] {
            let found = found.iter().map(|address| address.parse().unwrap()).collect();
            let way = Way::new(Arc::new(Says(found)), Private::None);
            assert_eq!(way.admits(text).await.is_ok(), admitted, "{text}");
        }
    }

    #[tokio::test]
    async fn of_a_name_that_leads_to_several_only_the_open_ones_are_used() {
        let found = ["10.0.0.1", "1.1.1.1", "::1"].iter().map(|address| address.parse().unwrap()).collect();
        let way = Way::new(Arc::new(Says(found)), Private::None);
        assert_eq!(way.addresses("example.com").await.unwrap(), ["1.1.1.1".parse::<IpAddr>().unwrap()]);
    }
}
