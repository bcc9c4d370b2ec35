//! Which way is good for a metric: one table, read from its top; what it does not name is good neither way.

use serde::Serialize;
use utoipa::ToSchema;

/// Which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Good {
    /// More is better.
    Up,
    /// Less is better.
    Down,
    /// Nobody can say.
    Neither,
}

/// What a row is about.
#[derive(Debug, Clone, Copy)]
enum About {
    /// The metric of this name.
    Is(&'static str),
    /// Its series with an attribute of one of these values.
    With(&'static str, &'static [&'static str]),
    /// Metrics whose name starts so.
    Starts(&'static str),
    /// Metrics that have this word in their name, between dots and underscores: what applications name themselves.
    Word(&'static str),
}

use About::{Is, Starts, With, Word};

const TABLE: &[(About, Good)] = &[
    (Is("http.server.request.rate"), Good::Up),
    (Is("http.server.request.count"), Good::Up),
    (Is("http.server.request.apdex"), Good::Up),
    (Is("http.server.request.error_ratio"), Good::Down),
    (Is("http.server.request.duration"), Good::Down),
    (Is("farol.service.errors"), Good::Down),
    (With("farol.service.log.records", &["warn", "error", "fatal"]), Good::Down),
    (Starts("farol.service.log.records"), Good::Neither),
    (Is("farol.messages.failed"), Good::Down),
    (Starts("farol.messages."), Good::Up),
    (Starts("farol.campaigns."), Good::Up),
    (Is("farol.erp.failed"), Good::Down),
    (Is("farol.erp.time"), Good::Down),
    (Is("farol.check.state"), Good::Up),
    (Is("farol.check.duration"), Good::Down),
    (Is("farol.check.tls.expiry"), Good::Neither),
    (With("system.cpu.time", &["idle"]), Good::Up),
    (Is("system.cpu.time"), Good::Down),
    (Is("container.cpu.time"), Good::Down),
    (Starts("container.cpu.throttling."), Good::Down),
    (Starts("system.linux.cpu.load_"), Good::Down),
    (Is("system.linux.memory.available"), Good::Up),
    (With("system.memory.usage", &["used"]), Good::Down),
    (With("system.memory.usage", &["free"]), Good::Up),
    (With("system.paging.usage", &["used"]), Good::Down),
    (With("system.filesystem.usage", &["used"]), Good::Down),
    (With("system.filesystem.usage", &["free"]), Good::Up),
    (Is("container.memory.usage"), Good::Down),
    (Is("container.memory.working_set"), Good::Down),
    (Is("container.memory.rss"), Good::Down),
    (Is("container.memory.swap"), Good::Down),
    (Starts("system.linux.pressure."), Good::Down),
    (Starts("container.pressure."), Good::Down),
    (Is("farol.agent.cpu.time"), Good::Down),
    (Is("farol.agent.memory.usage"), Good::Down),
    (Is("farol.agent.samples.lost"), Good::Down),
    (Is("farol.agent.records.dropped"), Good::Down),
    (Is("farol.collector.cpu.time"), Good::Down),
    (Is("farol.collector.memory.usage"), Good::Down),
    (Word("oom_kills"), Good::Down),
    (Word("hits"), Good::Up),
    (Word("misses"), Good::Down),
    (Word("evictions"), Good::Down),
    (Word("hit_ratio"), Good::Up),
    (Word("error"), Good::Down),
    (Word("errors"), Good::Down),
    (Word("failed"), Good::Down),
    (Word("failures"), Good::Down),
    (Word("dropped"), Good::Down),
    (Word("retries"), Good::Down),
    (Word("timeouts"), Good::Down),
    (Word("latency"), Good::Down),
    (Word("duration"), Good::Down),
    (Word("response_time"), Good::Down),
    (Word("queue"), Good::Down),
    (Word("queued"), Good::Down),
    (Word("lag"), Good::Down),
];

impl About {
    fn is(self, metric: &str, attributes: &[(String, String)]) -> bool {
        match self {
            Is(name) => metric == name,
            With(name, values) => metric == name && attributes.iter().any(|(_, value)| values.contains(&value.as_str())),
            Starts(start) => metric.starts_with(start),
            Word(word) => metric.match_indices(word).any(|(at, _)| {
                let is_edge = |neighbour: Option<char>| neighbour.is_none_or(|char| !char.is_alphanumeric());
                is_edge(metric.get(..at).and_then(|before| before.chars().next_back()))
                    && is_edge(metric.get(at + word.len()..).and_then(|after| after.chars().next()))
            }),
        }
    }
}

/// Which way is good for a series.
pub(super) fn of(metric: &str, attributes: &[(String, String)]) -> Good {
    TABLE.iter().find(|(about, _)| about.is(metric, attributes)).map_or(Good::Neither, |(_, good)| *good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_that_fits_holds() {
        let with = |metric: &str, value: &str| of(metric, &[("k".to_owned(), value.to_owned())]);
        assert_eq!(with("system.cpu.time", "idle"), Good::Up);
        assert_eq!(with("system.cpu.time", "user"), Good::Down);
        assert_eq!(with("farol.service.log.records", "error"), Good::Down);
        assert_eq!(with("farol.service.log.records", "info"), Good::Neither);
        for (metric, good) in [
            ("payments_failed", Good::Down),
            ("tws_latency_ms", Good::Down),
            ("celery.queue.length", Good::Down),
            ("terror", Good::Neither),
            ("cache_hits", Good::Up),
            ("orders.total", Good::Neither),
            ("flag", Good::Neither),
            ("", Good::Neither),
        ] {
            assert_eq!(of(metric, &[]), good, "{metric}");
        }
    }
}
