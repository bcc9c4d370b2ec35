//! What a handler asks for to know who is calling: a person, an agent, or a person behind a WebSocket.

use std::sync::Arc;

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};

use super::{Access, Role, View, origin, session};
use crate::{
    problem::Problem,
    state::{SessionKey, live::LOOK_EVERY},
};

/// A signed-in person. As a handler's argument it lets in nobody else.
///
/// The session's cookie or the bearer token of a login is accepted. With the cookie, a request that changes something must
/// come from our own page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Name of the account.
    pub username: Arc<str>,
    /// What the account may do now.
    pub role: Role,
    /// What the account sees.
    pub view: View,
    /// By what the person is known.
    pub credential: Credential,
}

/// By what a person is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A sign-in: its cookie, or the token that its login answered.
    Session(SessionKey),
    /// An API token, by its number.
    ApiToken(i64),
    /// A token that a trusted application signed.
    Issued {
        /// Which application, as the configuration names it.
        issuer: Arc<str>,
        /// When the token ends, in ms since the epoch.
        expires_ms: i64,
    },
}

impl Credential {
    /// The sign-in, if it is one.
    #[must_use]
    pub const fn session(&self) -> Option<SessionKey> {
        match self {
            Self::Session(key) => Some(*key),
            Self::ApiToken(_) | Self::Issued { .. } => None,
        }
    }
}

impl Person {
    /// Refuses a person whose role is below `least`.
    ///
    /// # Errors
    /// 403, naming the role that is needed.
    pub fn require(&self, least: Role) -> Result<(), Problem> {
        if self.role >= least {
            return Ok(());
        }
        Err(Problem::forbidden(format!("this needs the role {least}; {} has the role {}", self.username, self.role)))
    }

    /// The sign-in, of somebody who changes their own account: a token must not be able to.
    ///
    /// # Errors
    /// 403 for tokens, with the code `session_needed`.
    pub fn require_session(&self) -> Result<SessionKey, Problem> {
        let refused =
            || Problem::forbidden("this needs a sign-in with the account itself: a token cannot do it").code("session_needed");
        self.credential.session().ok_or_else(refused)
    }

    /// Refuses tokens for programs, where somebody changes accounts.
    ///
    /// # Errors
    /// As [`Person::require_session`].
    pub fn require_no_api_token(&self) -> Result<(), Problem> {
        if matches!(self.credential, Credential::ApiToken(_)) { self.require_session().map(drop) } else { Ok(()) }
    }
}

/// An agent with an accepted token. As a handler's argument it lets in nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentAuth {
    /// Number of the token; 0 for the one of the configuration.
    pub token_id: i64,
    /// Name under which the token was made.
    pub name: Arc<str>,
    /// The tenant that all of its agents' data belong to.
    pub tenant: Option<Arc<str>>,
    /// The environment that all of its agents' data belong to.
    pub environment: Option<Arc<str>>,
}

/// The person behind a request to open a WebSocket, when its cookie says so; else the first message must.
///
/// A cookie from a page of another site is refused: browsers send cookies with such requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketPerson(pub Option<Person>);

impl<S> FromRequestParts<S> for Person
where
    Access: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let access = Access::from_ref(state);
        if let Some(token) = bearer(&parts.headers) {
            let refused =
                || Problem::unauthorized("this token is not accepted: it is wrong, has expired, or its sign-in has ended");
            return access.person_by_bearer(token).await.ok_or_else(refused);
        }
        let person = session::by_cookie(&access, &parts.headers).ok_or_else(|| Problem::unauthorized("sign in first"))?;
        if !parts.method.is_safe() {
            origin::check(&parts.headers, &parts.uri, access.public_origin(), origin::Missing::Refuse)?;
        }
        Ok(person)
    }
}

impl<S> FromRequestParts<S> for AgentAuth
where
    Access: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let token = bearer(&parts.headers)
            .ok_or_else(|| Problem::unauthorized("an agent token is needed: send Authorization: Bearer TOKEN"))?;
        let access = Access::from_ref(state);
        if let Some(agent) = access.agent_by_token(token) {
            return Ok(agent);
        }
        // The command line may have made it a moment ago: refuse only after the file was looked at again. An agent that
        // is refused waits half a minute, and somebody is watching it start.
        tokio::time::sleep(LOOK_EVERY * 2).await;
        access
            .agent_by_token(token)
            .ok_or_else(|| Problem::unauthorized("this agent token is not accepted: it is wrong or was revoked"))
    }
}

impl<S> FromRequestParts<S> for SocketPerson
where
    Access: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let access = Access::from_ref(state);
        if let Some(token) = bearer(&parts.headers) {
            let refused = || Problem::unauthorized("this token is not accepted");
            return access.person_by_bearer(token).await.map(Some).map(Self).ok_or_else(refused);
        }
        let Some(person) = session::by_cookie(&access, &parts.headers) else { return Ok(Self(None)) };
        origin::check(&parts.headers, &parts.uri, access.public_origin(), origin::Missing::Refuse)?;
        Ok(Self(Some(person)))
    }
}

/// The token of an `Authorization: Bearer` header.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}
