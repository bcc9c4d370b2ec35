//! Judge: one second, all rules.

use std::sync::Arc;

use super::{
    Engine, FORGOTTEN_MS, GONE_MS,
    watch::{Case, Judged, Watch},
};
use crate::alert::{
    Change, Level, Rule,
    latch::{Bounds, Verdict},
    measure::{Measure, seconds},
    past::{Past, Question, Remembered, stretch},
    rule::{Against, Aggregate},
};

/// What became of a case in one second.
enum Outcome {
    /// It goes on, with this value.
    On(Option<f64>),
    /// What it is about has ended.
    Over,
}

impl Engine {
    /// Judges one second with everything up to it, and answers what is to be told. Seconds come in order; what [`Engine::tick`] does for
    /// every second that is due.
    pub fn judge(&mut self, at_ms: i64, past: &mut dyn Past) -> Vec<Change> {
        self.settle(at_ms);
        self.windows.fold(at_ms);
        let mut changes = if self.is_muted { Vec::new() } else { std::mem::take(&mut self.ending) };
        changes.iter_mut().for_each(|change| change.at_ms = at_ms);
        let mut watches = std::mem::take(&mut self.watches);
        for watch in watches.iter_mut().filter(|watch| watch.wakes_ms <= at_ms) {
            if self.is_muted && watch.is_about_absence() {
                // While the collector was away nobody could be heard: who is missed is seen from now on.
                continue;
            }
            let mut cases = std::mem::take(&mut watch.cases);
            for case in &mut cases {
                let verdict = match self.outcome(watch, case, at_ms, past) {
                    Outcome::On(value) => case.state.step(at_ms, value, &watch.bounds),
                    Outcome::Over => {
                        case.state.end();
                        case.state.verdict(&watch.bounds)
                    }
                };
                if verdict.level != case.told && !self.is_muted {
                    changes.push(case.tell(&watch.rule, verdict, at_ms));
                }
            }
            watch.cases = cases;
        }
        self.watches = watches;
        self.at_ms = Some(at_ms);
        self.sweep(at_ms);
        changes
    }

    fn outcome(&mut self, watch: &Watch, case: &mut Case, at_ms: i64, past: &mut dyn Past) -> Outcome {
        let resource = case.subject.resource;
        let ended = |engine: &Self, may_be: bool| may_be && engine.has_ended(resource, at_ms);
        match &watch.judged {
            Judged::Series(measure) => {
                let values = (&self.windows.slots[..], &self.windows.values[..]);
                let value = measure.value(at_ms, (&case.members, &case.divisors), values, &mut self.samples);
                let value = self.since_listening(measure, case, value, at_ms);
                let value = value.and_then(|value| compared(measure, case, value, at_ms, past));
                // What is there has not ended, and where nothing is wrong nothing ends.
                let is_absence = measure.condition.aggregate == Aggregate::Absent || watch.bounds.no_data_ms.is_some();
                let is_wrong = case.told > Level::Ok || !case.state.is_idle();
                if ended(self, is_absence && value.is_none_or(|value| value > 0.0) || is_wrong && value.is_none()) {
                    return Outcome::Over;
                }
                Outcome::On(value)
            }
            Judged::Events(_) | Judged::Logs(_) => {
                // What happened does not end with what it happened to.
                let is_known = self.resources.contains_key(&resource);
                let value = case.count.as_ref().map(|count| count.value(at_ms));
                if is_known { Outcome::On(value) } else { Outcome::Over }
            }
            Judged::Silent => self.silence(case, at_ms),
        }
    }

    /// Absence that is not told yet counts from when we began to listen.
    fn since_listening(&self, measure: &Measure, case: &Case, value: Option<f64>, at_ms: i64) -> Option<f64> {
        let is_new = measure.condition.aggregate == Aggregate::Absent && case.told == Level::Ok && self.listening_ms > i64::MIN;
        let listened_s = || seconds(at_ms.saturating_sub(self.listening_ms).max(0));
        value.map(|value| if is_new { value.min(listened_s()) } else { value })
    }

    fn silence(&self, case: &Case, at_ms: i64) -> Outcome {
        let Some(known) = self.resources.get(&case.subject.resource) else { return Outcome::Over };
        let silent_ms = at_ms.saturating_sub(known.heard_ms);
        let is_told = case.told > Level::Ok;
        let is_gone = silent_ms > FORGOTTEN_MS
            || (!is_told && self.listening_ms > i64::MIN && self.listening_ms.saturating_sub(known.heard_ms) > GONE_MS);
        if is_gone || known.facts.is_told_by_us() || self.has_ended(case.subject.resource, at_ms) {
            return Outcome::Over;
        }
        // What was told to be silent stays so until it is heard; the rest has time to come after a start.
        let since_ms = if is_told { known.heard_ms } else { known.heard_ms.max(self.listening_ms) };
        let silent_ms = at_ms.saturating_sub(since_ms).max(0);
        // Between two of its turns nobody is silent, however rarely it speaks.
        let is_silent = silent_ms > known.facts.silent_after_ms();
        Outcome::On(Some(if is_silent { seconds(silent_ms) } else { 0.0 }))
    }
}

/// The value against the past, when the rule says so.
fn compared(measure: &Measure, case: &mut Case, value: f64, at_ms: i64, past: &mut dyn Past) -> Option<f64> {
    let condition = &measure.condition;
    if condition.against == Against::Nothing {
        return Some(value);
    }
    let (from_ms, to_ms, cell) = stretch(condition.against, case.subject.resource, at_ms);
    let known = case.past.get_or_insert_with(|| {
        let series = case.members.iter().map(|(series, _)| *series).collect();
        Box::new(Remembered { series, ..Remembered::default() })
    });
    if known.cell != Some(cell) {
        let question = Question {
            resource: case.subject.resource,
            metric: &condition.metric,
            series: &known.series,
            aggregate: condition.aggregate,
            from_ms,
            to_ms,
        };
        known.spread = past.spread(&question);
        known.cell = Some(cell);
    }
    known.spread?.distance(value, condition.against)
}

impl Case {
    /// Notes what is told now.
    fn tell(&mut self, rule: &Arc<Rule>, verdict: Verdict, at_ms: i64) -> Change {
        let from = std::mem::replace(&mut self.told, verdict.level);
        if from == Level::Ok {
            // What becomes graver or milder began when it began.
            self.onset_ms = verdict.onset_ms;
        }
        if verdict.level > Level::Ok {
            self.threshold = verdict.threshold;
        }
        Change {
            rule: Arc::clone(rule),
            subject: self.subject.clone(),
            from,
            to: verdict.level,
            onset_ms: self.onset_ms,
            at_ms,
            value: self.state.now().filter(|value| value.is_finite()),
            threshold: self.threshold,
            unit: Arc::clone(&self.unit),
        }
    }

    /// The value that is judged now.
    pub(super) fn value(&self) -> Option<f64> {
        self.state.now().filter(|value| value.is_finite())
    }

    /// What is about to fire.
    pub(super) fn pending(&self, bounds: &Bounds) -> Option<crate::alert::latch::Pending> {
        self.state.pending(bounds).filter(|pending| pending.level > self.told)
    }
}
