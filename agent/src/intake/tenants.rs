//! Tenants: the busiest ones by name, in bounded memory, however many there are.
//!
//! Space-Saving (Metwally, Agrawal, El Abbadi 2005): a newcomer takes the place of the least busy one and inherits its
//! count, so that whoever is among the truly busiest cannot be missed. A heap finds the least busy one in O(log n).
//!
//! Bounded by [`limit::TENANTS_MAX`]. Counts are halved every [`HALVED_EVERY`], so that who was busy last week makes room.

use std::{collections::HashMap, rc::Rc};

use farol_shared::{limit, record::OTHER};

/// Requests after which all counts are halved: a quarter of an hour at a thousand a second, and enough for a thousand places.
const HALVED_EVERY: u32 = 1_000_000;

#[derive(Debug)]
struct Place {
    tenant: Rc<str>,
    /// At least how often it was seen, at most by what it inherited too often.
    count: u64,
    /// Where it stands in the heap.
    at: usize,
}

/// The tenants of one service that are told by name.
#[derive(Debug, Default)]
pub(super) struct Tenants {
    places: Vec<Place>,
    /// Places by count: none is busier than the two below it, `2 * i + 1` and `2 * i + 2`.
    heap: Vec<usize>,
    /// Place of each tenant.
    index: HashMap<Rc<str>, usize>,
    /// Requests since the counts were halved.
    seen: u32,
}

impl Tenants {
    /// The name under which a request of this tenant is counted.
    pub(super) fn keep<'a>(&mut self, tenant: &'a str) -> &'a str {
        self.seen += 1;
        if self.seen >= HALVED_EVERY {
            self.seen = 0;
            // Halving keeps every order, so the heap stays one.
            self.places.iter_mut().for_each(|place| place.count /= 2);
        }
        if let Some(&place) = self.index.get(tenant) {
            self.places[place].count += 1;
            self.sink(self.places[place].at);
            return tenant;
        }
        let name: Rc<str> = tenant.into();
        if self.places.len() < limit::TENANTS_MAX {
            let at = self.places.len();
            self.places.push(Place { tenant: Rc::clone(&name), count: 1, at });
            self.heap.push(at);
            self.index.insert(name, at);
            self.rise(at);
            return tenant;
        }
        let Some(&least) = self.heap.first() else { return OTHER };
        let place = &mut self.places[least];
        self.index.remove(&place.tenant);
        place.tenant = Rc::clone(&name);
        place.count += 1;
        self.index.insert(name, least);
        self.sink(0);
        // Until it has been seen again a newcomer among too many is not told apart.
        OTHER
    }

    /// Moves what stands there down until nothing below it is less busy.
    fn sink(&mut self, mut at: usize) {
        loop {
            let below = [2 * at + 1, 2 * at + 2].into_iter().filter(|child| *child < self.heap.len());
            let Some(least) = below.min_by_key(|child| self.count(*child)) else { return };
            if self.count(at) <= self.count(least) {
                return;
            }
            self.swap(at, least);
            at = least;
        }
    }

    /// Moves what stands there up until nothing above it is busier.
    fn rise(&mut self, mut at: usize) {
        while at > 0 && self.count(at) < self.count((at - 1) / 2) {
            self.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    fn count(&self, at: usize) -> u64 {
        self.places[self.heap[at]].count
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        for at in [a, b] {
            self.places[self.heap[at]].at = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// Numbers that look random and are the same in every run (Marsaglia's xorshift).
    fn numbers() -> impl FnMut() -> u64 {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        }
    }

    fn assert_is_sound(tenants: &Tenants) {
        assert!(tenants.heap.len() <= limit::TENANTS_MAX);
        assert_eq!(tenants.heap.len(), tenants.index.len());
        assert_eq!(tenants.heap.len(), tenants.places.len());
        for (at, place) in tenants.heap.iter().enumerate() {
            assert_eq!((tenants.places[*place].at, tenants.index[&tenants.places[*place].tenant]), (at, *place));
            assert!(at == 0 || tenants.count((at - 1) / 2) <= tenants.count(at));
        }
    }

    #[test]
    fn among_a_million_tenants_the_ten_busiest_are_told_by_name_and_memory_stays_the_same() {
        let (mut tenants, mut next) = (Tenants::default(), numbers());
        let mut told: HashMap<String, u64> = HashMap::new();
        let mut real = [0_u64; 10];
        for one in 0..1_000_000_u32 {
            // Each of a million comes once; in between, every fourth request is of one of ten, the first the busiest.
            let crowd = format!("tenant-{one}");
            assert!(tenants.keep(&crowd) == OTHER || tenants.heap.len() < limit::TENANTS_MAX || one < 1_000);
            if next().is_multiple_of(3) {
                let rank = (next() % 10).min(next() % 10);
                real[usize::try_from(rank).unwrap()] += 1;
                let busy = format!("busy-{rank}");
                *told.entry(tenants.keep(&busy).to_owned()).or_default() += 1;
            }
        }
        assert_is_sound(&tenants);
        assert_eq!(tenants.heap.len(), limit::TENANTS_MAX);
        assert!(tenants.heap.capacity() <= 2 * limit::TENANTS_MAX && tenants.index.capacity() <= 4 * limit::TENANTS_MAX);
        for (rank, real) in real.into_iter().enumerate() {
            let told = told.get(&format!("busy-{rank}")).copied().unwrap_or_default();
            assert!(told * 100 >= real * 99, "busy-{rank} was told {told} times of {real}");
        }
        let mut busiest: Vec<_> = tenants.places.iter().collect();
        busiest.sort_by_key(|place| std::cmp::Reverse(place.count));
        let names: HashSet<&str> = busiest.iter().take(10).map(|place| &*place.tenant).collect();
        assert!((0..10).all(|rank| names.contains(format!("busy-{rank}").as_str())), "{names:?}");
    }

    #[test]
    fn who_becomes_busy_later_takes_a_place_of_those_who_were() {
        let mut tenants = Tenants::default();
        for one in 0..limit::TENANTS_MAX * 2_000 {
            tenants.keep(&format!("old-{}", one % limit::TENANTS_MAX));
        }
        for one in 0..limit::TENANTS_MAX * 10 {
            tenants.keep("new");
            tenants.keep(&format!("crowd-{one}"));
        }
        assert_eq!(tenants.keep("new"), "new");
        assert_is_sound(&tenants);
    }

    proptest! {
        #[test]
        fn any_order_keeps_the_heap_sound(names in prop::collection::vec(0_u32..3_000, 0..4_000)) {
            let mut tenants = Tenants::default();
            for name in names {
                tenants.keep(&name.to_string());
            }
            assert_is_sound(&tenants);
        }
    }
}
