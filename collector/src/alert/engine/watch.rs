//! Watch: a rule under judgement, and a case for each of its subjects.

use std::{collections::HashMap, sync::Arc};

use farol_shared::{
    batch::SeriesKey,
    record::{Event, Level as LogLevel, LogRecord},
};
use farol_store::{ResourceId, SeriesId};

use crate::alert::{
    Change, Level, Rule, Subject,
    latch::{Bounds, State},
    measure::{Measure, unit_of},
    past::Remembered,
    rule::{Aggregate, Condition, EventCondition, LogCondition},
    select::{ResourceFacts, is_in_scope},
    window::Count,
};

/// What a rule is judged by.
#[derive(Debug)]
pub(super) enum Judged {
    Series(Box<Measure>),
    Events(Words<EventCondition>),
    Logs(Words<LogCondition>),
    Silent,
}

/// A condition over records, its words in small letters.
#[derive(Debug)]
pub(super) struct Words<T> {
    condition: T,
    words: Vec<String>,
    least: LogLevel,
}

/// A series that divides.
#[derive(Debug)]
pub(super) struct Divisor {
    pub(super) series: SeriesId,
    pub(super) key: Arc<SeriesKey>,
    pub(super) slot: u32,
}

/// A rule and its subjects.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) rule: Arc<Rule>,
    pub(super) bounds: Bounds,
    pub(super) judged: Judged,
    pub(super) cases: Vec<Case>,
    /// Places in `cases`.
    index: HashMap<ResourceId, Vec<u32>>,
    pub(super) divisors: HashMap<ResourceId, Vec<Divisor>>,
    /// Not judged before this moment, in ms since the epoch.
    pub(super) wakes_ms: i64,
}

/// A subject of a rule.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) subject: Subject,
    pub(super) unit: Arc<str>,
    /// Series and place of its window, by series.
    pub(super) members: Vec<(SeriesId, u32)>,
    pub(super) divisors: Vec<u32>,
    pub(super) count: Option<Count>,
    pub(super) past: Option<Box<Remembered>>,
    pub(super) state: State,
    pub(super) told: Level,
    pub(super) onset_ms: i64,
    pub(super) threshold: Option<f64>,
}

impl Watch {
    pub(super) fn new(rule: Arc<Rule>) -> Self {
        let small = |words: &[String]| words.iter().map(|word| word.to_lowercase()).collect();
        let judged = match &rule.condition {
            Condition::Series(series) => Judged::Series(Box::new(Measure::of(series))),
            Condition::Events(events) => {
                Judged::Events(Words { words: small(&events.words), condition: events.clone(), least: LogLevel::Trace })
            }
            Condition::Logs(logs) => {
                let least = logs.level.as_deref().and_then(LogLevel::parse).unwrap_or(LogLevel::Trace);
                Judged::Logs(Words { words: small(&logs.words), condition: logs.clone(), least })
            }
            Condition::Silent(_) => Judged::Silent,
        };
        let bounds = Bounds::of(&rule);
        Self { rule, bounds, judged, cases: Vec::new(), index: HashMap::new(), divisors: HashMap::new(), wakes_ms: i64::MIN }
    }

    /// The rule says something else about the same condition.
    pub(super) fn change(&mut self, rule: Arc<Rule>) {
        self.bounds = Bounds::of(&rule);
        self.rule = rule;
    }

    /// Whether a resource is one that the rule is about.
    pub(super) fn is_about(&self, facts: &ResourceFacts) -> bool {
        let is_own = self.rule.tenant.as_deref().is_none_or(|tenant| facts.tenant.as_deref() == Some(tenant));
        is_own && is_in_scope(facts, self.rule.condition.scope())
    }

    /// The same for a record, which may name its tenant.
    pub(super) fn is_about_record(&self, facts: &ResourceFacts, tenant: Option<&str>) -> bool {
        let is_own = |wanted: &str| tenant.or(facts.tenant.as_deref()) == Some(wanted);
        self.rule.tenant.as_deref().is_none_or(is_own) && is_in_scope(facts, self.rule.condition.scope())
    }

    /// Whether it tells that something is missing.
    pub(super) fn is_about_absence(&self) -> bool {
        match &self.judged {
            Judged::Silent => true,
            Judged::Series(measure) => measure.condition.aggregate == Aggregate::Absent,
            Judged::Events(_) | Judged::Logs(_) => false,
        }
    }

    /// The unit of a subject of which no series was seen yet.
    pub(super) fn unit_unseen(&self) -> Arc<str> {
        match &self.judged {
            Judged::Series(_) => "1".into(),
            Judged::Events(_) | Judged::Logs(_) | Judged::Silent => unit_of(&self.rule.condition),
        }
    }

    pub(super) fn find(&self, subject: &Subject) -> Option<usize> {
        let places = self.index.get(&subject.resource)?;
        places.iter().map(|place| *place as usize).find(|place| self.cases[*place].subject.attributes == subject.attributes)
    }

    /// The case of a subject, made when there is none, and whether it was made.
    pub(super) fn case(&mut self, subject: &Subject, unit: impl FnOnce() -> Arc<str>) -> (usize, bool) {
        if let Some(place) = self.find(subject) {
            return (place, false);
        }
        let place = self.cases.len();
        let count = matches!(self.judged, Judged::Events(_) | Judged::Logs(_)).then(|| Count::new(self.rule.window_ms()));
        self.cases.push(Case::new(subject.clone(), unit(), count));
        self.index.entry(subject.resource).or_default().push(u32::try_from(place).unwrap_or(u32::MAX));
        (place, true)
    }

    /// Places of the cases of a resource.
    pub(super) fn of(&self, resource: ResourceId) -> Vec<usize> {
        self.index.get(&resource).map(|places| places.iter().map(|place| *place as usize).collect()).unwrap_or_default()
    }

    /// Forgets cases; answers how many.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&Case) -> bool) -> usize {
        let before = self.cases.len();
        self.cases.retain(is_kept);
        let gone = before - self.cases.len();
        if gone > 0 {
            self.index.clear();
            for (place, case) in self.cases.iter().enumerate() {
                self.index.entry(case.subject.resource).or_default().push(u32::try_from(place).unwrap_or(u32::MAX));
            }
        }
        gone
    }
}

impl Words<EventCondition> {
    pub(super) fn takes(&self, event: &Event) -> bool {
        let kinds = &self.condition.kinds;
        (kinds.is_empty() || kinds.contains(&event.kind)) && has_word(&self.words, &[&event.payload])
    }
}

impl Words<LogCondition> {
    pub(super) fn takes(&self, record: &LogRecord) -> bool {
        let exception = record.exception.as_deref().unwrap_or("");
        record.level >= self.least && has_word(&self.words, &[&record.message, exception])
    }
}

/// Whether one of the words stands in one of the texts.
fn has_word(words: &[String], texts: &[&str]) -> bool {
    if words.is_empty() {
        return true;
    }
    let is_in = |text: &&str| {
        let small = text.to_lowercase();
        words.iter().any(|word| small.contains(word.as_str()))
    };
    texts.iter().any(is_in)
}

impl Case {
    fn new(subject: Subject, unit: Arc<str>, count: Option<Count>) -> Self {
        Self {
            subject,
            unit,
            members: Vec::new(),
            divisors: Vec::new(),
            count,
            past: None,
            state: State::default(),
            told: Level::Ok,
            onset_ms: 0,
            threshold: None,
        }
    }

    /// What was told goes on.
    pub(super) fn hold(&mut self, level: Level, onset_ms: i64, bounds: &Bounds) {
        self.state.hold(level, onset_ms, bounds);
        (self.told, self.onset_ms, self.threshold) = (level, onset_ms, bounds.threshold(level));
    }

    /// What is told when its rule is no more.
    pub(super) fn ending(&self, rule: &Arc<Rule>, at_ms: i64) -> Option<Change> {
        (self.told > Level::Ok).then(|| Change {
            rule: Arc::clone(rule),
            subject: self.subject.clone(),
            from: self.told,
            to: Level::Ok,
            onset_ms: self.onset_ms,
            at_ms,
            value: None,
            threshold: self.threshold,
            unit: Arc::clone(&self.unit),
        })
    }
}
