//! Requests of one service in one interval, folded as they come: a summary by method, route, status and tenant, the latest
//! and the slowest whole.

use std::collections::{HashMap, VecDeque};

use farol_shared::{
    limit,
    record::{NO_ROUTE, OTHER, Records, Request, RequestSummary},
    sketch::Sketch,
};
use serde_bytes::ByteBuf;

use super::{route, tenants::Tenants};

/// Longest duration that is believed, in seconds: a week. What claims more is a wrong clock.
const DURATION_S_MAX: f64 = 604_800.0;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    method: Box<str>,
    route: Box<str>,
    status: u16,
    tenant: Option<Box<str>>,
}

#[derive(Debug, Default)]
struct Fold {
    sketch: Sketch,
    failed: u64,
    sum_s: f64,
    min_s: f64,
    max_s: f64,
    slow_s: f64,
}

/// What is known of one interval's requests, and the routes and tenants that are told apart.
#[derive(Debug, Default)]
pub(super) struct Requests {
    folds: HashMap<Key, Fold>,
    recent: VecDeque<Request>,
    slow: Vec<Request>,
    routes: route::Routes,
    tenants: Tenants,
}

impl Requests {
    /// Takes one request in, `weight` times (a sampled one stands for several).
    pub(super) fn take(&mut self, mut request: Request, weight: u64, slow_s: f64) {
        // What is no number becomes 0, so that a sum never becomes infinite and the collector never refuses a batch for it.
        request.duration_s = if request.duration_s.is_nan() { 0.0 } else { request.duration_s.clamp(0.0, DURATION_S_MAX) };
        if request.route.is_empty() {
            request.route = if request.path.is_empty() { NO_ROUTE.to_owned() } else { route::fold(&request.path) };
        }
        request.route = self.routes.keep(&request.route).to_owned();
        let tenant = request.tenant.as_deref().map(|tenant| Box::from(self.tenants.keep(tenant)));
        let mut key =
            Key { method: request.method.as_str().into(), route: request.route.as_str().into(), status: request.status, tenant };
        if self.folds.len() >= limit::REQUEST_KEYS_MAX && !self.folds.contains_key(&key) {
            key = Key {
                method: OTHER.into(),
                route: OTHER.into(),
                status: request.status,
                tenant: key.tenant.map(|_| OTHER.into()),
            };
        }
        self.folds.entry(key).or_default().take(&request, weight, slow_s);
        if request.duration_s > slow_s {
            self.take_slow(&request);
        }
        if self.recent.len() == limit::RECENT_REQUESTS_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(request);
    }

    fn take_slow(&mut self, request: &Request) {
        if self.slow.len() < limit::SLOW_REQUESTS_MAX {
            self.slow.push(request.clone());
            return;
        }
        let fastest = self.slow.iter_mut().min_by(|a, b| a.duration_s.total_cmp(&b.duration_s));
        if let Some(fastest) = fastest.filter(|fastest| fastest.duration_s < request.duration_s) {
            fastest.clone_from(request);
        }
    }

    /// Whether none was taken since the last drain.
    pub(super) fn is_empty(&self) -> bool {
        self.folds.is_empty()
    }

    /// Moves all that was taken into `records`.
    pub(super) fn drain(&mut self, records: &mut Records) {
        records.requests = self.folds.drain().map(|(key, fold)| fold.summary(key)).collect();
        records
            .requests
            .sort_by(|a, b| (&a.route, &a.method, a.status, &a.tenant).cmp(&(&b.route, &b.method, b.status, &b.tenant)));
        records.recent = self.recent.drain(..).collect();
        records.slow = std::mem::take(&mut self.slow);
    }
}

impl Fold {
    fn take(&mut self, request: &Request, weight: u64, slow_s: f64) {
        let seconds = request.duration_s;
        #[expect(clippy::cast_precision_loss, reason = "a weight is a small number")]
        let weighted = seconds * weight as f64;
        self.min_s = if self.sketch.count() == 0 { seconds } else { self.min_s.min(seconds) };
        self.max_s = self.max_s.max(seconds);
        self.sum_s += weighted;
        self.slow_s += if seconds > slow_s { weighted } else { 0.0 };
        self.failed += if request.is_failed() { weight } else { 0 };
        self.sketch.record(seconds, weight);
    }

    fn summary(self, key: Key) -> RequestSummary {
        let mut sketch = Vec::new();
        self.sketch.encode(&mut sketch);
        RequestSummary {
            method: key.method.into(),
            route: key.route.into(),
            status: key.status,
            tenant: key.tenant.map(Into::into),
            count: self.sketch.count(),
            failed: self.failed,
            sum_s: self.sum_s,
            min_s: self.min_s,
            max_s: self.max_s,
            slow_s: self.slow_s,
            sketch: ByteBuf::from(sketch),
        }
    }
}
