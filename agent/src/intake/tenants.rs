//! Tenants: the busiest ones by name, in bounded memory, however many there are.
//!
//! Space-Saving (Metwally, Agrawal, El Abbadi 2005): a newcomer takes the place of the least busy one and inherits its
//! count, so that whoever is among the truly busiest cannot be missed.

use std::collections::HashMap;

use farol_shared::{limit, record::OTHER};

/// The tenants of one service that are told by name.
#[derive(Debug, Default)]
pub(super) struct Tenants {
    counts: HashMap<Box<str>, u64>,
}

impl Tenants {
    /// The name under which a request of this tenant is counted.
    pub(super) fn keep<'a>(&mut self, tenant: &'a str) -> &'a str {
        if let Some(count) = self.counts.get_mut(tenant) {
            *count += 1;
            return tenant;
        }
        let mut inherited = 0;
        if self.counts.len() >= limit::TENANTS_MAX {
            // A scan of a thousand entries, only for a newcomer when all places are taken.
            let Some((least, count)) = self.counts.iter().min_by_key(|(_, count)| **count) else { return OTHER };
            let least = least.clone();
            inherited = *count;
            self.counts.remove(&least);
        }
        self.counts.insert(tenant.into(), inherited + 1);
        // Until it has been seen again a newcomer among too many is not told apart.
        if inherited > 0 { OTHER } else { tenant }
    }
}
