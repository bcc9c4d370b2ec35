//! Where a request came from: the peer itself, or what proxies that are trusted say about their client.
//!
//! In: the connection's peer, whether it came by TLS, and the headers `X-Forwarded-*` or `Forwarded` (RFC 7239). Out: one
//! [`ClientAddress`] a request, set once at the door, and the name by which the collector was asked in `Host`.
//!
//! Invariants: headers of a peer that is not trusted say nothing; of a list of addresses the rightmost that is no trusted proxy
//! counts, as all that stands left of it was written by the client; when both kinds of header are there and disagree, one of
//! them was passed on from the client, and neither counts.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
};

use axum::{
    extract::FromRequestParts,
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, header, request::Parts, uri::Authority},
};

/// Most addresses of a chain that are looked at.
const HOPS_MAX: usize = 32;

/// Longest host that is believed, in bytes.
const HOST_BYTES_MAX: usize = 255;

/// Who sent a request, as far as the collector can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientAddress {
    /// Address of the client; `None` when a test asks without a connection.
    pub address: Option<IpAddr>,
    /// Whether the client came by HTTPS, here or at the proxy.
    pub is_https: bool,
}

impl ClientAddress {
    /// What was noted of a request at the door.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or_default()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// Addresses with a common beginning, such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// Reads an address or a network.
    ///
    /// # Errors
    /// A sentence for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is neither an address nor a network: write one such as 10.0.0.5 or 10.0.0.0/8");
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), |prefix| prefix.parse().map_err(|_| wrong()))?;
        if prefix > longest {
            return Err(wrong());
        }
        Ok(Self { address, prefix })
    }

    /// Whether an address lies in it.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => is_same(ours.to_bits().into(), other.to_bits().into(), 32 - self.prefix),
            (IpAddr::V6(ours), IpAddr::V6(other)) => is_same(ours.to_bits(), other.to_bits(), 128 - self.prefix),
            _ => false,
        }
    }
}

fn is_same(one: u128, other: u128, ignored: u32) -> bool {
    (one ^ other).checked_shr(ignored).unwrap_or(0) == 0
}

/// What a chain of proxies says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    address: Option<IpAddr>,
    is_https: Option<bool>,
    host: Option<String>,
}

/// Finds out who sent a request, and puts the name by which a trusted proxy was asked into `Host`.
pub fn client(peer: SocketAddr, is_tls: bool, trusted: &[Network], headers: &mut HeaderMap) -> ClientAddress {
    let plain = ClientAddress { address: Some(peer.ip().to_canonical()), is_https: is_tls };
    if !is_trusted(peer.ip(), trusted) {
        return plain;
    }
    let said = match (x_forwarded(headers, trusted), forwarded(headers, trusted)) {
        (Some(one), Some(other)) if one.address != other.address => return plain,
        (Some(said), _) | (None, Some(said)) => said,
        (None, None) => return plain,
    };
    if let Some(host) = said.host.and_then(|host| HeaderValue::try_from(host).ok()) {
        headers.insert(header::HOST, host);
    }
    ClientAddress { address: said.address.or(plain.address), is_https: said.is_https.unwrap_or(is_tls) }
}

fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.holds(address))
}

/// The hop at which our own proxies end, counted from the right, and the client's address there.
fn client_of(chain: &[Option<IpAddr>], trusted: &[Network]) -> (usize, Option<IpAddr>) {
    let mut last = (0, None);
    for (hops, address) in chain.iter().rev().take(HOPS_MAX).enumerate() {
        // What cannot be read was written by somebody who hides: the proxy before it is the last that is known.
        let Some(address) = address else { return last };
        last = (hops, Some(*address));
        if !is_trusted(*address, trusted) {
            break;
        }
    }
    last
}

fn x_forwarded(headers: &HeaderMap, trusted: &[Network]) -> Option<Said> {
    let (of, scheme, host) =
        (list(headers, "x-forwarded-for"), list(headers, "x-forwarded-proto"), list(headers, "x-forwarded-host"));
    if of.is_empty() && scheme.is_empty() && host.is_empty() {
        return None;
    }
    let chain: Vec<Option<IpAddr>> = of.iter().map(|text| node(text)).collect();
    let (hops, address) = client_of(&chain, trusted);
    // A proxy that replaces these instead of adding to them leaves one value for the whole chain.
    let at = |all: &[String]| all.len().checked_sub(1).and_then(|last| all.get(last - hops.min(last)).cloned());
    Some(Said {
        address,
        is_https: at(&scheme).and_then(|word| https(&word)),
        host: at(&host).and_then(|name| plain_host(&name)),
    })
}

fn forwarded(headers: &HeaderMap, trusted: &[Network]) -> Option<Said> {
    let all = list(headers, "forwarded");
    let elements: Vec<Vec<(String, String)>> = all.iter().map(|element| pairs(element)).collect();
    let value =
        |element: &[(String, String)], name: &str| element.iter().find(|(known, _)| known == name).map(|(_, v)| v.clone());
    let chain: Vec<Option<IpAddr>> = elements.iter().map(|element| value(element, "for").and_then(|text| node(&text))).collect();
    let (hops, address) = client_of(&chain, trusted);
    let element = elements.len().checked_sub(1).and_then(|last| elements.get(last - hops.min(last)))?;
    let is_https = value(element, "proto").and_then(|word| https(&word));
    Some(Said { address, is_https, host: value(element, "host").and_then(|name| plain_host(&name)) })
}

/// The members of a header's list, over all lines of it, quotes respected.
fn list(headers: &HeaderMap, name: &'static str) -> Vec<String> {
    let lines = headers.get_all(HeaderName::from_static(name)).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| split(line, ',')).map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn split(text: &str, at: char) -> Vec<&str> {
    let (mut parts, mut start, mut is_quoted) = (Vec::new(), 0, false);
    for (index, c) in text.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            _ if c == at && !is_quoted => {
                parts.extend(text.get(start..index));
                start = index + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..));
    parts
}

fn pairs(element: &str) -> Vec<(String, String)> {
    let pair = |text: &str| {
        let (name, value) = text.split_once('=')?;
        Some((name.trim().to_ascii_lowercase(), value.trim().trim_matches('"').to_owned()))
    };
    split(element, ';').into_iter().filter_map(pair).collect()
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|rest| rest.split(']').next());
    bare.unwrap_or(text)
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()
        .map(|address| address.to_canonical())
}

fn https(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "https" | "wss" => Some(true),
        "http" | "ws" => Some(false),
        _ => None,
    }
}

fn plain_host(text: &str) -> Option<String> {
    let authority: Authority = text.parse().ok()?;
    (text.len() <= HOST_BYTES_MAX && !text.contains('@')).then(|| authority.to_string())
}

#[cfg(test)]
mod tests;
