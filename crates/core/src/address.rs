//! Address: which network addresses a receiver may have.
//!
//! Whoever writes a URL must not reach what only this machine can reach. Every address that is not plainly public is
//! refused, also in its disguises (mapped, 6to4, NAT64, Teredo), unless the destination allows it by CIDR.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Why an address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// `0.0.0.0/8`, `::`
    Unspecified,
    /// `127.0.0.0/8`, `::1`
    Loopback,
    /// RFC 1918, unique local, site local
    Private,
    /// `100.64.0.0/10`
    CarrierGradeNat,
    /// `169.254.0.0/16`, `fe80::/10`
    LinkLocal,
    /// Where cloud providers answer with credentials.
    Metadata,
    /// `224.0.0.0/4`, `ff00::/8`
    Multicast,
    /// Reserved for examples and benchmarks.
    Documentation,
    /// Reserved, broadcast, or otherwise not for receivers.
    Reserved,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "an unspecified",
            Self::Loopback => "a loopback",
            Self::Private => "a private",
            Self::CarrierGradeNat => "a carrier-grade NAT",
            Self::LinkLocal => "a link-local",
            Self::Metadata => "a cloud metadata",
            Self::Multicast => "a multicast",
            Self::Documentation => "a documentation",
            Self::Reserved => "a reserved",
        })
    }
}

/// An address a receiver may not have; the message names the setting that would allow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {class} address: to allow it, add \"{}\" to the destination's delivery.allow", IpNet::from(*.address))]
pub struct Refused {
    /// The address, as it was resolved.
    pub address: IpAddr,
    /// What kind of address it is.
    pub class: Class,
}

/// Whether a receiver may have this address. `allow` holds for the address as it is and for the one it disguises.
pub fn check(address: IpAddr, allow: &[IpNet]) -> Result<(), Refused> {
    let Some(class) = class(address) else { return Ok(()) };
    let disguised = match address {
        IpAddr::V6(v6) => embedded(v6).map(IpAddr::V4),
        IpAddr::V4(_) => None,
    };
    let allowed = |address: IpAddr| allow.iter().any(|net| net.contains(&address));
    if allowed(address) || disguised.is_some_and(allowed) {
        return Ok(());
    }
    Err(Refused { address, class })
}

/// What kind of address this is; `None` for a public one.
fn class(address: IpAddr) -> Option<Class> {
    match address {
        IpAddr::V4(v4) => class_v4(v4),
        IpAddr::V6(v6) => class_v6(v6),
    }
}

fn class_v4(address: Ipv4Addr) -> Option<Class> {
    let class = match address.octets() {
        [0, ..] => Class::Unspecified,
        [127, ..] => Class::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Class::Private,
        [100, 100, 100, 200] | [169, 254, 169, 254] | [169, 254, 170, 2 | 23] | [168, 63, 129, 16] => {
            Class::Metadata
        }
        [100, 64..=127, ..] => Class::CarrierGradeNat,
        [169, 254, ..] => Class::LinkLocal,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [198, 18..=19, ..] => Class::Documentation,
        [224..=239, ..] => Class::Multicast,
        // IETF protocol assignments, the old 6to4 relays, class E and broadcast.
        [192, 0, 0, _] | [192, 88, 99, _] | [240..=255, ..] => Class::Reserved,
        _ => return None,
    };
    Some(class)
}

fn class_v6(address: Ipv6Addr) -> Option<Class> {
    if let Some(v4) = embedded(address) {
        return class_v4(v4);
    }
    let class = match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Class::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Loopback,
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254] | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254] => Class::Metadata,
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Class::Private,
        [0xfe80..=0xfebf, ..] => Class::LinkLocal,
        [0xff00..=0xffff, ..] => Class::Multicast,
        [0x2001, 0x0db8, ..] | [0x3fff, 0x0000..=0x0fff, ..] | [0x2001, 0x0002, 0, ..] => {
            Class::Documentation
        }
        // Local-use NAT64, discard-only, Teredo (the client's address is obfuscated), ORCHID, segment routing.
        [0x0064, 0xff9b, 1, ..] | [0x0100 | 0x5f00, ..] | [0x2001, 0x0000 | 0x0010..=0x002f, ..] => {
            Class::Reserved
        }
        // Only 2000::/3 is given out.
        [0x2000..=0x3fff, ..] => return None,
        _ => Class::Reserved,
    };
    Some(class)
}

/// The IPv4 address that packets to this one end up at: mapped, compatible, translated, NAT64 and 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let at = |index: usize| {
        let [high, low] = [address.segments()[index], address.segments()[index + 1]];
        Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x0064, 0xff9b, 0, 0, 0, 0, ..] => {
            Some(at(6))
        }
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => Some(at(6)),
        [0x2002, ..] => Some(at(1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class_of(address: &str) -> Option<Class> {
        class(address.parse().unwrap())
    }

    #[test]
    fn public_addresses_pass() {
        for address in [
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.1.1",
            "192.0.1.1",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert_eq!(check(address.parse().unwrap(), &[]), Ok(()), "{address}");
        }
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        for (address, class) in [
            ("0.0.0.0", Class::Unspecified),
            ("0.1.2.3", Class::Unspecified),
            ("127.0.0.1", Class::Loopback),
            ("127.255.255.254", Class::Loopback),
            ("10.0.0.1", Class::Private),
            ("172.16.0.1", Class::Private),
            ("172.31.255.255", Class::Private),
            ("192.168.1.1", Class::Private),
            ("100.64.0.1", Class::CarrierGradeNat),
            ("100.100.100.200", Class::Metadata),
            ("169.254.169.254", Class::Metadata),
            ("169.254.170.2", Class::Metadata),
            ("168.63.129.16", Class::Metadata),
            ("169.254.1.1", Class::LinkLocal),
            ("192.0.2.1", Class::Documentation),
            ("198.18.0.1", Class::Documentation),
            ("224.0.0.1", Class::Multicast),
            ("255.255.255.255", Class::Reserved),
            ("240.0.0.1", Class::Reserved),
            ("::", Class::Unspecified),
            ("::1", Class::Loopback),
            ("fc00::1", Class::Private),
            ("fd12:3456::1", Class::Private),
            ("fec0::1", Class::Private),
            ("fd00:ec2::254", Class::Metadata),
            ("fe80::1", Class::LinkLocal),
            ("ff02::1", Class::Multicast),
            ("2001:db8::1", Class::Documentation),
            ("2001::1", Class::Reserved),
            ("100::1", Class::Reserved),
            ("4000::1", Class::Reserved),
        ] {
            assert_eq!(class_of(address), Some(class), "{address}");
        }
    }

    #[test]
    fn a_disguise_does_not_help() {
        for address in [
            "::ffff:127.0.0.1",
            "::ffff:0:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::127.0.0.1",
            "2002:7f00:1::1",
            "2002:7f00:0001::",
        ] {
            assert_eq!(class_of(address), Some(Class::Loopback), "{address}");
        }
        assert_eq!(class_of("64:ff9b::a9fe:a9fe"), Some(Class::Metadata));
        assert_eq!(class_of("64:ff9b:1::1.1.1.1"), Some(Class::Reserved));
        assert_eq!(class_of("64:ff9b::1.1.1.1"), None);
        assert_eq!(class_of("::ffff:1.1.1.1"), None);
    }

    #[test]
    fn a_network_can_be_allowed_and_holds_for_its_disguises_too() {
        let allow: Vec<IpNet> = vec!["10.1.0.0/16".parse().unwrap(), "fd00::/8".parse().unwrap()];
        for address in ["10.1.2.3", "::ffff:10.1.2.3", "fd00::7"] {
            assert_eq!(check(address.parse().unwrap(), &allow), Ok(()), "{address}");
        }
        assert!(check("10.2.0.1".parse().unwrap(), &allow).is_err());
        assert!(check("127.0.0.1".parse().unwrap(), &allow).is_err());
    }

    #[test]
    fn the_error_names_the_address_and_the_setting() {
        let refused = check("10.0.0.7".parse().unwrap(), &[]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "10.0.0.7 is a private address: to allow it, add \"10.0.0.7/32\" to the destination's delivery.allow"
        );
    }
}
