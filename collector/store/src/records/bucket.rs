//! A bucket: one service in one span of time, as the keeper works on it: its tally, its endpoints, its tenants and theirs.
//!
//! On disk it is rows of four tables. Names of endpoints stand once a bucket, in `tally_route`; tenants refer to them by
//! place, so that places never change. When nobody has a tenant, no tenant is written: the whole is the nameless one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use farol_shared::record::OTHER;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    ROUTES_MAX, TENANT_ROUTES_MAX, TENANTS_MAX,
    pending::RequestEntry,
    sum::{RawSum, Sum},
    tally::Tally,
    text::{put_text, text},
};
use crate::{
    codec::{Damaged, Reader, put},
    error::QueryError,
};

/// What stands for the endpoints beyond the bound: method and route.
pub(super) const OTHER_ENDPOINT: &str = "(other) (other)";

impl From<Damaged> for QueryError {
    fn from(damaged: Damaged) -> Self {
        Self::Damaged { block: 0, detail: damaged.0 }
    }
}

/// One tenant of a bucket.
#[derive(Debug, Clone, Default)]
pub(super) struct Tenant {
    pub(super) tally: Tally,
    /// By place of the endpoint.
    pub(super) routes: BTreeMap<usize, Sum>,
}

/// One service in one span of time.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    pub(super) tally: Tally,
    names: Vec<String>,
    places: HashMap<String, usize>,
    routes: Vec<Sum>,
    /// By name; the empty name is that of no tenant.
    tenants: BTreeMap<String, Tenant>,
    /// Tenants that are rows on disk.
    on_disk: BTreeSet<String>,
    /// Tenants whose rows must be written.
    touched: BTreeSet<String>,
    pairs: usize,
}

/// What a bucket becomes on disk.
#[derive(Debug)]
pub(super) struct BucketRows {
    key: i64,
    tally: Vec<u8>,
    names: Vec<u8>,
    routes: Vec<u8>,
    has_tenants: bool,
    tenants: Vec<(String, Vec<u8>, Vec<u8>)>,
    gone: Vec<String>,
}

impl Bucket {
    /// Reads a bucket; an empty one when there is none on disk.
    pub(super) fn load(conn: &Connection, key: i64) -> Result<Self, QueryError> {
        let mut bucket = Self::default();
        let mut select = conn.prepare_cached("SELECT tenants, body FROM tally WHERE id = ?1")?;
        let found = select.query_row([key], |row| Ok((row.get::<_, bool>(0)?, row.get::<_, Vec<u8>>(1)?))).optional()?;
        let Some((has_tenants, body)) = found else { return Ok(bucket) };
        bucket.tally.add_encoded(&body, true)?;
        let mut select = conn.prepare_cached("SELECT names, body FROM tally_route WHERE id = ?1")?;
        let found = select.query_row([key], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?))).optional()?;
        if let Some((names, body)) = found {
            for name in read_names(&names)? {
                bucket.places.insert(name.to_owned(), bucket.names.len());
                bucket.names.push(name.to_owned());
            }
            bucket.routes.resize_with(bucket.names.len(), Sum::default);
            for_each_route(&body, |place, sum| {
                if let Some(route) = bucket.routes.get_mut(place) {
                    route.add(&sum);
                }
            })?;
        }
        if has_tenants {
            bucket.load_tenants(conn, key)?;
        } else {
            let routes = bucket.routes.iter().cloned().enumerate().collect();
            bucket.tenants.insert(String::new(), Tenant { tally: bucket.tally.without_tenant(), routes });
        }
        bucket.pairs = bucket.tenants.values().map(|tenant| tenant.routes.len()).sum();
        Ok(bucket)
    }

    fn load_tenants(&mut self, conn: &Connection, key: i64) -> Result<(), QueryError> {
        let mut select = conn.prepare_cached("SELECT tenant, body FROM tally_tenant WHERE tally = ?1")?;
        let mut rows = select.query([key])?;
        while let Some(row) = rows.next()? {
            let tenant = self.tenants.entry(row.get(0)?).or_default();
            tenant.tally.add_encoded(row.get_ref(1)?.as_blob().unwrap_or_default(), true)?;
        }
        let mut select = conn.prepare_cached("SELECT tenant, body FROM tally_tenant_route WHERE tally = ?1")?;
        let mut rows = select.query([key])?;
        while let Some(row) = rows.next()? {
            let tenant = self.tenants.entry(row.get(0)?).or_default();
            let names = self.names.len();
            for_each_route(row.get_ref(1)?.as_blob().unwrap_or_default(), |place, sum| {
                if place < names {
                    tenant.routes.entry(place).or_default().add(&sum);
                }
            })?;
        }
        self.on_disk = self.tenants.keys().cloned().collect();
        Ok(())
    }

    /// An empty bucket that is to take the place of the one on disk.
    pub(super) fn instead_of(conn: &Connection, key: i64) -> rusqlite::Result<Self> {
        let mut select = conn.prepare_cached("SELECT tenant FROM tally_tenant WHERE tally = ?1")?;
        let on_disk = select.query_map([key], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(Self { on_disk, ..Self::default() })
    }

    /// Counts requests.
    pub(super) fn add_request(&mut self, request: &RequestEntry<'_>) {
        self.tally.add_request(request.status, &request.sum);
        let place = self.place(request.endpoint);
        self.routes[place].add(&request.sum);
        let pairs = self.pairs;
        let other = (pairs >= TENANT_ROUTES_MAX).then(|| self.place(OTHER_ENDPOINT));
        let tenant = self.tenant(request.tenant);
        tenant.tally.add_request(request.status, &request.sum);
        let place = other.filter(|_| !tenant.routes.contains_key(&place)).unwrap_or(place);
        let before = tenant.routes.len();
        tenant.routes.entry(place).or_default().add(&request.sum);
        self.pairs += self.tenants[request.tenant].routes.len() - before;
        if self.tenants.len() > 4 * TENANTS_MAX {
            self.bound();
        }
    }

    /// The tenant of this name; its rows will be written.
    pub(super) fn tenant(&mut self, name: &str) -> &mut Tenant {
        if !self.touched.contains(name) {
            self.touched.insert(name.to_owned());
        }
        if !self.tenants.contains_key(name) {
            self.tenants.insert(name.to_owned(), Tenant::default());
        }
        self.tenants.get_mut(name).expect("it was just put there")
    }

    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let name = if self.names.len() < ROUTES_MAX { name } else { OTHER_ENDPOINT };
        let next = self.names.len();
        let place = *self.places.entry(name.to_owned()).or_insert(next);
        if place == next {
            self.names.push(name.to_owned());
            self.routes.push(Sum::default());
        }
        place
    }

    /// Adds a shorter bucket to this one.
    pub(super) fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally);
        let places: Vec<usize> = other.names.iter().map(|name| self.place(name)).collect();
        for (place, sum) in places.iter().zip(&other.routes) {
            self.routes[*place].merge(sum);
        }
        for (name, theirs) in &other.tenants {
            let mut merged = std::mem::take(self.tenant(name));
            merged.tally.merge(&theirs.tally);
            for (place, sum) in &theirs.routes {
                let Some(place) = places.get(*place).copied() else { continue };
                let is_room = self.pairs < TENANT_ROUTES_MAX || merged.routes.contains_key(&place);
                let place = if is_room { place } else { self.place(OTHER_ENDPOINT) };
                let before = merged.routes.len();
                merged.routes.entry(place).or_default().merge(sum);
                self.pairs += merged.routes.len() - before;
            }
            *self.tenant(name) = merged;
        }
        self.bound();
    }

    /// Makes room when there are too many tenants: those that are neither busy nor slow become `(other)`. Half of the places
    /// go by slow time and half by requests, as both are asked for.
    pub(super) fn bound(&mut self) {
        if self.tenants.len() <= TENANTS_MAX {
            return;
        }
        let mut ranked: Vec<(f64, u64, &String)> = self
            .tenants
            .iter()
            .filter(|(name, _)| !name.is_empty() && *name != OTHER)
            .map(|(name, tenant)| (tenant.tally.requests.slow_s, weight(&tenant.tally), name))
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
        let kept = TENANTS_MAX - 2;
        let rest = ranked.split_off(ranked.len().min(kept / 2));
        let mut rest: Vec<(u64, &String)> = rest.into_iter().map(|(_, weight, name)| (weight, name)).collect();
        rest.sort_by(|a, b| b.cmp(a));
        let gone: Vec<String> = rest.into_iter().skip(kept - kept / 2).map(|(_, name)| name.clone()).collect();
        for name in gone {
            let Some(tenant) = self.tenants.remove(&name) else { continue };
            self.touched.remove(&name);
            self.pairs = self.pairs.saturating_sub(tenant.routes.len());
            let other = self.tenant(OTHER);
            let before = other.routes.len();
            other.tally.merge(&tenant.tally);
            for (place, sum) in tenant.routes {
                other.routes.entry(place).or_default().merge(&sum);
            }
            let grown = other.routes.len() - before;
            self.pairs += grown;
        }
    }

    /// What must be written.
    pub(super) fn rows(&self, key: i64) -> BucketRows {
        let mut names = Vec::new();
        self.names.iter().for_each(|name| put_text(&mut names, name));
        let has_tenants = self.tenants.keys().any(|name| !name.is_empty());
        let is_wanted = |name: &String| has_tenants && (self.touched.contains(name) || !self.on_disk.contains(name));
        let tenants = self.tenants.iter().filter(|(name, _)| is_wanted(name));
        let tenants = tenants.map(|(name, tenant)| (name.clone(), tenant.tally.encode(), put_routes(&tenant.routes)));
        BucketRows {
            key,
            tally: self.tally.encode(),
            names,
            routes: put_routes(&self.routes.iter().enumerate().filter(|(_, sum)| sum.count > 0).collect()),
            has_tenants,
            tenants: tenants.collect(),
            gone: self.on_disk.iter().filter(|name| !has_tenants || !self.tenants.contains_key(*name)).cloned().collect(),
        }
    }
}

/// What makes a tenant worth its place besides slow time.
fn weight(tally: &Tally) -> u64 {
    let events = tally.events.values().fold(0_u64, |sum, count| sum.saturating_add(*count));
    tally.requests.count.saturating_add(tally.exceptions()).saturating_add(events)
}

impl BucketRows {
    /// Writes the rows into the open transaction.
    pub(super) fn write(&self, conn: &Connection) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO tally(id, tenants, body) VALUES(?1, ?2, ?3)";
        conn.prepare_cached(sql)?.execute(params![self.key, self.has_tenants, self.tally])?;
        if !self.names.is_empty() {
            let sql = "INSERT OR REPLACE INTO tally_route(id, names, body) VALUES(?1, ?2, ?3)";
            conn.prepare_cached(sql)?.execute(params![self.key, self.names, self.routes])?;
        }
        let mut tally = conn.prepare_cached("INSERT OR REPLACE INTO tally_tenant(tally, tenant, body) VALUES(?1, ?2, ?3)")?;
        let mut routes =
            conn.prepare_cached("INSERT OR REPLACE INTO tally_tenant_route(tally, tenant, body) VALUES(?1, ?2, ?3)")?;
        for (name, body, theirs) in &self.tenants {
            tally.execute(params![self.key, name, body])?;
            if !theirs.is_empty() {
                routes.execute(params![self.key, name, theirs])?;
            }
        }
        for name in &self.gone {
            for table in ["tally_tenant", "tally_tenant_route"] {
                let sql = format!("DELETE FROM {table} WHERE tally = ?1 AND tenant = ?2");
                conn.prepare_cached(&sql)?.execute(params![self.key, name])?;
            }
        }
        Ok(())
    }
}

/// Anything that is a sum, owned or not.
trait AsSum {
    fn sum(&self) -> &Sum;
}

impl AsSum for Sum {
    fn sum(&self) -> &Sum {
        self
    }
}

impl AsSum for &Sum {
    fn sum(&self) -> &Sum {
        self
    }
}

fn put_routes(routes: &BTreeMap<usize, impl AsSum>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut next = 0;
    for (place, sum) in routes {
        put(&mut out, (place - next) as u64);
        sum.sum().encode(&mut out);
        next = place + 1;
    }
    out
}

/// Reads the endpoints of a bucket or of one of its tenants.
pub(super) fn for_each_route<'a>(body: &'a [u8], mut each: impl FnMut(usize, RawSum<'a>)) -> Result<(), Damaged> {
    let mut reader = Reader::new(body);
    let mut next = 0_usize;
    while !reader.is_at_end() {
        let place = next.saturating_add(reader.count(ROUTES_MAX + 1)?);
        each(place, RawSum::read(&mut reader)?);
        next = place + 1;
    }
    Ok(())
}

/// Reads the names of a bucket's endpoints.
pub(super) fn read_names(bytes: &[u8]) -> Result<Vec<&str>, Damaged> {
    let mut reader = Reader::new(bytes);
    let mut names = Vec::new();
    while !reader.is_at_end() {
        names.push(text(&mut reader)?);
    }
    Ok(names)
}
