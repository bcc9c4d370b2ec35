//! What is told of a service: its series, in one place and one order, for names and values alike.

use farol_shared::{batch::SeriesKey, catalog, metric::Metric, record::Level};

use super::Service;

/// Statistics of durations that are told, with their quantile where they are one.
pub(super) const QUANTILES: [(&str, f64); 3] = [("p50", 0.50), ("p95", 0.95), ("p99", 0.99)];

/// A running total, told as zero first: history sees an increase only between two values.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counter {
    total: u64,
    is_told: bool,
}

impl Counter {
    pub(super) fn add(&mut self, count: u64) {
        self.total = self.total.saturating_add(count);
    }

    #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
    fn tell(&mut self) -> f64 {
        if std::mem::replace(&mut self.is_told, true) { self.total as f64 } else { 0.0 }
    }
}

/// What is told of a service, column by column.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) keys: Vec<SeriesKey>,
    pub(super) values: Vec<f64>,
}

impl Told {
    fn put(&mut self, metric: &Metric, attributes: &[(&str, &str)], value: Option<f64>) {
        self.values.push(value.filter(|value| value.is_finite()).unwrap_or(f64::NAN));
        self.keys.push(SeriesKey {
            metric: metric.name.to_owned(),
            unit: metric.unit.to_owned(),
            kind: metric.kind,
            attributes: attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        });
    }
}

/// Tells a service. New series come where their sort stands; the rest keeps its order.
pub(super) fn tell(service: &mut Service, now_ms: i64) -> Told {
    let mut told = Told::default();
    if let Some(rate) = service.window.rate(now_ms) {
        let figures = service.window.figures(now_ms);
        told.put(&catalog::HTTP_SERVER_REQUEST_RATE, &[], Some(rate));
        told.put(&catalog::HTTP_SERVER_REQUEST_ERROR_RATIO, &[], figures.error_ratio());
        told.put(&catalog::HTTP_SERVER_REQUEST_APDEX, &[], figures.apdex());
        let (min, max) = figures.extremes_s().unzip();
        for (statistic, value) in [("mean", figures.mean_s()), ("min", min), ("max", max)] {
            told.put(&catalog::HTTP_SERVER_REQUEST_DURATION, &[("farol.statistic", statistic)], value);
        }
        for (statistic, q) in QUANTILES {
            told.put(&catalog::HTTP_SERVER_REQUEST_DURATION, &[("farol.statistic", statistic)], figures.quantile_s(q));
        }
    }
    told.put(&catalog::SERVICE_ERRORS, &[], Some(service.errors.tell()));
    if service.has_logs {
        for (level, count) in Level::ALL.into_iter().zip(&mut service.levels) {
            told.put(&catalog::SERVICE_LOG_RECORDS, &[("farol.level", level.as_str())], Some(count.tell()));
        }
    }
    for (kind, count) in &mut service.events {
        told.put(&catalog::EVENTS, &[("farol.event.type", kind)], Some(count.tell()));
    }
    service.derived.tidy(now_ms);
    service.is_derived_told.resize(super::derived::ROWS.len(), false);
    for ((row, value), is_told) in service.derived.values(now_ms).zip(&mut service.is_derived_told) {
        if let Some(value) = value {
            let is_first = !std::mem::replace(is_told, true) && row.metric.kind == farol_shared::metric::Kind::Counter;
            told.put(row.metric, &[], Some(if is_first { 0.0 } else { value }));
        }
    }
    told
}
