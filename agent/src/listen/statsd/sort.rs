//! Where the lines of a datagram go: series, requests by rule, events, checks; and what of them is wrong.

use std::fmt::Write as _;

use farol_shared::{
    limit,
    record::{CheckResult, CheckState, Event, Request},
};

use super::{
    SignedGauge,
    line::{self, Check, Kind, Line, Metric, Tags},
    rule::RequestRule,
};
use crate::{
    intake::{Intake, Label, OWN, ServiceId},
    mask,
};

/// Longest datagram that is read: the most that UDP carries, and what libraries send at most over a Unix socket.
pub(super) const DATAGRAM_BYTES_MAX: usize = 64 << 10;

/// Tags that a name and tags of a series may have; further ones are left out.
const TAGS_MAX: usize = 32;

/// Type of all events that come this way.
const EVENT_KIND: &str = "Event";

/// How many lines were read and how many were not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines, wrong ones included.
    pub lines: u64,
    /// Lines with something wrong in them.
    pub malformed: u64,
    /// Datagrams that were longer than the longest and lost their last line.
    pub oversize: u64,
}

/// Sorts lines into the intake.
#[derive(Debug)]
pub struct Sorter {
    signed_gauge: SignedGauge,
    rules: Vec<RequestRule>,
    /// State of the generator that rounds weights up or down, never zero.
    random: u64,
}

impl Sorter {
    /// One with these rules.
    #[must_use]
    pub fn new(signed_gauge: SignedGauge, rules: Vec<RequestRule>) -> Self {
        Self { signed_gauge, rules, random: 0x9e37_79b9_7f4a_7c15 }
    }

    /// Takes a datagram in; it may be one byte longer than the longest, which tells that it was cut.
    pub fn take(&mut self, mut datagram: &[u8], now_ms: i64, intake: &mut Intake) -> Counts {
        let mut counts = Counts::default();
        if datagram.len() > DATAGRAM_BYTES_MAX {
            // Its last line is not whole.
            counts.oversize = 1;
            let end = datagram.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
            datagram = datagram.get(..end).unwrap_or_default();
        }
        for line in datagram.split(|byte| *byte == b'\n') {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let is_read = std::str::from_utf8(line).is_ok_and(|line| self.take_line(line, now_ms, intake).is_some());
            counts.lines += 1;
            counts.malformed += u64::from(!is_read);
        }
        counts
    }

    /// Takes a line in; `None` when something in it is wrong. Packed values before the wrong one are kept.
    fn take_line(&mut self, line: &str, now_ms: i64, intake: &mut Intake) -> Option<()> {
        match line::parse(line)? {
            Line::Metric(metric) => self.take_metric(&metric, now_ms, intake)?,
            Line::Event(event) => take_event(&event, now_ms, intake),
            Line::Check(check) => take_check(&check, now_ms, intake),
        }
        Some(())
    }

    fn take_metric(&mut self, metric: &Metric<'_>, now_ms: i64, intake: &mut Intake) -> Option<()> {
        let is_measured = matches!(metric.kind, Kind::Timer | Kind::Distribution);
        if is_measured && let Some(rule) = self.rules.iter().find(|rule| rule.metric == metric.name) {
            let mut request = rule.request(metric.tags);
            request.time_ms = now_ms;
            let seconds = if metric.kind == Kind::Timer { 1e-3 } else { rule.unit.seconds() };
            let service = service_of(metric.tags, intake);
            for value in metric.values.split(':') {
                request.duration_s = number(value)? * seconds;
                let weight = whole(&mut self.random, metric.weight);
                intake.request(service, Request::clone(&request), weight);
            }
            return Some(());
        }
        let mut buffer = [("", ""); TAGS_MAX];
        let attributes = gather(metric.tags, &mut buffer);
        let unit = if metric.kind == Kind::Timer { "s" } else { "1" };
        let label = Label { name: metric.name, unit, attributes };
        if metric.kind == Kind::Set {
            intake.member(&label, metric.values);
            return Some(());
        }
        for text in metric.values.split(':') {
            let value = number(text)?;
            match metric.kind {
                Kind::Gauge if self.signed_gauge == SignedGauge::Relative && text.starts_with(['+', '-']) => {
                    intake.gauge_by(&label, value);
                }
                Kind::Gauge => intake.gauge(&label, value),
                Kind::Counter if value < 0.0 => return None,
                Kind::Counter => intake.counter_by(&label, value * metric.weight),
                Kind::Timer => intake.observe(&label, value * 1e-3, whole(&mut self.random, metric.weight)),
                Kind::Distribution | Kind::Set => intake.observe(&label, value, whole(&mut self.random, metric.weight)),
            }
        }
        Some(())
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A weight as a whole number: rounded up as often as its fraction says, so that many together are right.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a weight is at least 1 and at most a million; the generator's upper bits fit exactly"
)]
fn whole(random: &mut u64, weight: f64) -> u64 {
    let fraction = weight.fract();
    if fraction == 0.0 {
        return weight as u64;
    }
    // Marsaglia's xorshift: good enough to round with.
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    let is_up = ((*random >> 11) as f64) < fraction * (1_u64 << 53) as f64;
    weight as u64 + u64::from(is_up)
}

fn gather<'a, 'b>(tags: Tags<'a>, buffer: &'b mut [(&'a str, &'a str); TAGS_MAX]) -> &'b [(&'a str, &'a str)] {
    let mut count = 0;
    for (place, tag) in buffer.iter_mut().zip(tags.pairs()) {
        *place = tag;
        count += 1;
    }
    buffer.get(..count).unwrap_or_default()
}

/// The service that the tags name, else the agent's own.
fn service_of(tags: Tags<'_>, intake: &mut Intake) -> ServiceId {
    tags.of("service").map_or(OWN, |service| intake.service(Some(service), tags.of("env")))
}

/// A sender's time, unless it is one that no collector takes.
fn time_ms(time_s: Option<i64>, now_ms: i64) -> i64 {
    let ms = time_s.and_then(|seconds| seconds.checked_mul(1_000));
    ms.filter(|ms| (0..=now_ms.saturating_add(limit::FUTURE_MS_MAX)).contains(ms)).unwrap_or(now_ms)
}

fn take_event(event: &line::Event<'_>, now_ms: i64, intake: &mut Intake) {
    let mut payload = String::from("{");
    let lines = |text: &str| mask::text(&text.replace("\\n", "\n")).into_owned();
    let fields = [
        ("title", lines(event.title)),
        ("text", lines(event.text)),
        ("alert_type", if event.alert.is_empty() { "info" } else { event.alert }.to_owned()),
        ("priority", if event.priority.is_empty() { "normal" } else { event.priority }.to_owned()),
        ("host", event.host.to_owned()),
        ("aggregation_key", event.aggregation_key.to_owned()),
        ("source", event.source.to_owned()),
    ];
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        put(&mut payload, name, value);
    }
    payload.push_str(",\"tags\":{");
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in event.tags.pairs().take(TAGS_MAX) {
        if !seen.contains(&name) {
            seen.push(name);
            put(&mut payload, name, &mask::text(value));
        }
    }
    payload.push_str("}}");
    let service = service_of(event.tags, intake);
    let tenant = event.tags.of("tenant").map(|tenant| crate::recorder::cut(tenant, limit::VALUE_BYTES_MAX).to_owned());
    intake.event(service, Event { time_ms: time_ms(event.time_s, now_ms), kind: EVENT_KIND.to_owned(), tenant, payload });
}

fn take_check(check: &Check<'_>, now_ms: i64, intake: &mut Intake) {
    let (state, word) = match check.status {
        0 => (CheckState::Online, ""),
        1 => (CheckState::Degraded, ""),
        2 => (CheckState::Offline, ""),
        // Not to know is no failure, and no success either.
        _ => (CheckState::Degraded, "unknown"),
    };
    let message = check.message.replace("\\n", "\n");
    let detail = if message.is_empty() { word.to_owned() } else { message };
    let target = if check.host.is_empty() { check.tags.listed() } else { check.host };
    intake.check(CheckResult {
        time_ms: time_ms(check.time_s, now_ms),
        name: check.name.to_owned(),
        kind: "statsd".to_owned(),
        target: mask::text(target).into_owned(),
        state,
        is_success: check.status == 0,
        latency_s: None,
        detail,
    });
}

/// Appends a member to a JSON object.
fn put(json: &mut String, name: &str, value: &str) {
    if !json.ends_with('{') {
        json.push(',');
    }
    put_text(json, name);
    json.push(':');
    put_text(json, value);
}

fn put_text(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            control if control < ' ' => {
                write!(json, "\\u{:04x}", u32::from(control)).expect("a String takes all");
            }
            other => json.push(other),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests;
