//! Tokens for programs: each acts for its owner, never with more than the owner may do at that moment.

use std::sync::Arc;

use super::{Access, Credential, Person, View, token};
use crate::state::ApiToken;

/// The person that a token for programs stands for. Counts as a use.
pub(super) fn by_secret(access: &Access, secret: &str, now_ms: i64) -> Option<Person> {
    let token = access.state().now().api_token(&token::fingerprint(secret)?)?;
    let person = person(&token, now_ms)?;
    token.touch(now_ms);
    Some(person)
}

/// The same by the token's number, as long connections ask.
pub(super) fn by_id(access: &Access, id: i64, now_ms: i64) -> Option<Person> {
    person(&*access.state().now().api_token_by_id(id)?, now_ms)
}

/// `None` when the token has expired, or its owner is disabled or was moved to another tenant.
fn person(token: &ApiToken, now_ms: i64) -> Option<Person> {
    let owner = &token.user;
    if now_ms >= token.expires_ms || owner.is_disabled {
        return None;
    }
    let tenant = match (&owner.tenant, &token.tenant) {
        (Some(owners), Some(tokens)) if owners != tokens => return None,
        (Some(tenant), _) | (None, Some(tenant)) => Some(tenant),
        (None, None) => None,
    };
    Some(Person {
        username: Arc::clone(&owner.username),
        role: token.role.min(owner.role),
        view: View::of_tenant(tenant),
        credential: Credential::ApiToken(token.id),
    })
}
