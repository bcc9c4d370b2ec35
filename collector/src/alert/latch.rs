//! Latch: from judged values to a level that does not flap.
//!
//! A level's latch goes on when the condition held at every tick for the rule's `for`, and off when the value was back behind the
//! threshold by the rule's `recovery` at every tick for `resolve_after`. Without a value it stays as it is, and what was pending begins
//! anew; after [`NO_DATA_RESOLVES_MS`] without one it is off.

use super::{
    Level,
    rule::{Comparison, Rule},
};

/// After so long without a value an alert is over, in milliseconds: what it was about is not there any more.
pub const NO_DATA_RESOLVES_MS: i64 = 3_600_000;

/// What a rule says about when its alerts begin and end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Threshold of a warning.
    pub warning: Option<f64>,
    /// Threshold of what is critical.
    pub critical: Option<f64>,
    /// On which side it is too much.
    pub comparison: Comparison,
    /// How far back behind a threshold it must come.
    pub recovery: f64,
    /// For how long it must hold, in milliseconds.
    pub for_ms: i64,
    /// For how long it must be over, in milliseconds.
    pub resolve_after_ms: i64,
    /// Being without a value for so long is an alert itself, in milliseconds.
    pub no_data_ms: Option<i64>,
}

impl Bounds {
    /// The bounds of a rule.
    #[must_use]
    pub fn of(rule: &Rule) -> Self {
        Self {
            warning: rule.warning,
            critical: rule.critical,
            comparison: rule.comparison(),
            recovery: rule.recovery,
            for_ms: i64::from(rule.for_s) * 1_000,
            resolve_after_ms: i64::from(rule.resolve_after_s) * 1_000,
            no_data_ms: rule.no_data_s.map(|seconds| i64::from(seconds) * 1_000),
        }
    }

    /// The level of an alert because there is no value.
    fn missing(&self) -> Level {
        if self.warning.is_none() && self.critical.is_some() { Level::Critical } else { Level::Warning }
    }

    /// The threshold of a level.
    #[must_use]
    pub const fn threshold(&self, level: Level) -> Option<f64> {
        match level {
            Level::Ok => None,
            Level::Warning => self.warning,
            Level::Critical => self.critical,
        }
    }
}

/// Whether one level's condition holds, steadily.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latch {
    /// First tick of the unbroken condition that is pending, or that brought it on.
    since_ms: Option<i64>,
    /// First tick of the unbroken recovery.
    over_ms: Option<i64>,
    is_on: bool,
}

impl Latch {
    /// One tick.
    fn step(&mut self, at_ms: i64, value: Option<f64>, threshold: f64, bounds: &Bounds) {
        let Some(value) = value else { return self.pause() };
        let (is_beyond, is_back) = match bounds.comparison {
            Comparison::Above => (value > threshold, value <= threshold - bounds.recovery),
            Comparison::Below => (value < threshold, value >= threshold + bounds.recovery),
        };
        if self.is_on {
            let since = if is_back { Some(self.over_ms.unwrap_or(at_ms)) } else { None };
            self.over_ms = since;
            if since.is_some_and(|since_ms| at_ms.saturating_sub(since_ms) >= bounds.resolve_after_ms) {
                *self = Self::default();
            }
            return;
        }
        self.since_ms = if is_beyond { Some(self.since_ms.unwrap_or(at_ms)) } else { None };
        self.is_on = self.since_ms.is_some_and(|since_ms| at_ms.saturating_sub(since_ms) >= bounds.for_ms);
    }

    /// What is pending, on the way to on or to off, begins anew.
    fn pause(&mut self) {
        self.over_ms = None;
        if !self.is_on {
            self.since_ms = None;
        }
    }
}

/// What a subject's values come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// The level.
    pub level: Level,
    /// Since when, in ms since the epoch; of no meaning when all is well.
    pub onset_ms: i64,
    /// The threshold that was passed; none when it is about missing values.
    pub threshold: Option<f64>,
}

/// What is pending: it is beyond a threshold, but not for long enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pending {
    /// The level that comes.
    pub level: Level,
    /// Since when, in ms since the epoch.
    pub onset_ms: i64,
    /// When it fires unless it is over before, in ms since the epoch.
    pub due_ms: i64,
    /// The threshold.
    pub threshold: Option<f64>,
}

/// The state of one subject of one rule.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct State {
    warning: Latch,
    critical: Latch,
    /// Since when there is no value, once that is an alert.
    missing_ms: Option<i64>,
    /// When there was a value last; when it was looked for first, when there was none yet.
    valued_ms: Option<i64>,
    /// The value of the newest tick.
    value: Option<f64>,
}

impl State {
    /// The value of the newest tick.
    #[must_use]
    pub const fn now(&self) -> Option<f64> {
        self.value
    }

    /// Goes on from what was open when it was kept last.
    pub fn hold(&mut self, level: Level, onset_ms: i64, bounds: &Bounds) {
        let on = Latch { since_ms: Some(onset_ms), over_ms: None, is_on: true };
        if level >= Level::Warning && bounds.warning.is_some() {
            self.warning = on;
        }
        if level == Level::Critical && bounds.critical.is_some() {
            self.critical = on;
        }
        if bounds.no_data_ms.is_some() && level == bounds.missing() {
            // It may have been about missing values: so it stays until there is one.
            self.missing_ms = Some(onset_ms);
        }
    }

    /// The past was played, and now it is listened: what is missing is missed from here on, unless it was told before.
    pub fn listen(&mut self, at_ms: i64, is_told: bool) {
        self.valued_ms = self.valued_ms.max(Some(at_ms));
        if !is_told {
            self.missing_ms = None;
        }
    }

    /// One tick: takes the value in, if there is one.
    pub fn step(&mut self, at_ms: i64, value: Option<f64>, bounds: &Bounds) -> Verdict {
        let value = value.filter(|value| !value.is_nan());
        self.value = value;
        if value.is_some() {
            self.valued_ms = Some(at_ms);
            self.missing_ms = None;
        }
        let without_ms = at_ms.saturating_sub(*self.valued_ms.get_or_insert(at_ms));
        for (latch, threshold) in [(&mut self.warning, bounds.warning), (&mut self.critical, bounds.critical)] {
            match threshold {
                Some(threshold) if without_ms < NO_DATA_RESOLVES_MS => latch.step(at_ms, value, threshold, bounds),
                _ => *latch = Latch::default(),
            }
        }
        match bounds.no_data_ms {
            Some(no_data_ms) if value.is_none() && without_ms >= no_data_ms => {
                self.missing_ms.get_or_insert(at_ms.saturating_sub(without_ms));
            }
            Some(_) => {}
            None => self.missing_ms = None,
        }
        self.verdict(bounds)
    }

    /// What it comes to now.
    #[must_use]
    pub fn verdict(&self, bounds: &Bounds) -> Verdict {
        let on = |latch: &Latch, level| {
            let onset_ms = latch.since_ms.filter(|_| latch.is_on)?;
            Some(Verdict { level, onset_ms, threshold: bounds.threshold(level) })
        };
        let missing = self.missing_ms.map(|onset_ms| Verdict { level: bounds.missing(), onset_ms, threshold: None });
        let all = [missing, on(&self.warning, Level::Warning), on(&self.critical, Level::Critical)];
        let worst = all.into_iter().flatten().max_by_key(|verdict| verdict.level);
        worst.unwrap_or(Verdict { level: Level::Ok, onset_ms: 0, threshold: None })
    }

    /// What is about to fire: the gravest.
    #[must_use]
    pub fn pending(&self, bounds: &Bounds) -> Option<Pending> {
        let pending = |latch: &Latch, level| {
            let onset_ms = latch.since_ms.filter(|_| !latch.is_on)?;
            Some(Pending { level, onset_ms, due_ms: onset_ms.saturating_add(bounds.for_ms), threshold: bounds.threshold(level) })
        };
        pending(&self.critical, Level::Critical).or_else(|| pending(&self.warning, Level::Warning))
    }

    /// Nothing is open or pending: it may be forgotten.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let idle = |latch: &Latch| !latch.is_on && latch.since_ms.is_none();
        idle(&self.warning) && idle(&self.critical) && self.missing_ms.is_none()
    }

    /// Some ticks were left out: what is pending begins anew.
    pub fn pause(&mut self) {
        self.warning.pause();
        self.critical.pause();
    }

    /// It is over, whatever the values say: what it is about has ended.
    pub fn end(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests;
