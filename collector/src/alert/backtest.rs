//! Back-test: what a rule would have done, by the very engine that judges it live, over the samples that history holds.
//!
//! Judged is every second where samples are kept as they were taken, every minute where only rollups are. What came late is judged in
//! its time here, and was judged when it came there. Whether a resource had ended is known by when history heard of it last.
//!
//! Bounded: [`READ_MAX`] samples and records, the caller's patience ([`Asked::is_over`]), [`FIRINGS_MAX`] firings that are told one by one,
//! [`POINTS_MAX`] points of the line.

use std::{collections::HashMap, sync::Arc};

use farol_store::{QueryError, ResourceId, ResourceInfo, Store};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Change, Engine, Level, Rule, Subject,
    engine::{Presence, STEP_MS},
    history::{Feed, Reading, Wanted, needs, presence, raw_from},
    past::StorePast,
    rule::{Aggregate, Comparison, Condition},
    select::{ResourceFacts, is_in_scope},
    suggest::{Suggestion, Values},
};

mod line;
mod messages;

use line::Lines;
pub use messages::{REMINDED_EVERY_S, messages};

/// Most firings that are told one by one; all are counted.
pub const FIRINGS_MAX: usize = 200;

/// Most points of the line.
pub const POINTS_MAX: usize = 500;

/// Most samples and records that one back-test reads: a metric of 300 resources at a second over two days.
pub const READ_MAX: u64 = 60_000_000;

/// Other `for`s that are tried along with the rule's own, in seconds.
pub const OTHERS_S: [u32; 3] = [30, 120, 300];

/// How often patience and bounds are looked at, in judged moments.
const LOOK_EVERY: u64 = 512;

/// Width of a rollup, in milliseconds.
const MINUTE_MS: i64 = 60_000;

/// Id of the rule while it is tried; the others' are this and their `for`.
const TRIED: &str = "tried";

/// What is asked.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The rule, checked.
    pub rule: &'a Rule,
    /// Start, in ms since the epoch.
    pub from_ms: i64,
    /// End, in ms since the epoch.
    pub to_ms: i64,
    /// Which resources count: those that whoever asks may see, or one.
    pub counts: &'a dyn Fn(&ResourceInfo) -> bool,
    /// Whether whoever asked has no more patience, or is gone.
    pub is_over: &'a dyn Fn() -> bool,
}

impl std::fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").field("rule", &self.rule.id).field("from_ms", &self.from_ms).field("to_ms", &self.to_ms).finish()
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum BackTestError {
    /// History cannot be read.
    #[error("reading history for a back-test")]
    Query(#[from] QueryError),
    /// It is more than one back-test may read, or took too long.
    #[error("this is too much for one back-test: ask for fewer days, or for one resource")]
    TooMuch,
}

/// What a rule would have done.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BackTest {
    /// Start, in ms since the epoch.
    pub from: i64,
    /// End, in ms since the epoch.
    pub to: i64,
    /// Whether all samples were there as they were taken; else a part is judged by one-minute rollups.
    pub exact: bool,
    /// The firings, newest first; at most 200.
    pub firings: Vec<BackTestFiring>,
    /// How many firings.
    pub count: u64,
    /// For how many seconds in all something was firing, those of different subjects added up.
    pub firing_s: u64,
    /// How many messages each channel would have got: grouped, with reminders.
    pub notifications: u64,
    /// The same with another `for`.
    pub others: Vec<BackTestOther>,
    /// Thresholds that would have been passed rarely.
    pub suggestion: Option<Suggestion>,
    /// The judged value of the subject that went furthest.
    pub line: Option<BackTestLine>,
    /// How many subjects were judged.
    pub subjects: u64,
}

/// One firing.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BackTestFiring {
    /// Number of the resource.
    pub resource: ResourceId,
    /// Its name.
    pub resource_name: String,
    /// Attributes of the series.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub attributes: std::collections::BTreeMap<String, String>,
    /// How grave it became.
    pub level: Level,
    /// When it fired, in ms since the epoch.
    pub from: i64,
    /// When it was over, in ms since the epoch; `null` when it was not.
    pub to: Option<i64>,
    /// The value that was furthest beyond.
    pub peak: Option<f64>,
}

/// What another `for` would have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct BackTestOther {
    /// For how long it must hold, in seconds.
    pub for_s: u32,
    /// How many firings.
    pub count: u64,
    /// How many messages.
    pub notifications: u64,
}

/// A judged value over time.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BackTestLine {
    /// Unit in UCUM notation.
    pub unit: String,
    /// Name of the resource.
    pub resource_name: String,
    /// Time in ms since the epoch, and the furthest value of that stretch; at most 500.
    #[schema(value_type = Vec<Vec<f64>>)]
    pub points: Vec<(i64, f64)>,
}

/// One firing while it is followed.
#[derive(Debug, Clone, PartialEq)]
pub struct Fired {
    /// What it is about.
    pub subject: Subject,
    /// How grave it became.
    pub level: Level,
    /// When it fired, in ms since the epoch.
    pub from_ms: i64,
    /// When it was over.
    pub to_ms: Option<i64>,
    /// The value that was furthest beyond.
    pub peak: Option<f64>,
}

/// The firings of one rule.
#[derive(Debug, Default)]
struct Followed {
    all: Vec<Fired>,
    open: HashMap<Subject, usize>,
}

/// Tries a rule on the past.
///
/// # Errors
/// [`BackTestError`].
pub fn backtest(store: &Store, asked: Asked<'_>) -> Result<BackTest, BackTestError> {
    let known: HashMap<ResourceId, ResourceInfo> = store.resources().into_iter().map(|info| (info.id, info)).collect();
    let facts = in_question(&known, asked);
    let raw_from_ms = raw_from(store, asked.from_ms, asked.to_ms)?;
    let is_exact = raw_from_ms <= asked.from_ms || needs_samples(asked.rule);
    let from_ms = if needs_samples(asked.rule) { asked.from_ms.max(raw_from_ms) } else { asked.from_ms };
    let from_ms = from_ms.div_euclid(STEP_MS) * STEP_MS;
    let to_ms = asked.to_ms.div_euclid(STEP_MS) * STEP_MS;
    let mut tried = Tried::new(asked.rule, &facts, (from_ms, to_ms));
    if !facts.is_empty() {
        let reading = reading(store, asked.rule, &facts, known.len(), (from_ms, to_ms));
        let oldest_ms = reading.series.iter().map(|wanted| wanted.from_ms).min().unwrap_or(from_ms - asked.rule.window_ms());
        // What a window looks back to may be kept as rollups only; then they stand in for it.
        let raw_from_ms = if raw_from_ms <= asked.from_ms { i64::MIN } else { raw_from_ms };
        let feed = Feed::new(store, reading, (oldest_ms, to_ms), raw_from_ms);
        tried.run(feed, asked, StorePast::new(store.clone()), (from_ms, raw_from_ms, to_ms))?;
    }
    Ok(tried.told(asked.rule, &known, is_exact))
}

/// Resources that the rule is about and that count.
fn in_question(known: &HashMap<ResourceId, ResourceInfo>, asked: Asked<'_>) -> Vec<ResourceFacts> {
    let is_silence = matches!(asked.rule.condition, Condition::Silent(_));
    let has_records = matches!(asked.rule.condition, Condition::Events(_) | Condition::Logs(_));
    let is_own = |facts: &ResourceFacts| {
        has_records || asked.rule.tenant.as_deref().is_none_or(|tenant| facts.tenant.as_deref() == Some(tenant))
    };
    let mut all: Vec<ResourceFacts> = known.values().filter(|info| (asked.counts)(info)).map(ResourceFacts::from).collect();
    all.retain(|facts| is_own(facts) && is_in_scope(facts, asked.rule.condition.scope()));
    all.sort_by_key(|facts| facts.id);
    if is_silence {
        // Who is silent is seen by what comes, not by when it came last.
        all.iter_mut().for_each(|facts| facts.last_seen_ms = i64::MIN);
    }
    all
}

/// Whether rollups say nothing of it: how many samples came, and when.
const fn needs_samples(rule: &Rule) -> bool {
    match &rule.condition {
        Condition::Series(series) => matches!(series.aggregate, Aggregate::Count | Aggregate::Absent),
        Condition::Silent(_) => true,
        Condition::Events(_) | Condition::Logs(_) => false,
    }
}

fn reading(store: &Store, rule: &Rule, facts: &[ResourceFacts], known: usize, (from_ms, to_ms): (i64, i64)) -> Reading {
    let all: Vec<ResourceId> = facts.iter().map(|facts| facts.id).collect();
    if matches!(rule.condition, Condition::Silent(_)) {
        let series: Vec<Wanted> = all.iter().flat_map(|id| presence(store, *id, (from_ms, to_ms))).collect();
        return Reading { series, ..Reading::default() };
    }
    // None means all, and costs history no search.
    let named = if all.len() == known { Vec::new() } else { all };
    needs(rule, &named, from_ms)
}

/// The rule and its variants while they are tried.
struct Tried {
    engine: Engine,
    followed: HashMap<String, Followed>,
    values: Values,
    lines: Lines,
    /// How often values are noted, in milliseconds.
    noted_every_ms: i64,
    from_ms: i64,
    to_ms: i64,
}

impl Tried {
    fn new(rule: &Rule, facts: &[ResourceFacts], (from_ms, to_ms): (i64, i64)) -> Self {
        let variant = |id: String, for_s: u32| Arc::new(Rule { id, for_s, enabled: true, ..rule.clone() });
        let mut rules = vec![variant(TRIED.to_owned(), rule.for_s)];
        rules.extend(others(rule).map(|for_s| variant(other_id(for_s), for_s)));
        let mut engine = Engine::new(&rules);
        let is_silence = matches!(rule.condition, Condition::Silent(_));
        engine.set_presence(if is_silence { Presence::Heard } else { Presence::Recorded });
        facts.iter().for_each(|facts| engine.know(facts.clone()));
        let bucket_ms = ((to_ms - from_ms) / i64::try_from(POINTS_MAX).unwrap_or(1)).max(STEP_MS);
        Self {
            engine,
            followed: rules.iter().map(|rule| (rule.id.clone(), Followed::default())).collect(),
            values: Values::default(),
            lines: Lines::new(from_ms, bucket_ms, rule.comparison()),
            // A quarter of a point: short peaks between are found by the firings.
            noted_every_ms: (bucket_ms / 4).div_euclid(STEP_MS).max(1) * STEP_MS,
            from_ms,
            to_ms,
        }
    }

    fn run(
        &mut self,
        mut feed: Feed<'_>,
        asked: Asked<'_>,
        mut past: StorePast,
        (from_ms, raw_from_ms, to_ms): (i64, i64, i64),
    ) -> Result<(), BackTestError> {
        let comparison = asked.rule.comparison();
        let mut at_ms = from_ms;
        let mut judged = 0_u64;
        while at_ms <= to_ms {
            feed.feed(&mut self.engine, at_ms)?;
            for change in self.engine.judge(at_ms, &mut past) {
                self.followed.entry(change.rule.id.clone()).or_default().take(&change);
            }
            if let Some(own) = self.followed.get_mut(TRIED).filter(|own| !own.open.is_empty()) {
                for judged in self.engine.judgements(TRIED) {
                    own.peak(judged.subject, judged.value, comparison);
                    // What fires is drawn whole, however short.
                    if let Some(value) = judged.value.filter(|_| own.open.contains_key(judged.subject)) {
                        self.lines.add(judged.subject, judged.unit, at_ms, value);
                    }
                }
            }
            let step_ms = if at_ms < raw_from_ms { MINUTE_MS } else { STEP_MS };
            if (at_ms - from_ms).rem_euclid(self.noted_every_ms) < step_ms {
                for judged in self.engine.judgements(TRIED) {
                    let Some(value) = judged.value else { continue };
                    self.values.add(value);
                    self.lines.add(judged.subject, judged.unit, at_ms, value);
                }
            }
            judged += 1;
            if judged.is_multiple_of(LOOK_EVERY) && (feed.read() > READ_MAX || (asked.is_over)()) {
                return Err(BackTestError::TooMuch);
            }
            // Rollups know whole minutes.
            at_ms = if step_ms == MINUTE_MS { (at_ms.div_euclid(MINUTE_MS) + 1) * MINUTE_MS } else { at_ms + STEP_MS };
        }
        Ok(())
    }

    fn told(mut self, rule: &Rule, known: &HashMap<ResourceId, ResourceInfo>, is_exact: bool) -> BackTest {
        let remind_s = rule.remind_s.unwrap_or(REMINDED_EVERY_S);
        let count = |followed: &Followed| u64::try_from(followed.all.len()).unwrap_or(u64::MAX);
        let told = |followed: &Followed| messages(&followed.all, known, remind_s, self.to_ms);
        let others = others(rule).filter_map(|for_s| {
            let followed = self.followed.get(&other_id(for_s))?;
            Some(BackTestOther { for_s, count: count(followed), notifications: told(followed) })
        });
        let others = others.collect();
        let own = self.followed.remove(TRIED).unwrap_or_default();
        let long_ms: i64 = own.all.iter().map(|fired| fired.to_ms.unwrap_or(self.to_ms) - fired.from_ms).sum();
        let name = |id: ResourceId| known.get(&id).map(|info| info.resource.name().to_owned()).unwrap_or_default();
        let firings = own.all.iter().rev().take(FIRINGS_MAX).map(|fired| BackTestFiring {
            resource: fired.subject.resource,
            resource_name: name(fired.subject.resource),
            attributes: fired.subject.attributes.iter().cloned().collect(),
            level: fired.level,
            from: fired.from_ms,
            to: fired.to_ms,
            peak: fired.peak,
        });
        let firings = firings.collect();
        let subjects = u64::try_from(self.lines.subjects()).unwrap_or(u64::MAX);
        let line =
            self.lines.furthest().map(|(resource, unit, points)| BackTestLine { unit, resource_name: name(resource), points });
        BackTest {
            from: self.from_ms,
            to: self.to_ms,
            exact: is_exact,
            firings,
            count: count(&own),
            firing_s: u64::try_from(long_ms / 1_000).unwrap_or(0),
            notifications: messages(&own.all, known, remind_s, self.to_ms),
            others,
            suggestion: self.values.suggest(rule.comparison()),
            line,
            subjects,
        }
    }
}

fn others(rule: &Rule) -> impl Iterator<Item = u32> {
    let own = rule.for_s;
    OTHERS_S.into_iter().filter(move |for_s| *for_s != own)
}

fn other_id(for_s: u32) -> String {
    format!("{TRIED}-{for_s}")
}

impl Followed {
    fn take(&mut self, change: &Change) {
        match (self.open.get(&change.subject).copied(), change.to) {
            (Some(place), Level::Ok) => {
                self.all[place].to_ms = Some(change.at_ms);
                self.open.remove(&change.subject);
            }
            (Some(place), level) => self.all[place].level = self.all[place].level.max(level),
            (None, Level::Ok) => {}
            (None, level) => {
                self.open.insert(change.subject.clone(), self.all.len());
                let (from_ms, peak) = (change.at_ms, change.value);
                self.all.push(Fired { subject: change.subject.clone(), level, from_ms, to_ms: None, peak });
            }
        }
    }

    fn peak(&mut self, subject: &Subject, value: Option<f64>, comparison: Comparison) {
        let (Some(place), Some(value)) = (self.open.get(subject), value) else { return };
        let peak = &mut self.all[*place].peak;
        *peak = Some(peak.map_or(value, |peak| if comparison == Comparison::Above { peak.max(value) } else { peak.min(value) }));
    }
}

#[cfg(test)]
mod tests;
