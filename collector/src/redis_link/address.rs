//! Where a server listens: a host and a port, or a socket in the file system.

use std::{fmt, path::PathBuf};

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A host, by name or number, and a port.
    Tcp {
        /// Name or number; a number of IPv6 without brackets.
        host: String,
        /// Port.
        port: u16,
    },
    /// A socket in the file system.
    Unix(PathBuf),
}

impl Address {
    /// Reads `host`, `host:port` or `[IPv6]:port`.
    #[must_use]
    pub fn parse(text: &str, usual_port: u16) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
            }
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Some(usual_port), |port| port.parse().ok()).filter(|port| *port > 0)?;
        // What is no host is told before it is looked up; credentials do not belong here.
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if host.is_empty() || host.len() > 253 || !host.chars().all(is_host) {
            return None;
        }
        Some(Self::Tcp { host: host.to_owned(), port })
    }

    /// Host by whose name the server's certificate is checked.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Tcp { host, .. } => Some(host),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_reads_the_same_again(text in "[\\[\\]:a-f0-9.@]{0,24}|.{0,24}") {
            if let Some(address) = Address::parse(&text, 7) {
                prop_assert_eq!(Address::parse(&address.to_string(), 9), Some(address));
            }
        }
    }

    #[test]
    fn an_address_is_a_host_and_perhaps_a_port() {
        for (text, shown) in [
            ("cache", "cache:7"),
            ("10.0.0.1:6380", "10.0.0.1:6380"),
            ("[::1]:6380", "[::1]:6380"),
            ("[fe80::1%eth0]", "[fe80::1%eth0]:7"),
        ] {
            assert_eq!(Address::parse(text, 7).unwrap().to_string(), shown);
        }
        for wrong in ["", ":1", "a:0", "a:99999", "a:b", "u:p@a", "[::1", "[::1]6380", "::1", "a/b"] {
            assert_eq!(Address::parse(wrong, 7), None, "{wrong}");
        }
    }
}
