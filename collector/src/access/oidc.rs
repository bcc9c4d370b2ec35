//! Sign-in at a provider (OpenID Connect): tables `[[oidc]]`; authorization code with PKCE, state and nonce.
//!
//! In: a browser that asks to sign in, and comes back with a code. Out: an account, a session, or one of the [`Fault`]s.
//!
//! Invariants: a code is only taken from the browser that began, once, within ten minutes; what comes back is believed only
//! after its signature, issuer, audience, time and nonce fit; an account is found by (issuer, subject) and never by its name;
//! no secret, code or token reaches a log or an address of ours. Bounded: sign-ins under way ([`pending`]), answers of the
//! provider ([`super::issuer::fetch`]), one look for its document at a time.

use std::sync::Arc;

use reqwest::Url;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    issuer::{
        fetch::{FetchError, Fetcher},
        standing::Refusal,
    },
    jwt::TokenError,
    proxy::ClientAddress,
    token,
};
use crate::{
    config::OidcSettings,
    state::{Fingerprint, StateError},
};

mod discovery;
mod exchange;
mod pending;
pub mod routes;
mod who;

use discovery::Provider;
use pending::{Begun, Pending};

/// Why a sign-in at a provider did not work.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The person or the provider said no, or the account is not wanted here.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// The answer belongs to no sign-in that this browser began of late.
    #[error("no sign-in of this browser waits for this answer")]
    Expired,
    /// Nothing gives a role, or the tenant that it needs.
    #[error("not allowed in")]
    NoRole(#[source] Refusal),
    /// The provider's answer cannot be believed or understood.
    #[error("the answer cannot be used: {0}")]
    Answer(&'static str),
    /// The token cannot be believed.
    #[error("the token cannot be believed")]
    Token(#[from] TokenError),
    /// The provider cannot be reached, or refuses.
    #[error("asking the provider")]
    Fetch(#[from] FetchError),
    /// It could not be reached a moment ago.
    #[error("the provider could not be reached a moment ago")]
    Resting,
    /// The accounts cannot be used.
    #[error("using the accounts")]
    State(#[from] StateError),
    /// The system gives no random numbers.
    #[error("getting random numbers from the system")]
    Random(#[from] getrandom::Error),
}

impl Fault {
    /// The word for the page.
    fn code(&self) -> &'static str {
        match self {
            Self::Refused(_) => "oidc_refused",
            Self::Expired => "oidc_expired",
            Self::NoRole(_) => "oidc_no_role",
            Self::Fetch(FetchError::Unreachable { .. }) | Self::Resting => "oidc_unreachable",
            Self::Fetch(FetchError::Status { status: 500.., .. }) => "oidc_unreachable",
            Self::Answer(_) | Self::Token(_) | Self::Fetch(_) | Self::State(_) | Self::Random(_) => "oidc_failed",
        }
    }
}

/// A provider, as the page offers it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Offered {
    /// Name, for `/api/auth/oidc/{name}`.
    name: String,
    /// What stands on the button.
    title: String,
}

/// The providers of the configuration.
#[derive(Debug, Default)]
pub(super) struct Oidc {
    all: Vec<Provider>,
    pending: Pending,
    public_url: Option<Url>,
}

/// Where a browser is sent to sign in, and the cookie that it brings back.
struct Sent {
    to: Url,
    browser: String,
}

impl Oidc {
    pub(super) fn new(settings: &[OidcSettings], public_url: Option<&str>) -> Result<Self, FetchError> {
        let provider = |settings: &OidcSettings| Ok(Provider::new(settings.clone(), Fetcher::new(settings.ca_file.as_deref())?));
        let all = settings.iter().map(provider).collect::<Result<_, FetchError>>()?;
        Ok(Self { all, pending: Pending::default(), public_url: public_url.and_then(|url| url.parse().ok()) })
    }

    /// What the page offers.
    pub(super) fn offered(&self) -> Vec<Offered> {
        let offered = |one: &Provider| Offered { name: one.settings.name.clone(), title: one.settings.title.clone() };
        self.all.iter().map(offered).collect()
    }

    fn provider(&self, name: &str) -> Option<&Provider> {
        self.all.iter().find(|provider| provider.settings.name == name)
    }

    /// Path under which people see the page, with a slash at its end: a proxy may have put it into a folder.
    fn home(&self) -> String {
        let path = self.public_url.as_ref().map_or("", Url::path);
        format!("{}/", path.trim_end_matches('/'))
    }

    /// Address to which the provider sends the browser back.
    fn back(&self, provider: &Provider, client: ClientAddress, host: Option<&str>) -> Result<String, Fault> {
        let base = match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => {
                let host = host.ok_or(Fault::Answer("the request names no host"))?;
                let url: Url = format!("{}://{host}", if client.is_https { "https" } else { "http" })
                    .parse()
                    .map_err(|_| Fault::Answer("the request names no host"))?;
                url.origin().ascii_serialization()
            }
        };
        Ok(format!("{base}/api/auth/oidc/{}/callback", provider.settings.name))
    }

    /// Begins a sign-in.
    async fn begin(&self, provider: &Provider, client: ClientAddress, host: Option<&str>, now_ms: i64) -> Result<Sent, Fault> {
        let back = self.back(provider, client, host)?;
        let found = provider.discovered().await?;
        let (state, browser) = (token::random()?, token::random()?);
        let begun = Begun {
            provider: Arc::clone(&provider.name),
            browser: Fingerprint::of(&browser),
            nonce: token::random()?,
            verifier: token::random()?,
            back,
            address: client.address,
            began_ms: now_ms,
        };
        let mut to = found.authorization_endpoint.clone();
        to.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.settings.client_id)
            .append_pair("redirect_uri", &begun.back)
            .append_pair("scope", &provider.settings.scopes.join(" "))
            .append_pair("state", &state)
            .append_pair("nonce", &begun.nonce)
            .append_pair("code_challenge", &pending::challenge(&begun.verifier))
            .append_pair("code_challenge_method", "S256");
        self.pending.add(&state, begun, now_ms);
        Ok(Sent { to, browser })
    }
}

#[cfg(test)]
mod tests;
