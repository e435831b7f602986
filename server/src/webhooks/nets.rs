//! Addresses to which nothing is sent unless it is allowed: this machine, its networks, and what is nobody's. Whoever
//! may say where events go would otherwise reach, through this server, what only this server can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// The registries of special addresses (RFC 6890 and what came after it), and what clouds tell their machines at.
const CLOSED_V4: &[(Ipv4Net, &str)] = &[
    (v4(0, 0, 0, 0, 8), "of this network"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "shared by a provider"),
    (v4(127, 0, 0, 0, 8), "of this machine"),
    (v4(168, 63, 129, 16, 32), "of a cloud\u{2019}s own services"),
    (v4(169, 254, 0, 0, 16), "link-local"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "reserved"),
    (v4(192, 0, 2, 0, 24), "for examples"),
    (v4(192, 88, 99, 0, 24), "reserved"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(198, 18, 0, 0, 15), "for measurements"),
    (v4(198, 51, 100, 0, 24), "for examples"),
    (v4(203, 0, 113, 0, 24), "for examples"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved"),
];

const CLOSED_V6: &[(Ipv6Net, &str)] = &[
    (v6(0x64, 0xff9b, 1, 48), "private"),
    (v6(0x100, 0, 0, 64), "reserved"),
    (v6(0x2001, 0, 0, 23), "reserved"),
    (v6(0x2001, 0xdb8, 0, 32), "for examples"),
    (v6(0x3fff, 0, 0, 20), "for examples"),
    (v6(0x5f00, 0, 0, 16), "reserved"),
    (v6(0xfc00, 0, 0, 7), "private"),
    (v6(0xfe80, 0, 0, 10), "link-local"),
    (v6(0xfec0, 0, 0, 10), "private"),
    (v6(0xff00, 0, 0, 8), "multicast"),
];

/// What lies within 2000::/3 is given out; everything else is not.
const GIVEN_OUT: Ipv6Net = v6(0x2000, 0, 0, 3);
/// Where IPv4 addresses are written as IPv6 ones: the last four bytes are the address.
const WRAPPED: &[Ipv6Net] = &[
    Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 96),
    Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
    v6(0x64, 0xff9b, 0, 96),
];
/// 6to4: the address stands behind the first two bytes.
const SIX_TO_FOUR: Ipv6Net = v6(0x2002, 0, 0, 16);

fn within(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bytes = address.octets();
    if WRAPPED.iter().any(|net| net.contains(&address)) {
        Some(Ipv4Addr::new(bytes[12], bytes[13], bytes[14], bytes[15]))
    } else if SIX_TO_FOUR.contains(&address) {
        Some(Ipv4Addr::new(bytes[2], bytes[3], bytes[4], bytes[5]))
    } else {
        None
    }
}

/// Why an address is nobody's out there; `None` for those that are.
fn closed(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => CLOSED_V4.iter().find(|(net, _)| net.contains(&address)).map(|(_, why)| *why),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => Some("of this machine"),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Some("of this network"),
        IpAddr::V6(address) => match within(address) {
            Some(inner) => closed(IpAddr::V4(inner)),
            None => CLOSED_V6
                .iter()
                .find(|(net, _)| net.contains(&address))
                .map(|(_, why)| *why)
                .or((!GIVEN_OUT.contains(&address)).then_some("reserved")),
        },
    }
}

/// What is allowed all the same (`CLUTCH_WEBHOOKS_PRIVATE`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Private {
    /// Nothing.
    #[default]
    None,
    /// These networks.
    Some(Vec<IpNet>),
    /// Everything.
    All,
}

impl Private {
    /// Reads the setting: networks and addresses, comma separated, or `all`. `None` where it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim().eq_ignore_ascii_case("all") {
            return Some(Self::All);
        }
        let each = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let nets: Option<Vec<IpNet>> = each
            .map(|word| word.parse().ok().or_else(|| word.parse().ok().map(|one: IpAddr| IpNet::from(one))))
            .collect();
        nets.map(|nets| if nets.is_empty() { Self::None } else { Self::Some(nets) })
    }

    /// Why nothing is sent to an address; `None` where something may be.
    pub fn closes(&self, address: IpAddr) -> Option<&'static str> {
        let why = closed(address)?;
        let allowed = |net: &IpNet| {
            let inner = match address {
                IpAddr::V6(address) => within(address).map(IpAddr::V4),
                IpAddr::V4(_) => None,
            };
            net.contains(&address) || inner.is_some_and(|inner| net.contains(&inner))
        };
        match self {
            Self::All => None,
            Self::Some(nets) if nets.iter().any(allowed) => None,
            Self::None | Self::Some(_) => Some(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_is_sent() {
        for (address, open) in [
            // Out there.
            ("1.1.1.1", true),
            ("8.8.8.8", true),
            ("9.255.255.255", true),
            ("11.0.0.0", true),
            ("100.63.255.255", true),
            ("100.128.0.0", true),
            ("172.15.255.255", true),
            ("172.32.0.0", true),
            ("192.167.255.255", true),
            ("192.169.0.0", true),
            ("223.255.255.255", true),
            ("2606:4700:4700::1111", true),
            ("2a00:1450:4001:80b::200e", true),
            // This machine and nothing.
            ("127.0.0.1", false),
            ("127.255.255.255", false),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("::1", false),
            ("::", false),
            // Its networks.
            ("10.0.0.0", false),
            ("10.255.255.255", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.168.0.1", false),
            ("169.254.0.1", false),
            ("fe80::1", false),
            ("febf::1", false),
            ("fc00::1", false),
            ("fdff::1", false),
            ("fec0::1", false),
            // A provider's network.
            ("100.64.0.1", false),
            ("100.127.255.255", false),
            // Metadata of clouds.
            ("169.254.169.254", false),
            ("169.254.170.2", false),
            ("100.100.100.200", false),
            ("168.63.129.16", false),
            ("192.0.0.192", false),
            ("fd00:ec2::254", false),
            // Many at once, and nobody.
            ("224.0.0.1", false),
            ("239.255.255.255", false),
            ("ff02::1", false),
            ("255.255.255.255", false),
            ("240.0.0.1", false),
            ("192.0.2.1", false),
            ("198.51.100.1", false),
            ("203.0.113.1", false),
            ("198.18.0.1", false),
            ("2001:db8::1", false),
            ("2001::1", false),
            ("100::1", false),
            ("4000::1", false),
            ("5f00::1", false),
            // In another spelling.
            ("::ffff:127.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:169.254.169.254", false),
            ("::ffff:1.1.1.1", true),
            ("::127.0.0.1", false),
            ("::10.1.2.3", false),
            ("64:ff9b::127.0.0.1", false),
            ("64:ff9b::10.0.0.1", false),
            ("64:ff9b::8.8.8.8", true),
            ("64:ff9b:1::1", false),
            ("2002:7f00:1::1", false),
            ("2002:a00:1::1", false),
            ("2002:a9fe:a9fe::", false),
            ("2002:808:808::1", true),
        ] {
            assert_eq!(Private::None.closes(address.parse().unwrap()).is_none(), open, "{address}");
            assert_eq!(Private::All.closes(address.parse().unwrap()), None, "{address}");
        }
    }

    #[test]
    fn what_is_allowed_opens_itself_only() {
        let some = Private::parse("10.0.0.0/8, 127.0.0.1, fd00::/8").unwrap();
        for (address, open) in [
            ("10.1.2.3", true),
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("192.168.0.1", false),
            ("::ffff:10.1.2.3", true),
            ("::ffff:192.168.0.1", false),
            ("64:ff9b::127.0.0.1", true),
            ("fd00::1", true),
            ("fc00::1", false),
            ("1.1.1.1", true),
        ] {
            assert_eq!(some.closes(address.parse().unwrap()).is_none(), open, "{address}");
        }
        assert_eq!(Private::parse(" ALL "), Some(Private::All));
        assert_eq!(Private::parse(" , "), Some(Private::None));
        for wrong in ["10.0.0.0/33", "localhost", "10.0.0.0/8;127.0.0.1", "none"] {
            assert_eq!(Private::parse(wrong), None, "{wrong}");
        }
    }
}
