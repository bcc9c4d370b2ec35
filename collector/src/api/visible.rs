//! Which resources somebody sees, for questions in which an empty list of resources means all.

use std::collections::HashSet;

use farol_store::ResourceId;

use super::App;
use crate::{access::View, problem::Problem};

/// A number that no resource has: a question that names it alone is answered by nothing.
const NONE: ResourceId = ResourceId::MAX;

/// Resources that somebody sees.
#[derive(Debug, Clone)]
pub enum Visible {
    /// All.
    All,
    /// These.
    Only(HashSet<ResourceId>),
}

impl Visible {
    /// What a view shows of the resources known now.
    #[must_use]
    pub fn of(app: &App, view: &View) -> Self {
        if *view == View::Whole {
            return Self::All;
        }
        let known = app.parts().store.resources();
        Self::Only(known.iter().filter(|info| view.sees(info.resource.tenant.as_deref())).map(|info| info.id).collect())
    }

    /// Whether it shows this one.
    #[must_use]
    pub fn has(&self, id: ResourceId) -> bool {
        match self {
            Self::All => true,
            Self::Only(these) => these.contains(&id),
        }
    }

    /// The resources of a question, in which none means all. What is not seen is as if it were not there.
    #[must_use]
    pub fn narrow(&self, asked: Vec<ResourceId>) -> Vec<ResourceId> {
        let Self::Only(these) = self else { return asked };
        let mut left: Vec<ResourceId> = if asked.is_empty() {
            these.iter().copied().collect()
        } else {
            asked.into_iter().filter(|id| these.contains(id)).collect()
        };
        left.sort_unstable();
        if left.is_empty() { vec![NONE] } else { left }
    }
}

/// The tenant that a question is about: the one that is asked for, if the view allows it, else the view's own.
///
/// # Errors
/// 403 with the code `other_tenant` when another's is asked for.
pub fn tenant(view: &View, asked: Option<&str>) -> Result<Option<String>, Problem> {
    match (view.tenant(), asked) {
        (None, asked) => Ok(asked.map(str::to_owned)),
        (Some(own), Some(asked)) if own != asked => {
            let detail = format!("this account is bound to the tenant {own}");
            Err(Problem::forbidden(detail).code("other_tenant"))
        }
        (Some(own), _) => Ok(Some(own.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_means_all_that_is_seen_and_what_is_not_seen_is_not_there() {
        let some = Visible::Only(HashSet::from([2, 3]));
        assert_eq!(some.narrow(Vec::new()), [2, 3]);
        assert_eq!(some.narrow(vec![1, 3]), [3]);
        assert_eq!(some.narrow(vec![1]), [NONE], "an empty list would mean everything");
        assert_eq!(Visible::Only(HashSet::new()).narrow(Vec::new()), [NONE]);
        assert_eq!(Visible::All.narrow(vec![1]), [1]);
        assert!(some.has(2) && !some.has(1) && Visible::All.has(1));
    }

    #[test]
    fn another_tenant_is_refused_and_none_means_ones_own() {
        let acme = View::Tenant("acme".into());
        assert_eq!(tenant(&acme, None).unwrap().as_deref(), Some("acme"));
        assert_eq!(tenant(&acme, Some("acme")).unwrap().as_deref(), Some("acme"));
        assert_eq!(tenant(&acme, Some("other")).unwrap_err().status(), 403);
        assert_eq!(tenant(&View::Whole, None).unwrap(), None);
    }
}
