//! Figures that rooms tell once a second: flat, by the names that older front ends read; `null` where nobody knows.
//!
//! Counts of events are those of the last 24 hours, from history: so they survive a restart, and are the same as in `/api/v1/events`.
//! Of a tenant everything is computed of its own events and resources; what belongs to the house is `null`.
//!
//! Bounded: only what somebody listens to is computed; counting events takes at most one part in [`SHARE`] of the time.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Mutex,
    time::{Duration, Instant},
};

use farol_shared::{catalog, record::Event};
use farol_store::{RECORDS_MAX, RecordRange, ResourceId, Store};
use serde_json::{Map, Value, json};

use super::{
    Push,
    alerts::events,
    lock,
    owners::{All, sees},
    room::{Figures, Room},
};
use crate::{
    access::View,
    api::events::{FOLDED, derived_of_all, derived_of_events},
    live::{Line, Live, status::Status},
    number::concise,
    pull::{Pull, uptimerobot},
    service::{Services, derived, window::Figures as RequestFigures},
};

/// Over how long events are counted, in milliseconds: a day.
const COUNTED_OVER_MS: i64 = 86_400_000;

/// Most events of one tenant that are read to count them; of more, nothing is told rather than something wrong.
const TENANT_EVENTS_MAX: usize = RECORDS_MAX;

/// Counting takes at most one part of so many of the time.
const SHARE: u32 = 20;

/// Kinds of integrations that tell who is online, the surest first.
const USERS: &[&str] = &["online_users", "plausible", "fathom", "umami"];

/// Which group a figure of events belongs to, by the beginning of its name.
const GROUPS: &[(&str, Figures)] = &[
    ("messages_", Figures::CONVERSATIONS),
    ("active_conversations", Figures::CONVERSATIONS),
    ("tickets_", Figures::CONVERSATIONS),
    ("campaigns_", Figures::CAMPAIGNS),
    ("erp_", Figures::ERP),
    ("ai_", Figures::AI),
];

/// Where figures come from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// History.
    pub store: Store,
    /// What services add up to.
    pub services: Services,
    /// What is asked of other systems.
    pub pull: Pull,
}

/// Figures by name.
type Named = BTreeMap<&'static str, Option<f64>>;

/// What was counted of events, by view.
#[derive(Debug, Default)]
pub(super) struct Counted(Mutex<HashMap<View, Count>>);

#[derive(Debug)]
struct Count {
    figures: Named,
    again: Instant,
}

/// What one beat knows.
pub(super) struct Moment<'a> {
    pub(super) sources: &'a Sources,
    pub(super) now_ms: i64,
    /// All lines, when somebody needs them.
    pub(super) lines: Vec<Line>,
    pub(super) owners: All,
}

impl Counted {
    /// Forgets views that nobody looks at.
    pub(super) fn keep(&self, is_heard: impl Fn(&View) -> bool) {
        lock(&self.0).retain(|view, _| is_heard(view));
    }

    fn of(&self, view: &View, moment: &Moment<'_>) -> Named {
        let now = monotonic();
        if let Some(known) = lock(&self.0).get(view).filter(|known| now < known.again) {
            return known.figures.clone();
        }
        let figures = count(view, moment);
        let took = monotonic().saturating_duration_since(now);
        let again = now + (took * SHARE).max(Duration::from_millis(500));
        lock(&self.0).insert(view.clone(), Count { figures: figures.clone(), again });
        figures
    }
}

fn monotonic() -> Instant {
    Instant::now()
}

/// Counts the events of the last day.
fn count(view: &View, moment: &Moment<'_>) -> Named {
    let (from_ms, to_ms) = (moment.now_ms - COUNTED_OVER_MS, moment.now_ms + 1);
    let store = &moment.sources.store;
    let counted = match view {
        View::Whole => {
            let range = RecordRange { from_ms, to_ms, ..RecordRange::default() };
            derived_of_all(store, &range, moment.now_ms).map_err(|problem| format!("status {}", problem.status()))
        }
        View::Tenant(_) => {
            let kinds: Vec<String> = FOLDED.iter().map(|kind| (*kind).to_owned()).collect();
            let found = events(store, &kinds, (from_ms, to_ms), view, &moment.owners, TENANT_EVENTS_MAX);
            found.map(|found| of_tenant(&found, moment.now_ms)).map_err(|error| farol_shared::report::chain(&error).to_string())
        }
    };
    counted.unwrap_or_else(|error| {
        tracing::warn!(target: "push", error, "events not counted");
        Named::new()
    })
}

fn of_tenant(found: &[(ResourceId, Event)], now_ms: i64) -> Named {
    if found.len() >= TENANT_EVENTS_MAX {
        return Named::new();
    }
    let mut derived = derived::Derived::default();
    found.iter().rev().for_each(|(_, event)| derived.take(event));
    derived_of_events(&derived, now_ms)
}

impl Moment<'_> {
    /// The figures of some groups that a view sees, as the payload of a room's message.
    pub(super) fn told(&self, push: &Push, room: &Room, groups: Figures, view: &View) -> Map<String, Value> {
        let mut told = Map::new();
        told.insert("room".to_owned(), json!(room.to_string()));
        told.insert("tenant_id".to_owned(), json!(view.tenant()));
        for (name, value) in push.0.counted.of(view, self) {
            let is_of = |(start, group): &&(&str, Figures)| name.starts_with(start) && groups.has(*group);
            if GROUPS.iter().any(|row| is_of(&row)) {
                told.insert(name.to_owned(), number(value));
            }
        }
        if groups.has(Figures::HOUSE) {
            self.house(push, view, &mut told);
        }
        told
    }

    fn house(&self, push: &Push, view: &View, told: &mut Map<String, Value>) {
        let lines: Vec<&Line> = self.lines.iter().filter(|line| sees(view, &self.owners, line.id)).collect();
        let is_host = |line: &&&Line| self.owners.get(&line.id).is_some_and(|owned| owned.is_host);
        let hosts: Vec<&Line> = lines.iter().filter(is_host).copied().filter(|line| line.status != Status::Silent).collect();
        let machines = if hosts.is_empty() { &lines } else { &hosts };
        let mean = |of: fn(&Line) -> Option<f64>| {
            let values: Vec<f64> = machines.iter().filter_map(|line| of(line)).collect();
            mean(&values).map(|ratio| ratio * 100.0)
        };
        told.insert("system_cpu_usage".to_owned(), number(mean(|line| line.latest.cpu_ratio)));
        told.insert("system_memory_usage".to_owned(), number(mean(|line| line.latest.memory_ratio)));
        let fullest = machines.iter().filter_map(|line| line.latest.disk_ratio).reduce(f64::max);
        told.insert("system_disk_usage".to_owned(), number(fullest.map(|ratio| ratio * 100.0)));
        told.insert("resources_total".to_owned(), json!(lines.len()));
        for (name, status) in [
            ("resources_ok", Status::Ok),
            ("resources_warning", Status::Warning),
            ("resources_critical", Status::Critical),
            ("resources_silent", Status::Silent),
        ] {
            told.insert(name.to_owned(), json!(lines.iter().filter(|line| line.status == status && !line.ended).count()));
        }
        told.insert("alerts_active".to_owned(), json!(push.0.alerts.in_force(view)));
        let services: Vec<ResourceId> = lines.iter().map(|line| line.id).collect();
        self.requests(view, &services, told);
        let is_whole = *view == View::Whole;
        let current = is_whole.then(|| self.current(&push.0.live)).flatten();
        told.insert("database_connections".to_owned(), number(current));
        told.insert("users_online".to_owned(), number(users_online(&self.sources.pull, view, self.now_ms)));
        told.insert("uptime".to_owned(), json!(uptime(&self.sources.pull, &push.0.live, view, self.now_ms)));
        told.insert("websocket_connections".to_owned(), json!(is_whole.then(|| push.stats().listeners)));
    }

    fn requests(&self, view: &View, resources: &[ResourceId], told: &mut Map<String, Value>) {
        let resources = if *view == View::Whole { &[] } else { resources };
        // No resource at all would mean every resource.
        let is_any = *view == View::Whole || !resources.is_empty();
        let services = &self.sources.services;
        let window = if is_any { services.figures(resources, self.now_ms) } else { RequestFigures::default() };
        let rate = is_any.then(|| services.rate(resources, self.now_ms)).flatten();
        told.insert("requests_per_sec".to_owned(), number(rate));
        told.insert("error_rate".to_owned(), number(window.error_ratio().map(|ratio| ratio * 100.0)));
        for (name, q) in [("response_time_p50", 0.50), ("response_time_p95", 0.95), ("response_time_p99", 0.99)] {
            told.insert(name.to_owned(), number(window.quantile_s(q).map(|seconds| seconds * 1_000.0)));
        }
    }

    /// Connections to databases: as integrations tell them, else as health checks see them.
    fn current(&self, live: &Live) -> Option<f64> {
        let (mut asked, mut checked) = (None, None);
        live.each_current(self.now_ms, &mut |key, value| {
            let sum = if key.metric == catalog::POSTGRES_CONNECTIONS.name {
                &mut asked
            } else if key.metric == catalog::DB_CONNECTIONS.name {
                &mut checked
            } else {
                return;
            };
            *sum = Some(sum.unwrap_or(0.0) + value);
        });
        asked.or(checked)
    }

    /// The figures of one service, as the payload of its room's message.
    pub(super) fn of_service(&self, name: &str, view: &View) -> Map<String, Value> {
        let is_it = |id: ResourceId| self.owners.get(&id).is_some_and(|owned| owned.service.as_deref() == Some(name));
        let lines: Vec<&Line> = self.lines.iter().filter(|line| is_it(line.id) && sees(view, &self.owners, line.id)).collect();
        let resources: Vec<ResourceId> = lines.iter().map(|line| line.id).collect();
        let mut told = Map::new();
        told.insert("room".to_owned(), json!(Room::Service(name.into()).to_string()));
        told.insert("service".to_owned(), json!(name));
        told.insert("resources".to_owned(), json!(resources));
        told.insert("status".to_owned(), json!(lines.iter().filter(|line| !line.ended).map(|line| line.status).max()));
        // Bound to these: an empty list must not mean the whole house.
        self.requests(&View::Tenant("".into()), &resources, &mut told);
        for (field, of) in [
            ("cpu_usage", (|line| line.latest.cpu_ratio) as fn(&Line) -> Option<f64>),
            ("memory_usage", |line| line.latest.memory_ratio),
        ] {
            let values: Vec<f64> = lines.iter().filter_map(|line| of(line)).collect();
            told.insert(field.to_owned(), number(mean(&values).map(|ratio| ratio * 100.0)));
        }
        told
    }

    /// Users online and uptime, as the payload of the room `status`.
    pub(super) fn status(&self, live: &Live, view: &View) -> Map<String, Value> {
        let mut told = Map::new();
        told.insert("room".to_owned(), json!(Room::Status.to_string()));
        told.insert("users_online".to_owned(), number(users_online(&self.sources.pull, view, self.now_ms)));
        told.insert("uptime".to_owned(), json!(uptime(&self.sources.pull, live, view, self.now_ms)));
        told
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of resources")]
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn number(value: Option<f64>) -> Value {
    json!(value.map(concise))
}

/// People on the site, as the first integration tells that knows.
fn users_online(pull: &Pull, view: &View, now_ms: i64) -> Option<f64> {
    USERS.iter().find_map(|kind| {
        pull.of(&[*kind]).find_map(|slot| {
            let (time_ms, users) = slot.snapshot("users")?;
            let count = match view.tenant() {
                None => users["count"].as_f64(),
                Some(tenant) => {
                    let of_tenant = |one: &&Value| one["name"].as_str() == Some(tenant);
                    users["tenants"].as_array()?.iter().find(of_tenant)?["count"].as_f64()
                }
            };
            count.filter(|_| !slot.is_old(time_ms, now_ms))
        })
    })
}

/// `ONLINE`, `DEGRADED`, `OFFLINE` or `UNKNOWN`: as UptimeRobot tells, else the worst of our own checks; `None` when neither is there.
fn uptime(pull: &Pull, live: &Live, view: &View, now_ms: i64) -> Option<String> {
    if *view != View::Whole {
        return None;
    }
    let mut of_monitors = pull.of(&[uptimerobot::KIND.name]);
    if let Some(slot) = of_monitors.next() {
        let (time_ms, shown) = slot.snapshot("uptime")?;
        let word = shown["word"].as_str().filter(|_| !slot.is_old(time_ms, now_ms));
        return Some(word.unwrap_or("UNKNOWN").to_owned());
    }
    let mut worst: Option<f64> = None;
    live.each_current(now_ms, &mut |key, value| {
        if key.metric == catalog::CHECK_STATE.name {
            worst = Some(worst.map_or(value, |known| known.min(value)));
        }
    });
    let word = |state: f64| {
        if state >= 1.0 {
            "ONLINE"
        } else if state > 0.0 {
            "DEGRADED"
        } else {
            "OFFLINE"
        }
    };
    worst.map(|state| word(state).to_owned())
}
