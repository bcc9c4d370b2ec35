//! What signed claims make of somebody here: a role, a part of the house, a name.

use std::{collections::BTreeMap, sync::Arc};

use farol_shared::limit;
use ring::digest;

use crate::access::{
    Role, View,
    jwt::{Claims, TokenError},
};

/// Which claims say what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimMap {
    /// The claim with the role: a text or a list of texts.
    pub role_claim: String,
    /// Roles by the claim's values; empty when the values are our own words.
    pub roles: BTreeMap<String, Role>,
    /// The role of whoever has none by claim; refused when absent.
    pub default_role: Option<Role>,
    /// The claim with the tenant; everybody sees the whole house when absent.
    pub tenant_claim: Option<String>,
    /// Whether whoever is no super_admin needs a tenant.
    pub tenant_required: bool,
}

/// What somebody is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What they may do.
    pub role: Role,
    /// What they see.
    pub view: View,
}

/// Why claims make nobody here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The token itself is not accepted.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// No claim gives a role.
    #[error("its claims give no role here")]
    NoRole,
    /// No claim gives a tenant, and one is needed.
    #[error("its claims name no tenant, which its role needs")]
    NoTenant,
}

impl ClaimMap {
    /// The role and the view that claims give.
    ///
    /// # Errors
    /// [`Refusal::NoRole`], [`Refusal::NoTenant`].
    pub fn standing(&self, claims: &Claims) -> Result<Standing, Refusal> {
        let said = claims.texts(&self.role_claim);
        let ours = |word: &&str| if self.roles.is_empty() { Role::parse(word) } else { self.roles.get(*word).copied() };
        let role = said.iter().filter_map(ours).max().or(self.default_role).ok_or(Refusal::NoRole)?;
        let Some(name) = &self.tenant_claim else { return Ok(Standing { role, view: View::Whole }) };
        let view = match claims.find(name) {
            Some(value) if !value.is_null() => View::Tenant(tenant(value).ok_or(Refusal::NoTenant)?),
            _ if self.tenant_required && role < Role::SuperAdmin => return Err(Refusal::NoTenant),
            _ => View::Whole,
        };
        Ok(Standing { role, view })
    }
}

/// A tenant's name. Some products number their tenants.
fn tenant(value: &serde_json::Value) -> Option<Arc<str>> {
    let text = value.as_str().map(str::to_owned).or_else(|| value.as_i64().map(|number| number.to_string()))?;
    let is_usable = !text.is_empty() && text.len() <= limit::NAME_BYTES_MAX && !text.chars().any(char::is_control);
    is_usable.then(|| text.into())
}

/// Text as part of a name that stands in logs and lists: printable ASCII as it is, the rest as percent codes, and what is too
/// long cut with a mark of the whole behind it. Two different texts never become one.
#[must_use]
pub(crate) fn plain_name(text: &str, bytes_max: usize) -> String {
    let mut name = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'%' | b'~' | b'"' | b'<' | b'>' | b'&') {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02x}"));
        }
    }
    if name.len() <= bytes_max {
        return name;
    }
    let mark = mark_of(text);
    name.truncate(bytes_max.saturating_sub(mark.len() + 1));
    format!("{name}~{mark}")
}

/// Sixteen hexadecimal digits that tell texts apart.
#[must_use]
pub(crate) fn mark_of(text: &str) -> String {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: &serde_json::Value) -> Claims {
        Claims::read(value.to_string().as_bytes()).unwrap()
    }

    fn map() -> ClaimMap {
        ClaimMap {
            role_claim: "role".to_owned(),
            roles: BTreeMap::new(),
            default_role: None,
            tenant_claim: Some("tenant_id".to_owned()),
            tenant_required: true,
        }
    }

    fn check(map: &ClaimMap, said: &serde_json::Value, expect: Result<(Role, Option<&str>), Refusal>) {
        let found = map.standing(&claims(said));
        assert_eq!(found.as_ref().map(|s| (s.role, s.view.tenant())).map_err(|e| *e), expect, "{said}");
    }

    #[test]
    fn the_highest_of_several_roles_counts_and_unknown_words_give_none() {
        let map = ClaimMap { tenant_claim: None, ..map() };
        check(&map, &json!({"role": "operator"}), Ok((Role::Operator, None)));
        check(&map, &json!({"role": ["viewer", "admin", "cook"]}), Ok((Role::Admin, None)));
        for nothing in
            [json!({}), json!({"role": "root"}), json!({"role": 7}), json!({"role": {"admin": true}}), json!({"role": []})]
        {
            check(&map, &nothing, Err(Refusal::NoRole));
        }
        let lenient = ClaimMap { default_role: Some(Role::Viewer), ..map };
        check(&lenient, &json!({"role": "root"}), Ok((Role::Viewer, None)));
    }

    #[test]
    fn with_a_map_our_own_words_mean_nothing() {
        let roles = BTreeMap::from([("ops".to_owned(), Role::Operator), ("boss".to_owned(), Role::SuperAdmin)]);
        let map = ClaimMap { roles, tenant_claim: None, role_claim: "realm_access.roles".to_owned(), ..map() };
        check(&map, &json!({"realm_access": {"roles": ["ops", "x"]}}), Ok((Role::Operator, None)));
        check(&map, &json!({"realm_access.roles": "boss"}), Ok((Role::SuperAdmin, None)));
        check(&map, &json!({"realm_access": {"roles": ["super_admin"]}}), Err(Refusal::NoRole));
    }

    #[test]
    fn without_a_tenant_only_a_super_admin_sees_the_house() {
        check(&map(), &json!({"role": "viewer", "tenant_id": "acme"}), Ok((Role::Viewer, Some("acme"))));
        check(&map(), &json!({"role": "viewer", "tenant_id": 42}), Ok((Role::Viewer, Some("42"))));
        check(&map(), &json!({"role": "super_admin"}), Ok((Role::SuperAdmin, None)));
        check(&map(), &json!({"role": "super_admin", "tenant_id": "acme"}), Ok((Role::SuperAdmin, Some("acme"))));
        for wrong in [
            json!({}),
            json!({"tenant_id": null}),
            json!({"tenant_id": ""}),
            json!({"tenant_id": ["acme"]}),
            json!({"tenant_id": "a\nb"}),
        ] {
            let mut said = wrong;
            said["role"] = json!("admin");
            check(&map(), &said, Err(Refusal::NoTenant));
        }
        // A tenant that is there but cannot be read is no reason to show everything.
        check(&map(), &json!({"role": "super_admin", "tenant_id": {}}), Err(Refusal::NoTenant));
        let loose = ClaimMap { tenant_required: false, ..map() };
        check(&loose, &json!({"role": "viewer"}), Ok((Role::Viewer, None)));
    }

    #[test]
    fn names_are_plain_short_and_never_the_same_for_two() {
        assert_eq!(plain_name("ana@example.org", 40), "ana@example.org");
        assert_eq!(plain_name("a\nb <x>", 40), "a%0ab%20%3cx%3e");
        assert_ne!(plain_name("a%0ab", 40), plain_name("a\nb", 40));
        let (one, two) = (plain_name(&"x".repeat(500), 40), plain_name(&"x".repeat(501), 40));
        assert!(one.len() == 40 && two.len() == 40 && one != two, "{one} {two}");
    }
}
