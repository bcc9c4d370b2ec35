//! What a provider says about itself (OpenID Connect Discovery), kept for an hour.

use std::{sync::Arc, time::Duration};

use reqwest::Url;
use serde::Deserialize;
use tokio::{sync::Mutex, time::Instant};

use super::Fault;
use crate::{
    access::issuer::{
        fetch::{Fetcher, is_safe},
        keys::{self, Keys},
    },
    config::OidcSettings,
};

/// How long the document holds. Providers change their addresses once in years.
const HOLDS_FOR: Duration = Duration::from_secs(3_600);

/// How long a provider that failed is left alone: whoever clicks meanwhile must not make us ask again and again.
const REST: Duration = Duration::from_secs(2);

/// A provider of the configuration.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) name: Arc<str>,
    pub(super) settings: OidcSettings,
    pub(super) fetcher: Fetcher,
    /// What was found out last, and when it was asked for. Held while asking.
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    known: Option<(Instant, Arc<Discovered>)>,
    failed: Option<Instant>,
}

/// What is used of the document, checked.
#[derive(Debug)]
pub(super) struct Discovered {
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    pub(super) userinfo_endpoint: Option<Url>,
    /// Whether the secret travels in the form instead of the header.
    pub(super) is_secret_posted: bool,
    /// Whether the answer names its issuer (RFC 9207).
    pub(super) is_issuer_told: bool,
    pub(super) keys: Keys,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl Provider {
    pub(super) fn new(settings: OidcSettings, fetcher: Fetcher) -> Self {
        Self { name: settings.name.as_str().into(), settings, fetcher, found: Mutex::default() }
    }

    /// The provider's document. When it cannot be had again the last one stays in use.
    pub(super) async fn discovered(&self) -> Result<Arc<Discovered>, Fault> {
        let mut found = self.found.lock().await;
        if let Some((at, known)) = &found.known
            && at.elapsed() < HOLDS_FOR
        {
            return Ok(Arc::clone(known));
        }
        let known = found.known.as_ref().map(|(_, known)| Arc::clone(known));
        if found.failed.is_some_and(|at| at.elapsed() < REST) {
            return known.ok_or(Fault::Resting);
        }
        match self.discover().await {
            Ok(new) => {
                let new = Arc::new(new);
                *found = Found { known: Some((Instant::now(), Arc::clone(&new))), failed: None };
                Ok(new)
            }
            Err(fault) => {
                found.failed = Some(Instant::now());
                known.ok_or(fault)
            }
        }
    }

    async fn discover(&self) -> Result<Discovered, Fault> {
        let mut url = self.settings.issuer.clone();
        url.set_path(&format!("{}/.well-known/openid-configuration", url.path().trim_end_matches('/')));
        let json = self.fetcher.get(&url).await?;
        let document = serde_json::from_slice(&json).map_err(|_| Fault::Answer("its document lacks something, or is no JSON"))?;
        let read = self.check(document)?;
        // Not having the keys yet is no reason to fail: they are asked for again when the first token comes.
        drop(read.keys.fetch().await);
        Ok(read)
    }

    fn check(&self, document: Document) -> Result<Discovered, Fault> {
        // Whoever answers for another issuer would be believed in its name.
        if document.issuer != self.settings.issuer_text {
            return Err(Fault::Answer("its document names another issuer than the setting"));
        }
        let must_be_https = self.settings.issuer.scheme() == "https";
        let endpoint = |text: &str| {
            let is_fine = |url: &Url| is_safe(url) && (!must_be_https || url.scheme() == "https");
            let url: Option<Url> = text.parse().ok();
            url.filter(is_fine).ok_or(Fault::Answer("its document names something that is no address with TLS"))
        };
        let methods = document.token_endpoint_auth_methods_supported;
        let knows = |method: &str| methods.as_ref().is_none_or(|all| all.iter().any(|one| one == method));
        Ok(Discovered {
            is_secret_posted: !knows("client_secret_basic") && knows("client_secret_post"),
            is_issuer_told: document.authorization_response_iss_parameter_supported,
            keys: keys::published(endpoint(&document.jwks_uri)?, self.fetcher.clone()),
            authorization_endpoint: endpoint(&document.authorization_endpoint)?,
            token_endpoint: endpoint(&document.token_endpoint)?,
            userinfo_endpoint: document.userinfo_endpoint.as_deref().map(endpoint).transpose()?,
        })
    }
}
