//! Applications whose own tokens open Farol: tables `[[issuer]]`.
//!
//! In: bearer tokens that are not ours. Out: a person with the role and the tenant that the token's claims name.
//!
//! Invariants: a token is believed only when a key of the issuer that it names has signed it, for our audience and for now;
//! whoever is bound to a tenant by claim never sees the whole house for want of that claim. Bounded: keys as in
//! [`super::jwt`]; they are fetched in the background and, for a `kid` that is not known, at most once a minute.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;

use super::{
    Credential, Person,
    jwt::{Compact, TokenError},
};
use crate::config::IssuerSettings;

pub(super) mod fetch;
pub(super) mod keys;
pub(super) mod standing;

use fetch::{FetchError, Fetcher};
use keys::Keys;

/// How often keys are fetched without a cause: a withdrawn key is refused this much later.
const RENEW_EVERY: Duration = Duration::from_secs(600);

/// How soon that is tried again after it failed.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// Longest name of a person, in bytes, the issuer's name and the colon left out.
const NAME_BYTES_MAX: usize = 100;

/// The applications of the configuration.
#[derive(Debug, Default)]
pub(super) struct Issuers {
    all: Vec<Arc<Issuer>>,
    renewing: Vec<JoinHandle<()>>,
}

/// One application.
#[derive(Debug)]
struct Issuer {
    name: Arc<str>,
    settings: IssuerSettings,
    keys: Keys,
}

impl Issuers {
    /// The applications, whose keys are fetched from now on.
    pub(super) fn start(settings: &[IssuerSettings]) -> Result<Self, FetchError> {
        let all = settings.iter().map(|settings| {
            let keys = Keys::new(settings.keys.clone(), Fetcher::new(settings.ca_file.as_deref())?);
            Ok(Arc::new(Issuer { name: settings.name.as_str().into(), settings: settings.clone(), keys }))
        });
        let all: Vec<Arc<Issuer>> = all.collect::<Result<_, FetchError>>()?;
        let renewing = all.iter().filter(|issuer| !issuer.keys.is_fixed()).map(|issuer| tokio::spawn(renew(Arc::clone(issuer))));
        Ok(Self { renewing: renewing.collect(), all })
    }

    /// The person whom a token names, as far as the keys at hand tell.
    pub(super) fn person(&self, token: &str, now_ms: i64) -> Option<Person> {
        let (issuers, token) = self.of(token)?;
        let mut refusal = None;
        for issuer in issuers {
            match issuer.person(&token, now_ms) {
                Ok(person) => return Some(person),
                Err(error) => refusal = Some((Arc::clone(&issuer.name), error)),
            }
        }
        let (issuer, error) = refusal?;
        tracing::debug!(target: "access", %issuer, error = %error, "token of an application refused");
        None
    }

    /// Fetches keys when a token names an issuer but a key that is not known. Says whether trying again may help.
    pub(super) async fn learn(&self, token: &str) -> bool {
        let Some((issuers, token)) = self.of(token) else { return false };
        let mut has_asked = false;
        for issuer in issuers {
            if !issuer.keys.is_fixed() && token.verify(&issuer.keys.now()).err() == Some(TokenError::Key) {
                has_asked |= issuer.keys.renew().await.is_ok();
            }
        }
        has_asked
    }

    /// The applications that a token may be from, by what it claims.
    fn of<'t>(&self, token: &'t str) -> Option<(impl Iterator<Item = &Arc<Issuer>>, Compact<'t>)> {
        if self.all.is_empty() {
            return None;
        }
        let token = Compact::parse(token).ok()?;
        let claimed = token.claimed_issuer()?;
        Some((self.all.iter().filter(move |issuer| issuer.settings.issuer == claimed), token))
    }
}

impl Drop for Issuers {
    fn drop(&mut self) {
        for task in &self.renewing {
            task.abort();
        }
    }
}

impl Issuer {
    fn person(&self, token: &Compact<'_>, now_ms: i64) -> Result<Person, standing::Refusal> {
        let claims = token.verify(&self.keys.now())?;
        claims.check_issuer(&self.settings.issuer)?;
        claims.check_audience(&self.settings.audience)?;
        let expires_ms = claims.check_times(now_ms)?;
        let standing = self.settings.claims.standing(&claims)?;
        let subject = claims.text(&self.settings.username_claim).ok_or(TokenError::Claim("username_claim"))?;
        let username = format!("{}:{}", self.name, standing::plain_name(subject, NAME_BYTES_MAX));
        let credential = Credential::Issued { issuer: Arc::clone(&self.name), expires_ms };
        Ok(Person { username: username.into(), role: standing.role, view: standing.view, credential })
    }
}

async fn renew(issuer: Arc<Issuer>) {
    let mut has_failed = false;
    loop {
        let pause = match issuer.keys.fetch().await {
            Ok(count) => {
                if has_failed {
                    tracing::info!(target: "access", issuer = %issuer.name, count, "keys of an application fetched again");
                }
                has_failed = false;
                RENEW_EVERY
            }
            Err(error) => {
                if !has_failed {
                    let error = farol_shared::report::chain(&error);
                    tracing::warn!(target: "access", issuer = %issuer.name, %error, "keys of an application not fetched; those known stay in force");
                }
                has_failed = true;
                RETRY_AFTER
            }
        };
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests;
