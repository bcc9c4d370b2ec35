//! Check: what a rule must be before it is judged, with what to write instead.

use farol_shared::{limit, record::Level};

use super::{
    Against, Aggregate, Comparison, Condition, EventCondition, FOR_S_MAX, LogCondition, Rule, Scope, SeriesCondition,
    WINDOW_S_MAX,
};
use crate::{alert::select::AttributeTest, problem::Fault, state::tenant_name};

/// Longest id.
const ID_MAX: usize = 64;
/// Longest name, in characters.
const NAME_MAX: usize = 128;
/// Longest message, in characters.
const MESSAGE_MAX: usize = 1_000;
/// Longest address of a runbook, in characters.
const RUNBOOK_MAX: usize = 1_000;
/// Most tests of attributes: more are several rules.
const ATTRIBUTES_MAX: usize = 8;
/// Most types of events of one rule.
const KINDS_MAX: usize = 16;
/// Most words of one rule.
const WORDS_MAX: usize = 8;
/// Longest word or pattern, in characters.
const WORD_MAX: usize = 256;
/// Most channels of one rule.
const CHANNELS_MAX: usize = 16;

/// Every fault of a rule, with the field that it is in.
pub(super) fn check(rule: &Rule) -> Vec<Fault> {
    let mut faults = Faults(Vec::new());
    let is_sign = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    if rule.id.is_empty() || rule.id.len() > ID_MAX || !rule.id.bytes().all(is_sign) {
        faults.add("id", format!("must be 1 to {ID_MAX} of a-z, 0-9, '_' and '-'; leave it out to have it made of the name"));
    }
    text(&mut faults, "name", &rule.name, NAME_MAX);
    if let Some(tenant) = &rule.tenant
        && tenant_name(tenant).is_err()
    {
        faults.add("tenant", "must be 1 to 128 characters without control characters");
    }
    thresholds(&mut faults, rule);
    times(&mut faults, rule);
    if rule.channels.len() > CHANNELS_MAX {
        faults.add("channels", format!("are {}, at most {CHANNELS_MAX}", rule.channels.len()));
    }
    if rule.message.as_ref().is_some_and(|message| message.chars().count() > MESSAGE_MAX) {
        faults.add("message", format!("is longer than {MESSAGE_MAX} characters"));
    }
    if let Some(runbook) = &rule.runbook
        && (!(runbook.starts_with("https://") || runbook.starts_with("http://"))
            || runbook.chars().count() > RUNBOOK_MAX
            || runbook.chars().any(|sign| sign.is_control() || sign.is_whitespace()))
    {
        faults.add("runbook", "must be an address that begins with https:// or http://");
    }
    match &rule.condition {
        Condition::Series(series) => series_condition(&mut faults, series),
        Condition::Events(events) => event_condition(&mut faults, events),
        Condition::Logs(logs) => log_condition(&mut faults, logs),
        Condition::Silent(silent) => scope(&mut faults, &silent.resources),
    }
    faults.0
}

struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, field: &str, detail: impl Into<String>) {
        self.0.push(Fault { field: field.to_owned(), detail: detail.into() });
    }
}

fn text(faults: &mut Faults, field: &str, value: &str, most: usize) {
    let length = value.chars().count();
    if value.trim().is_empty() || length > most || value.chars().any(char::is_control) {
        faults.add(field, format!("must be 1 to {most} characters without control characters"));
    }
}

fn thresholds(faults: &mut Faults, rule: &Rule) {
    for (field, value) in [("warning", rule.warning), ("critical", rule.critical)] {
        if value.is_some_and(|value| !value.is_finite()) {
            faults.add(field, "must be a finite number");
        }
    }
    if !(rule.recovery.is_finite() && rule.recovery >= 0.0) {
        faults.add("recovery", "must be 0 or more, in the unit of the value: how far back behind the threshold it must come");
    }
    if rule.warning.is_none() && rule.critical.is_none() && rule.no_data_s.is_none() {
        faults.add("warning", "is missing: give at least one of warning, critical and no_data_s");
    }
    let (Some(warning), Some(critical)) = (rule.warning, rule.critical) else { return };
    match rule.comparison() {
        Comparison::Above if critical <= warning => {
            faults.add("critical", format!("must be above warning ({warning}), as it is too much above it; it is {critical}"));
        }
        Comparison::Below if critical >= warning => {
            faults.add("critical", format!("must be below warning ({warning}), as it is too much below it; it is {critical}"));
        }
        _ => {}
    }
}

fn times(faults: &mut Faults, rule: &Rule) {
    let spans = [("for_s", Some(rule.for_s)), ("resolve_after_s", Some(rule.resolve_after_s)), ("remind_s", rule.remind_s)];
    let most = |field| if field == "remind_s" { 30 * FOR_S_MAX } else { FOR_S_MAX };
    for (field, seconds) in spans {
        if let Some(seconds) = seconds.filter(|seconds| *seconds > most(field)) {
            faults.add(field, format!("is {seconds} s, at most {} s", most(field)));
        }
    }
    if rule.remind_s.is_some_and(|seconds| seconds > 0 && seconds < 60) {
        faults.add("remind_s", "must be 0 (never) or at least 60 s: more often is noise");
    }
    if let Some(seconds) = rule.no_data_s {
        if !(10..=FOR_S_MAX).contains(&seconds) {
            faults.add("no_data_s", format!("is {seconds} s, must be 10 to {FOR_S_MAX} s"));
        }
        if !matches!(rule.condition, Condition::Series(_)) {
            faults.add("no_data_s", "is for conditions of series only: others always have a value");
        }
    }
}

fn window(faults: &mut Faults, seconds: u32) {
    if !(1..=WINDOW_S_MAX).contains(&seconds) {
        faults.add("condition.window_s", format!("is {seconds} s, must be 1 to {WINDOW_S_MAX} s"));
    }
}

fn metric(faults: &mut Faults, field: &str, name: &str) {
    let is_sign = |byte: u8| byte.is_ascii_graphic();
    if name.is_empty() || name.len() > limit::NAME_BYTES_MAX || !name.bytes().all(is_sign) {
        let detail = format!(
            "must be the name of a metric: 1 to {} signs without spaces, as docs/METRICS.md has them",
            limit::NAME_BYTES_MAX
        );
        faults.add(field, detail);
    }
}

fn attributes(faults: &mut Faults, field: &str, tests: &[String]) {
    if tests.len() > ATTRIBUTES_MAX {
        faults.add(field, format!("are {}, at most {ATTRIBUTES_MAX}", tests.len()));
    }
    for test in tests {
        let most = limit::NAME_BYTES_MAX + 2 * limit::VALUE_BYTES_MAX;
        if test.len() > most || AttributeTest::parse(test).is_none() {
            let shown: String = test.chars().take(60).collect();
            faults.add(field, format!("'{shown}' cannot be read: write key=value, key=one|other or key!=value"));
        }
    }
}

fn series_condition(faults: &mut Faults, series: &SeriesCondition) {
    metric(faults, "condition.metric", &series.metric);
    attributes(faults, "condition.attributes", &series.attributes);
    scope(faults, &series.resources);
    window(faults, series.window_s);
    if let Some(by) = &series.by {
        if by.len() > ATTRIBUTES_MAX {
            faults.add("condition.by", format!("are {}, at most {ATTRIBUTES_MAX}", by.len()));
        }
        if by.iter().any(|key| key.is_empty() || key.len() > limit::NAME_BYTES_MAX) {
            faults.add("condition.by", "must be names of attributes");
        }
    }
    match (series.aggregate, series.quantile) {
        (Aggregate::Quantile, None) => faults.add("condition.quantile", "is missing: write one from 0 to 1, such as 0.95"),
        (Aggregate::Quantile, Some(q)) if !(0.0..=1.0).contains(&q) => {
            faults.add("condition.quantile", format!("is {q}, must be 0 to 1"))
        }
        (Aggregate::Quantile, Some(_)) | (_, None) => {}
        (_, Some(_)) => faults.add("condition.quantile", "is only for the aggregate quantile"),
    }
    if let Some(divisor) = &series.divided_by {
        metric(faults, "condition.divided_by.metric", &divisor.metric);
        attributes(faults, "condition.divided_by.attributes", &divisor.attributes);
        if matches!(series.aggregate, Aggregate::Absent | Aggregate::Count) {
            faults.add("condition.divided_by", "makes no sense of seconds or of a number of samples: leave it out");
        }
    }
    if series.aggregate == Aggregate::Until && series.window_s < 60 {
        faults.add("condition.window_s", "must be at least 60 s to tell where a value goes");
    }
    if series.against != Against::Nothing {
        if !matches!(series.aggregate, Aggregate::Mean | Aggregate::Last | Aggregate::Min | Aggregate::Max | Aggregate::Rate) {
            faults.add("condition.against", "the past can be compared with by the aggregates mean, last, min, max and rate only");
        }
        if series.divided_by.is_some() {
            faults.add("condition.against", "the past cannot be compared with and divided by at once: leave divided_by out");
        }
    }
}

fn event_condition(faults: &mut Faults, events: &EventCondition) {
    scope(faults, &events.resources);
    window(faults, events.window_s);
    words(faults, "condition.words", &events.words);
    if events.kinds.len() > KINDS_MAX {
        faults.add("condition.kinds", format!("are {}, at most {KINDS_MAX}", events.kinds.len()));
    }
    if events.kinds.iter().any(|kind| kind.is_empty() || kind.len() > limit::NAME_BYTES_MAX) {
        faults.add("condition.kinds", format!("must be types of events, 1 to {} bytes each", limit::NAME_BYTES_MAX));
    }
}

fn log_condition(faults: &mut Faults, logs: &LogCondition) {
    scope(faults, &logs.resources);
    window(faults, logs.window_s);
    words(faults, "condition.words", &logs.words);
    if let Some(level) = logs.level.as_ref().filter(|level| Level::parse(level).is_none()) {
        let shown: String = level.chars().take(30).collect();
        faults.add("condition.level", format!("'{shown}' is none: write trace, debug, info, warning, error or critical"));
    }
    if logs.words.is_empty() && logs.level.is_none() {
        faults.add("condition.words", "are missing: give words, a level, or both");
    }
}

fn words(faults: &mut Faults, field: &str, words: &[String]) {
    if words.len() > WORDS_MAX {
        faults.add(field, format!("are {}, at most {WORDS_MAX}", words.len()));
    }
    if words.iter().any(|word| word.trim().is_empty() || word.chars().count() > WORD_MAX) {
        faults.add(field, format!("must be 1 to {WORD_MAX} characters each"));
    }
}

fn scope(faults: &mut Faults, scope: &Scope) {
    for (field, pattern) in [("name", &scope.name), ("service", &scope.service), ("environment", &scope.environment)] {
        if pattern.as_ref().is_some_and(|pattern| pattern.is_empty() || pattern.chars().count() > WORD_MAX) {
            let detail = format!("must be a pattern of 1 to {WORD_MAX} characters; leave it out for any");
            faults.add(&format!("condition.resources.{field}"), detail);
        }
    }
}

/// An id made of a name: its letters and digits in small, everything else a dash; `rule` when nothing is left.
#[must_use]
pub fn id_of(name: &str) -> String {
    let mut id = String::new();
    for sign in name.chars() {
        let sign = plain(sign).to_ascii_lowercase();
        if sign.is_ascii_alphanumeric() {
            id.push(sign);
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
        if id.len() >= ID_MAX {
            break;
        }
    }
    let id = id.trim_end_matches('-');
    if id.is_empty() { "rule".to_owned() } else { id.to_owned() }
}

/// The letter under the accents of Portuguese.
const fn plain(sign: char) -> char {
    match sign {
        'á' | 'à' | 'â' | 'ã' | 'Á' | 'À' | 'Â' | 'Ã' => 'a',
        'é' | 'ê' | 'É' | 'Ê' => 'e',
        'í' | 'Í' => 'i',
        'ó' | 'ô' | 'õ' | 'Ó' | 'Ô' | 'Õ' => 'o',
        'ú' | 'ü' | 'Ú' | 'Ü' => 'u',
        'ç' | 'Ç' => 'c',
        other => other,
    }
}

#[cfg(test)]
mod tests;
