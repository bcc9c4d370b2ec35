//! What can be set of a proxy: a `[[proxy]]` table, or the word `LISTEN=UPSTREAM`.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use farol_shared::config::Span;
use hyper::header::HeaderName;
use serde::{Deserialize, Deserializer, de::Error};

use crate::config::list::Item;

/// Client connections at a time when nothing else is set. One that is busy takes about 50 KiB on both sides together, so
/// that even all of them leave the agent below 30 MB.
const CONNECTIONS: usize = 400;

/// Most client connections that may be configured: what one process may open files for on most machines.
const CONNECTIONS_MAX: usize = 60_000;

/// Longest wait that may be configured.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3_600);

/// One reverse proxy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// Where clients connect to.
    pub listen: SocketAddr,
    /// Where the application listens.
    pub upstream: Upstream,
    /// Name of the service that the requests belong to; the agent's own when there is none.
    pub service: Option<String>,
    /// Longest wait for a connection to the application.
    #[serde(default = "connect_timeout", deserialize_with = "wait")]
    pub connect_timeout: Duration,
    /// Longest wait for the first byte of an answer, counted from the last byte of the request that the application took.
    #[serde(default = "answer_timeout", deserialize_with = "wait")]
    pub answer_timeout: Duration,
    /// Longest time in which no byte moves either way while a request or a tunnel is open.
    #[serde(default = "idle_timeout", deserialize_with = "wait")]
    pub idle_timeout: Duration,
    /// How long requests may take to end when the agent stops.
    #[serde(default = "drain", deserialize_with = "wait")]
    pub drain: Duration,
    /// Most client connections at a time; further ones wait in the system's queue. One of HTTP/2 counts as 16.
    #[serde(default = "connections", deserialize_with = "count")]
    pub connections_max: usize,
    /// Whether `X-Forwarded-*` and `Forwarded` of the caller are kept. Only for a caller that is a proxy of one's own.
    #[serde(default)]
    pub trust_forwarded: bool,
    /// Whether a `traceparent` is added to requests that have none.
    #[serde(default = "yes")]
    pub traceparent: bool,
    /// Header of the request that names the tenant.
    #[serde(default, deserialize_with = "header")]
    pub tenant_header: Option<HeaderName>,
    /// Header of the request that names the user.
    #[serde(default, deserialize_with = "header")]
    pub user_header: Option<HeaderName>,
}

impl Proxy {
    /// A proxy with nothing set but its two ends.
    #[must_use]
    pub fn new(listen: SocketAddr, upstream: Upstream) -> Self {
        Self {
            listen,
            upstream,
            service: None,
            connect_timeout: connect_timeout(),
            answer_timeout: answer_timeout(),
            idle_timeout: idle_timeout(),
            drain: drain(),
            connections_max: connections(),
            trust_forwarded: false,
            traceparent: true,
            tenant_header: None,
            user_header: None,
        }
    }
}

impl Item for Proxy {
    fn from_word(word: &str) -> Result<Self, String> {
        let (listen, upstream) = word
            .split_once('=')
            .ok_or_else(|| format!("'{word}' is not LISTEN=UPSTREAM, such as 0.0.0.0:8000=127.0.0.1:8001"))?;
        let listen = listen.trim();
        let address = listen.parse().map_err(|_| format!("'{listen}' is not an address to listen on, such as 0.0.0.0:8000"))?;
        Ok(Self::new(address, Upstream::parse(upstream.trim())?))
    }
}

/// Where the application listens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Upstream {
    /// A host name or address, and a port.
    Tcp {
        /// Name or address, without brackets.
        host: String,
        /// Port.
        port: u16,
    },
    /// Path of a Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} before {}", self.listen, self.upstream)?;
        self.service.iter().try_for_each(|service| write!(f, ", as {service}"))
    }
}

impl Upstream {
    /// Reads `host:port` (an `http://` before it is allowed) or `unix:/path`.
    ///
    /// # Errors
    /// Says what is wrong and how it is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not an application's address: write host:port or unix:/path");
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() { Ok(Self::Unix(path)) } else { Err(wrong()) };
        }
        let authority = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let (host, port) = authority.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_bracketed = bare.is_some();
        let host = bare.unwrap_or(host);
        let is_name = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        let is_six = is_bracketed && host.parse::<std::net::Ipv6Addr>().is_ok();
        if is_six || (is_name && !is_bracketed) { Ok(Self::Tcp { host: host.to_owned(), port }) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Upstream {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

fn connect_timeout() -> Duration {
    Duration::from_secs(5)
}

/// As long as gunicorn's and most balancers' patience, twice.
fn answer_timeout() -> Duration {
    Duration::from_secs(60)
}

/// Streams of events may be silent for minutes.
fn idle_timeout() -> Duration {
    Duration::from_secs(600)
}

fn drain() -> Duration {
    Duration::from_secs(10)
}

fn connections() -> usize {
    CONNECTIONS
}

fn yes() -> bool {
    true
}

fn wait<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let span = Span::deserialize(deserializer)?;
    if span.0 < Duration::from_millis(1) || span.0 > WAIT_MAX {
        return Err(Error::custom(format!("{span} is out of bounds: choose 1ms to {}", Span(WAIT_MAX))));
    }
    Ok(span.0)
}

fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let number = usize::deserialize(deserializer)?;
    if !(1..=CONNECTIONS_MAX).contains(&number) {
        return Err(Error::custom(format!("{number} is out of bounds: choose 1 to {CONNECTIONS_MAX}")));
    }
    Ok(number)
}

fn header<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<HeaderName>, D::Error> {
    let name = String::deserialize(deserializer)?;
    let parsed = HeaderName::from_bytes(name.as_bytes());
    parsed.map(Some).map_err(|_| Error::custom(format!("'{name}' is not the name of a header")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::list::{List, from_word};

    fn table(text: &str) -> Result<Vec<Proxy>, String> {
        #[derive(Deserialize)]
        struct File {
            proxy: List<Proxy>,
        }
        let mut table = format!("[[proxy]]\n{text}");
        if !text.contains("listen") {
            table.push_str("\nlisten = \"[::]:80\"");
        }
        let file = farol_shared::config::load::<File>(Some(("agent.toml", &table)), &BTreeMap::new(), &[]);
        file.map(|file| file.proxy.0).map_err(|error| error.to_string())
    }

    #[test]
    fn a_word_names_both_ends_and_a_comma_divides_two() {
        let list: List<Proxy> = from_word("0.0.0.0:8000=127.0.0.1:8001, [::]:8443 = unix:/run/app.sock").unwrap();
        let ends: Vec<String> = list.0.iter().map(|one| format!("{} {}", one.listen, one.upstream)).collect();
        assert_eq!(ends, ["0.0.0.0:8000 127.0.0.1:8001", "[::]:8443 unix:/run/app.sock"]);
        for wrong in ["8000", "0.0.0.0:8000", "x=y", "0.0.0.0:8000=app", "0.0.0.0:1=app:0", "0.0.0.0:1=unix:app", "app:1=app:2"] {
            assert!(from_word::<Proxy>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn upstreams_are_read_and_written_alike() {
        for text in ["app:8001", "127.0.0.1:1", "[::1]:8080", "unix:/tmp/a b.sock", "my_app.internal:80"] {
            assert_eq!(Upstream::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Upstream::parse("http://app:8001/").unwrap().to_string(), "app:8001");
        for text in ["", ":80", "a b:80", "::1:80", "[app]:80", "https://app:443", "app:80/path", "user@app:80", "[::1]", "unix:"]
        {
            assert!(Upstream::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_table_sets_everything_within_bounds() {
        let one = &table("upstream = \"app:1\"\nanswer_timeout = \"2m\"\ntenant_header = \"X-Tenant\"").unwrap()[0];
        assert_eq!(one.answer_timeout, Duration::from_secs(120));
        assert_eq!(one.tenant_header.as_ref().unwrap(), "x-tenant");
        assert_eq!(one.connect_timeout, Duration::from_secs(5));
        for wrong in ["idle_timeout = \"0s\"", "drain = \"25h\"", "connections_max = 0", "user_header = \"a b\"", "retries = 3"] {
            let message = table(&format!("upstream = \"app:1\"\n{wrong}")).unwrap_err();
            assert!(message.contains(wrong.split(' ').next().unwrap()), "{message}");
        }
    }
}
