//! Which addresses are on the outside: channels that a tenant's own administrators make must not reach into the house.
//!
//! The house's administrators and the configuration may name any address. A tenant's administrator is somebody's customer: with a channel to
//! an address of the inside, and the test button that tells what it answered, they would have a way through the collector.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use tokio::net::lookup_host;

/// What is said of an address of the inside.
pub(super) const REFUSAL: &str =
    "a tenant's channel reaches public addresses only: the house's administrators can put it into the configuration";

/// Whether an address is one of the public Internet.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        // This network, addresses shared by a carrier's customers, protocol assignments, benchmarks, the future.
        || first == 0
        || (first == 100 && (64..128).contains(&second))
        || (first == 192 && second == 0 && third == 0)
        || (first == 198 && (18..20).contains(&second))
        || first >= 240;
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, .., seventh, eighth] = address.segments();
    let embedded = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    // Ways to write an address of version 4: mapped, compatible, translated, 6to4.
    if let Some(mapped) = address.to_ipv4() {
        return is_public_v4(mapped);
    }
    match (first, second) {
        (0x64, 0xff9b) => is_public_v4(embedded(seventh, eighth)),
        (0x2002, high) => is_public_v4(embedded(high, address.segments()[2])),
        // Teredo, and addresses for books.
        (0x2001, 0..0x200 | 0xdb8) => false,
        // Only these are given out.
        (0x2000..=0x3fff, _) => true,
        _ => false,
    }
}

/// Whether the host of an address is written as a number of the inside. Names are looked at when they are resolved.
pub(super) fn is_inside(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().is_ok_and(|address| !is_public(address))
}

/// A public address of a host and a port.
pub(super) async fn resolve(host: &str, port: u16) -> Result<SocketAddr, String> {
    let found = lookup_host((host, port)).await.map_err(|error| format!("{host} is not known: {error}"))?;
    let all: Vec<SocketAddr> = found.collect();
    all.iter().copied().find(|address| is_public(address.ip())).ok_or_else(|| REFUSAL.to_owned())
}

/// Resolves names to public addresses only: what was checked is what is connected to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outside;

impl Resolve for Outside {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                lookup_host((name.as_str(), 0)).await?.filter(|address| is_public(address.ip())).collect();
            if found.is_empty() {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, REFUSAL).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_inside_are_known_however_they_are_written() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001:db8::1",
            "2001::1",
            "::10.0.0.1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["8.8.8.8", "104.16.1.1", "172.32.0.1", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
        for (url, inside) in
            [("http://[::1]:80/", true), ("http://2130706433/", true), ("http://0x7f.1/", true), ("https://8.8.8.8", false)]
        {
            assert_eq!(is_inside(&url.parse().unwrap()), inside, "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_of_the_inside_is_not_resolved() {
        assert_eq!(resolve("localhost", 25).await, Err(REFUSAL.to_owned()));
        assert!(Outside.resolve("localhost".parse().unwrap()).await.is_err());
    }
}
