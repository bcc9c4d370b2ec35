//! What is asked of identity providers over HTTP: small answers, soon, from the address itself and no other.

use std::{path::Path, time::Duration};

use bytes::{Bytes, BytesMut};
use farol_shared::secret::Secret;
use reqwest::{RequestBuilder, Url};

use crate::pull::http::tls;

/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// How long one answer may take in all: somebody is waiting.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

/// Largest answer, in bytes. Documents of providers have some KiB.
pub(in crate::access) const ANSWER_BYTES_MAX: usize = 256 << 10;

/// Why a provider's answer is not there. Holds no secret and nothing that the provider said.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The client cannot be made.
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
    /// A file cannot be read.
    #[error("reading {path}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
    /// No connection, or it broke, or took too long.
    #[error("asking {host}")]
    Unreachable {
        /// Who was asked.
        host: String,
        /// What happened.
        #[source]
        cause: reqwest::Error,
    },
    /// Another status than success.
    #[error("{host} answered with the status {status}")]
    Status {
        /// Who was asked.
        host: String,
        /// Its status.
        status: u16,
    },
    /// The answer is too long.
    #[error("{0} answered more than {ANSWER_BYTES_MAX} bytes")]
    TooLong(String),
    /// The set of keys cannot be used.
    #[error("using its keys")]
    Keys(#[from] crate::access::jwt::KeyError),
}

/// Asks providers.
#[derive(Debug, Clone)]
pub(in crate::access) struct Fetcher(reqwest::Client);

impl Fetcher {
    /// `ca_file` names certificates to trust beside the machine's.
    pub(in crate::access) fn new(ca_file: Option<&Path>) -> Result<Self, FetchError> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(ca_file).map_err(FetchError::Client)?)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .pool_max_idle_per_host(1)
            .user_agent(concat!("farol-collector/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| FetchError::Client(error.without_url().to_string()))?;
        Ok(Self(client))
    }

    /// Reads a document.
    pub(in crate::access) async fn get(&self, url: &Url) -> Result<Bytes, FetchError> {
        send(self.0.get(url.clone()).header("accept", "application/json"), url).await
    }

    /// Reads a document as the bearer of a token.
    pub(in crate::access) async fn get_as(&self, url: &Url, token: &Secret) -> Result<Bytes, FetchError> {
        send(self.0.get(url.clone()).bearer_auth(token.reveal()).header("accept", "application/json"), url).await
    }

    /// Posts a form, with a name and a password where they are given.
    pub(in crate::access) async fn post(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        basic: Option<(&str, &str)>,
    ) -> Result<Bytes, FetchError> {
        let mut request = self.0.post(url.clone()).header("accept", "application/json").form(form);
        if let Some((name, password)) = basic {
            request = request.basic_auth(name, Some(password));
        }
        send(request, url).await
    }
}

async fn send(request: RequestBuilder, url: &Url) -> Result<Bytes, FetchError> {
    let host = || url.host_str().unwrap_or_default().to_owned();
    let broken = |cause: reqwest::Error| FetchError::Unreachable { host: host(), cause: cause.without_url() };
    let mut response = request.send().await.map_err(broken)?;
    if !response.status().is_success() {
        return Err(FetchError::Status { host: host(), status: response.status().as_u16() });
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(FetchError::TooLong(host()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Whether an address of a provider may be asked: over TLS, or on this very machine.
#[must_use]
pub(crate) fn is_safe(url: &Url) -> bool {
    let plain = url.username().is_empty() && url.password().is_none();
    plain
        && match (url.scheme(), url.host_str()) {
            ("https", Some(_)) => true,
            ("http", Some(host)) => is_loopback(host),
            _ => false,
        }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_travel_encrypted_or_not_at_all() {
        for (text, expect) in [
            ("https://id.example.org/keys?x=1", true),
            ("http://127.0.0.1:9/keys", true),
            ("http://[::1]:9/keys", true),
            ("http://localhost/keys", true),
            ("http://id.example.org/keys", false),
            ("http://localhost.example.org/keys", false),
            ("http://127.0.0.1.example.org/", false),
            ("ftp://127.0.0.1/", false),
            ("file:///etc/passwd", false),
            ("https://u:p@id.example.org/", false),
        ] {
            assert_eq!(is_safe(&text.parse().unwrap()), expect, "{text}");
        }
    }
}
