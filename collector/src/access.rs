//! Who may do what: people sign in with a password, agents come with a token.
//!
//! In: requests with a cookie, a bearer token or nothing. Out: a [`Person`], an [`AgentAuth`], or a refusal.
//!
//! Invariants: passwords are kept as argon2id hashes, tokens as SHA-256 of 256 random bits, recovery codes of 80, and what must
//! be read again is sealed ([`seal`]); a session or a token that is revoked or expired is refused by the next request,
//! whichever way it comes; nobody does by a token what its owner may not do now; a cookie alone never authorises a request
//! that another site could have caused; a change and its line in the audit log are one transaction.
//!
//! Bounded: password checks run one at a time with a short queue (then 503), attempts per address and account
//! (then 429), sessions per person and in total (the oldest ends), remembered addresses (the calmest are forgotten).

use std::sync::Arc;

use farol_shared::clock::Clock;
use subtle::ConstantTimeEq as _;

use crate::{
    config::AccessSettings,
    state::{Fingerprint, State, StateError},
};

mod api_token;
pub mod audit;
pub mod extract;
mod issuer;
pub mod jwt;
mod limiter;
pub mod oidc;
pub mod origin;
pub mod password;
pub mod proxy;
mod refusal;
pub mod role;
pub mod routes;
pub mod seal;
pub mod session;
pub mod setup;
pub mod token;
pub mod totp;
pub mod view;

pub use extract::{AgentAuth, Credential, Person, SocketPerson};
pub(crate) use issuer::fetch::is_safe as is_safe_address;
pub use issuer::{fetch::FetchError, standing::ClaimMap};
pub use role::Role;
pub use view::View;

use limiter::Limiter;
use password::Hasher;
use seal::Seal;

/// Sign-in and tokens of one collector. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Access(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: State,
    clock: Arc<dyn Clock>,
    settings: AccessSettings,
    /// The public address, whose origin is accepted beside the address that a request names.
    home: Option<origin::Home>,
    /// The token that the configuration allows, as its fingerprint.
    configured_token: Option<Fingerprint>,
    signer: jwt::Signer,
    issuers: issuer::Issuers,
    oidc: oidc::Oidc,
    seal: Seal,
    hasher: Hasher,
    limiter: Limiter,
}

/// Why sign-in could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The accounts cannot be read or written.
    #[error("preparing accounts")]
    State(#[from] StateError),
    /// A password cannot be used.
    #[error("using the password of the configuration")]
    Password(#[from] password::PasswordError),
    /// Providers of sign-in cannot be asked.
    #[error("preparing sign-in from elsewhere")]
    Elsewhere(#[from] FetchError),
    /// The system gives no random numbers.
    #[error("getting random numbers from the system")]
    Random(#[source] getrandom::Error),
    /// The key of secrets at rest cannot be used.
    #[error("using the key of secrets at rest")]
    Seal(#[from] seal::SealError),
}

/// What the person who started the collector must be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstSteps {
    /// An administrator exists.
    SignIn,
    /// `admin` was made just now with the password of the configuration.
    AdminMade,
    /// Nobody exists: this one-time token makes the first administrator.
    SetUp(String),
}

impl Access {
    /// Prepares sign-in on opened accounts: loads or makes the signing key, and makes `admin` or a set-up token when there is
    /// no administrator.
    ///
    /// # Errors
    /// [`AccessError`] when the accounts cannot be read or written.
    pub async fn open(
        state: State,
        settings: AccessSettings,
        public_url: Option<&str>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, FirstSteps), AccessError> {
        Self::open_with(state, settings, public_url, clock, Hasher::default()).await
    }

    async fn open_with(
        state: State,
        settings: AccessSettings,
        public_url: Option<&str>,
        clock: Arc<dyn Clock>,
        hasher: Hasher,
    ) -> Result<(Self, FirstSteps), AccessError> {
        let seal = Seal::load(settings.key_file.as_deref(), state.folder())?;
        let key = state.signing_key(&seal).await?;
        let configured_token = settings.agent_token.as_ref().map(|token| Fingerprint::of(token.reveal()));
        let access = Self(Arc::new(Inner {
            signer: jwt::Signer::new(&key),
            issuers: issuer::Issuers::start(&settings.issuers)?,
            oidc: oidc::Oidc::new(&settings.oidc, public_url)?,
            home: public_url.and_then(origin::Home::of),
            configured_token,
            seal,
            hasher,
            limiter: Limiter::default(),
            state,
            clock,
            settings,
        }));
        let steps = setup::prepare(&access).await?;
        Ok((access, steps))
    }

    /// Whether nobody can administer this collector yet.
    #[must_use]
    pub fn setup_required(&self) -> bool {
        !self.0.state.now().has_administrator()
    }

    /// The person behind a bearer token: of `POST /api/auth/login`, of programs, or of an application whose keys are known.
    #[must_use]
    pub fn person_by_token(&self, token: &str) -> Option<Person> {
        let now_ms = self.0.clock.now_ms();
        if token.starts_with(token::API_PREFIX) {
            return api_token::by_secret(self, token, now_ms);
        }
        if let Some(claims) = self.0.signer.verify(token, now_ms) {
            let person = session::by_key(self, claims.session, now_ms)?;
            return (*person.username == *claims.subject).then_some(person);
        }
        self.0.issuers.person(token, now_ms)
    }

    /// The same, asking an application's published keys again when the token is signed with one that is not known yet.
    pub async fn person_by_bearer(&self, token: &str) -> Option<Person> {
        match self.person_by_token(token) {
            None if self.0.issuers.learn(token).await => self.person_by_token(token),
            known => known,
        }
    }

    /// The key that checks our own login tokens, as a published set (RFC 7517).
    #[must_use]
    pub fn published_keys(&self) -> serde_json::Value {
        self.0.signer.published()
    }

    /// Whether a person who was let in earlier is still signed in. Long connections ask this from time to time.
    #[must_use]
    pub fn is_still_valid(&self, person: &Person) -> bool {
        let now_ms = self.0.clock.now_ms();
        match &person.credential {
            // A role or a tenant that changed meanwhile ends what was opened under the old one.
            Credential::Session(key) => session::by_key(self, *key, now_ms).is_some_and(|now| now == *person),
            Credential::ApiToken(id) => api_token::by_id(self, *id, now_ms).is_some_and(|now| now == *person),
            Credential::Issued { expires_ms, .. } => now_ms < *expires_ms,
        }
    }

    /// When a person signed in, in ms since the epoch; `None` when that sign-in has ended meanwhile, or was never one.
    #[must_use]
    pub fn signed_in_ms(&self, person: &Person) -> Option<i64> {
        self.0.state.now().session_by_key(person.credential.session()?).map(|session| session.created_ms)
    }

    /// The role that `/monitoring` and `system_stats` need.
    #[must_use]
    pub fn monitoring_role(&self) -> Role {
        self.0.settings.monitoring_role
    }

    /// The agent behind a bearer token, if the token is accepted.
    #[must_use]
    pub fn agent_by_token(&self, token: &str) -> Option<AgentAuth> {
        let fingerprint = token::fingerprint(token)?;
        if self.0.configured_token.as_ref().is_some_and(|allowed| bool::from(allowed.0.ct_eq(&fingerprint.0))) {
            return Some(AgentAuth { token_id: 0, name: "configuration".into(), tenant: None, environment: None });
        }
        let row = self.0.state.now().token(&fingerprint)?;
        row.touch(self.0.clock.now_ms());
        let (tenant, environment) = (row.tenant.clone(), row.environment.clone());
        Some(AgentAuth { token_id: row.id, name: Arc::clone(&row.name), tenant, environment })
    }

    /// The accounts.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.0.state
    }

    fn settings(&self) -> &AccessSettings {
        &self.0.settings
    }

    fn public_origin(&self) -> Option<&str> {
        self.0.home.as_ref().map(|home| home.origin.as_str())
    }

    /// Where people and agents find the collector, when the configuration says so.
    fn public_url(&self) -> Option<&str> {
        self.0.home.as_ref().map(|home| home.url.as_str())
    }

    /// The path for which a cookie holds that is given to somebody who asked this host.
    fn cookie_path(&self, host: Option<&str>) -> &str {
        self.0.home.as_ref().map_or("/", |home| home.cookie_path(host))
    }

    fn signer(&self) -> &jwt::Signer {
        &self.0.signer
    }

    fn oidc(&self) -> &oidc::Oidc {
        &self.0.oidc
    }

    pub(crate) fn seal(&self) -> &Seal {
        &self.0.seal
    }

    fn hasher(&self) -> &Hasher {
        &self.0.hasher
    }

    fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }

    fn now_ms(&self) -> i64 {
        self.0.clock.now_ms()
    }
}

#[cfg(test)]
mod tests;
