//! Whom signed claims make here: a name, a role, a tenant.

use super::{Fault, Provider};
use crate::{
    access::{issuer::standing::mark_of, jwt::Claims},
    state::identity::Identity,
};

/// Longest name of an account, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The identity that claims stand for.
pub(super) fn identity(provider: &Provider, claims: &Claims) -> Result<Identity, Fault> {
    let settings = &provider.settings;
    let is_verified = claims.find("email_verified").map(|said| said.as_bool() == Some(true) || said.as_str() == Some("true"));
    if !settings.allowed_domains.is_empty() {
        // An address that nobody has checked says nothing about where somebody belongs.
        let domain = claims.text("email").filter(|_| is_verified == Some(true)).and_then(|email| email.rsplit_once('@'));
        let domain = domain.map(|(_, domain)| domain.to_lowercase()).ok_or(Fault::Refused("no verified e-mail address"))?;
        if !settings.allowed_domains.contains(&domain) {
            return Err(Fault::Refused("the e-mail address is of another domain"));
        }
    }
    let standing = settings.claims.standing(claims).map_err(Fault::NoRole)?;
    let subject = claims.text("sub").ok_or(Fault::Answer("there is no subject"))?;
    let chosen = Some(settings.username_claim.as_str()).filter(|claim| *claim != "email" || is_verified != Some(false));
    let said = chosen.and_then(|claim| claims.text(claim)).or_else(|| claims.text("preferred_username")).unwrap_or(subject);
    Ok(Identity {
        issuer: settings.issuer_text.clone(),
        subject: subject.to_owned(),
        origin: format!("oidc:{}", settings.name),
        username: account_name(said),
        role: standing.role,
        tenant: standing.view.tenant().map(Into::into),
    })
}

/// A text as the name of an account, in whose letters not every name of the world can be written.
fn account_name(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
    let name: String =
        text.trim().chars().map(|c| if allowed(c) { c.to_ascii_lowercase() } else { '-' }).take(NAME_BYTES_MAX).collect();
    let says_something = name.chars().any(|c| c.is_ascii_alphanumeric());
    if says_something { name } else { format!("person-{}", mark_of(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::user_name;

    #[test]
    fn every_text_gives_a_name_that_can_be_one() {
        for (text, expect) in [
            ("Ana.Silva@Example.org", "ana.silva@example.org"),
            ("DOMAIN\\ana silva", "domain-ana-silva"),
            (" João ", "jo-o"),
            ("auth0|5f7c", "auth0-5f7c"),
        ] {
            assert_eq!(account_name(text), expect);
        }
        for text in ["", "   ", "李明", "\r\nSet-Cookie: a=b", &"x".repeat(500), "../../etc/passwd", "'; DROP TABLE user; --"] {
            let name = account_name(text);
            assert_eq!(user_name(&name).unwrap(), name, "{text}");
        }
    }
}
