//! What part of the house somebody sees: all of it, or what belongs to one tenant.

use std::sync::Arc;

use axum::{extract::Request, http::Extensions};

use crate::problem::Problem;

/// What somebody sees.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum View {
    /// Everything.
    Whole,
    /// Resources and records of this tenant, nothing else.
    Tenant(Arc<str>),
}

impl View {
    /// The view of an optional tenant, as accounts and tokens name it.
    #[must_use]
    pub fn of_tenant(tenant: Option<&Arc<str>>) -> Self {
        tenant.map_or(Self::Whole, |tenant| Self::Tenant(Arc::clone(tenant)))
    }

    /// The view of whoever sent a request, as the route's guard noted it.
    ///
    /// # Errors
    /// 500 when no guard stood before the handler: then nothing is shown rather than too much.
    pub fn of(request: &Request) -> Result<Self, Problem> {
        Self::noted(request.extensions())
    }

    /// The same, from a request's extensions.
    ///
    /// # Errors
    /// As [`View::of`].
    pub fn noted(extensions: &Extensions) -> Result<Self, Problem> {
        extensions.get::<Self>().cloned().ok_or_else(|| {
            tracing::error!(target: "access", "a route asks who sees it, but nobody guards it");
            Problem::internal()
        })
    }

    /// The tenant that bounds it.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        match self {
            Self::Whole => None,
            Self::Tenant(tenant) => Some(tenant),
        }
    }

    /// Whether something of this owner is in it. What has no owner belongs to the house.
    #[must_use]
    pub fn sees(&self, owner: Option<&str>) -> bool {
        match self {
            Self::Whole => true,
            Self::Tenant(tenant) => owner == Some(&**tenant),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_sees_its_own_and_not_what_belongs_to_nobody() {
        let acme = View::Tenant("acme".into());
        assert!(acme.sees(Some("acme")));
        assert!(!acme.sees(Some("acme2")) && !acme.sees(Some("")) && !acme.sees(None));
        assert!(View::Whole.sees(None) && View::Whole.sees(Some("acme")));
    }

    #[test]
    fn without_a_guard_nothing_is_seen() {
        assert_eq!(View::noted(&Extensions::new()).unwrap_err().status(), 500);
    }
}
