//! Whose a resource is: asked for every record and every line of a tenant's listener.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use farol_shared::resource::ResourceKind;
use farol_store::{ResourceId, Store};

use super::lock;
use crate::access::View;

/// For how long what is known holds, in milliseconds: a resource that comes to another tenant is shown there after so long.
const KNOWN_FOR_MS: i64 = 2_000;

/// A resource as far as rooms need to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owned {
    /// Its tenant.
    pub(super) tenant: Option<Arc<str>>,
    /// Its service's name.
    pub(super) service: Option<Arc<str>>,
    /// What people call it.
    pub(super) name: Arc<str>,
    /// Whether it is a machine.
    pub(super) is_host: bool,
}

/// What is known of all resources.
#[derive(Debug)]
pub(super) struct Owners {
    store: Store,
    known: Mutex<Known>,
}

/// All resources at one moment.
pub(super) type All = Arc<HashMap<ResourceId, Owned>>;

#[derive(Debug)]
struct Known {
    at_ms: i64,
    all: All,
}

impl Owners {
    pub(super) fn new(store: Store) -> Self {
        Self { store, known: Mutex::new(Known { at_ms: i64::MIN, all: Arc::default() }) }
    }

    /// What is known of all resources, at most [`KNOWN_FOR_MS`] old.
    pub(super) fn all(&self, now_ms: i64) -> All {
        let mut known = lock(&self.known);
        if known.at_ms.abs_diff(now_ms) > KNOWN_FOR_MS.unsigned_abs() {
            *known = Known { at_ms: now_ms, all: Arc::new(self.read()) };
        }
        Arc::clone(&known.all)
    }

    /// The same, with these resources in it: all are read again when one of them is new.
    pub(super) fn with(&self, resources: impl Iterator<Item = ResourceId>, now_ms: i64) -> All {
        let all = self.all(now_ms);
        let mut resources = resources;
        if resources.all(|id| all.contains_key(&id)) {
            return all;
        }
        self.fresh(now_ms)
    }

    /// The same, read now: for a snapshot, which must know the service that was told of a moment ago.
    pub(super) fn fresh(&self, now_ms: i64) -> All {
        let all = Arc::new(self.read());
        *lock(&self.known) = Known { at_ms: now_ms, all: Arc::clone(&all) };
        all
    }

    fn read(&self) -> HashMap<ResourceId, Owned> {
        let text = |text: &String| Arc::<str>::from(text.as_str());
        let owned = |info: farol_store::ResourceInfo| {
            let resource = &info.resource;
            let attribute = |name: &str| resource.attributes.get(name).map(text);
            let owned = Owned {
                tenant: resource.tenant.as_ref().map(text),
                service: attribute("service.name"),
                name: Arc::from(resource.name()),
                is_host: resource.kind == ResourceKind::Host,
            };
            (info.id, owned)
        };
        self.store.resources().into_iter().map(owned).collect()
    }
}

/// Whether a view sees a resource. One that is not known belongs to the house.
pub(super) fn sees(view: &View, all: &All, resource: ResourceId) -> bool {
    match view {
        View::Whole => true,
        View::Tenant(_) => all.get(&resource).is_some_and(|owned| view.sees(owned.tenant.as_deref())),
    }
}
