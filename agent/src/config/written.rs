//! The configuration as it is written in the file and the environment, before it is checked.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use farol_shared::{
    config::{Size, Span},
    secret::Secret,
};
use serde::Deserialize;

use super::list::List;
use crate::{
    listen::{
        logs::Log,
        proxy::Proxy,
        scrape::Scrape,
        statsd::{RequestRule, SignedGauge},
    },
    probe::Probe,
};

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Written {
    pub(super) name: Option<String>,
    pub(super) interval: Span,
    pub(super) live_interval: Span,
    pub(super) root: PathBuf,
    pub(super) log: String,
    pub(super) send: Send,
    pub(super) resource: Resource,
    pub(super) spool: Spool,
    pub(super) listen: Listen,
    pub(super) requests: Requests,
    pub(super) events: Events,
    pub(super) statsd: Statsd,
    pub(super) proxy: List<Proxy>,
    pub(super) logs: List<Log>,
    pub(super) scrape: List<Scrape>,
    pub(super) probes: List<Probe>,
    pub(super) exec: Exec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Exec {
    pub(super) grace: Option<Span>,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            name: None,
            interval: Span(Duration::from_secs(1)),
            live_interval: Span(Duration::from_millis(farol_shared::limit::WATCHED_INTERVAL_MS)),
            root: PathBuf::from("/"),
            log: "info".to_owned(),
            send: Send::default(),
            resource: Resource::default(),
            spool: Spool::default(),
            listen: Listen::default(),
            requests: Requests::default(),
            events: Events::default(),
            statsd: Statsd::default(),
            proxy: List::default(),
            logs: List::default(),
            scrape: List::default(),
            probes: List::default(),
            exec: Exec::default(),
        }
    }
}

/// Where applications reach the agent; `off` for nowhere.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Listen {
    pub(super) http: String,
    pub(super) socket: Option<String>,
    pub(super) statsd: String,
    pub(super) statsd_socket: Option<String>,
}

impl Default for Listen {
    fn default() -> Self {
        Self { http: "127.0.0.1:4318".to_owned(), socket: None, statsd: "127.0.0.1:8125".to_owned(), statsd_socket: None }
    }
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Requests {
    pub(super) slow: Span,
}

impl Default for Requests {
    fn default() -> Self {
        Self { slow: Span(Duration::from_millis(500)) }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Statsd {
    pub(super) signed_gauge: SignedGauge,
    pub(super) requests: List<RequestRule>,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Events {
    pub(super) private: String,
}

impl Default for Events {
    fn default() -> Self {
        Self { private: "mask".to_owned() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Send {
    pub(super) url: Option<String>,
    pub(super) token: Option<Secret>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) timeout: Span,
}

impl Default for Send {
    fn default() -> Self {
        Self { url: None, token: None, token_file: None, ca_file: None, timeout: Span(Duration::from_secs(10)) }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Resource {
    pub(super) service: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) environment: Option<String>,
    pub(super) attributes: Attributes,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Spool {
    pub(super) dir: Option<PathBuf>,
    pub(super) max: Size,
    pub(super) memory: Size,
}

impl Default for Spool {
    fn default() -> Self {
        // An hour of usual batches in memory, a day on disk.
        Self { dir: None, max: Size(64 << 20), memory: Size(4 << 20) }
    }
}

/// Attributes as a table, or as the text of `OTEL_RESOURCE_ATTRIBUTES`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "resource.attributes must be a table of texts, or text such as key=value,key=value")]
pub(super) enum Attributes {
    Table(BTreeMap<String, String>),
    Text(String),
}

impl Default for Attributes {
    fn default() -> Self {
        Self::Table(BTreeMap::new())
    }
}

impl Attributes {
    /// The pairs; an error says which part is none.
    pub(super) fn pairs(self) -> Result<BTreeMap<String, String>, String> {
        let text = match self {
            Self::Table(table) => return Ok(table),
            Self::Text(text) => text,
        };
        let pair = |part: &str| {
            let (key, value) = part.split_once('=').ok_or_else(|| format!("'{part}' is not key=value"))?;
            Ok((decode(key.trim()), decode(value.trim())))
        };
        text.split(',').filter(|part| !part.trim().is_empty()).map(pair).collect()
    }
}

/// Resolves `%2C` and the like, which the variable needs for commas and equals signs. What is no escape stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let escaped =
            tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}
