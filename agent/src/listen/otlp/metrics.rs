//! Metrics of OTLP into the intake: gauges, counters, distributions, and request durations into requests.
//!
//! Durations of requests come as counts by range. Each range's count is taken as that many requests at one place in the
//! range (see [`Buckets::values`]): exact in number and sum, within the range for quantiles. They are not taken from whom
//! spans come as well, which tell each request exactly.

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
};

use farol_shared::{limit, record::Request};

use super::{
    buckets::Buckets,
    millis,
    model::{Attributes, Metric, Point, PointValue, Shape, Source, Temporality},
    streams::{Full, Key, Streams},
    tenant,
};
use crate::{
    intake::{Intake, Label, OWN, ServiceId},
    recorder::cut,
};

/// Most attributes of a series: leaves room for those that are added here and for a distribution's.
const ATTRIBUTES_MAX: usize = limit::ATTRIBUTES_MAX - 8;

/// Where and when points were told.
pub(super) struct Place<'a> {
    pub(super) service: ServiceId,
    pub(super) source: &'a Source<'a>,
    /// Whether spans come from there too.
    pub(super) has_spans: bool,
    pub(super) now_ms: i64,
}

/// Takes a point in. False when it is broken.
pub(super) fn take(
    place: &Place<'_>,
    metric: &Metric<'_>,
    point: &Point<'_>,
    streams: &mut Streams,
    intake: &mut Intake,
) -> bool {
    if point.flags & 1 == 1 {
        return true;
    }
    if metric.name.is_empty() || metric.name.len() > limit::NAME_BYTES_MAX {
        return false;
    }
    let mut pairs = pairs(place, &point.attributes);
    let key = Key { digest: stream_digest(place, metric, point), start_ns: point.start_ns };
    let done = match (metric.shape, &point.value) {
        (Shape::Gauge, PointValue::Number(value)) if value.is_finite() => {
            with_label(metric, &pairs, |label| intake.gauge(label, *value));
            Ok(())
        }
        (Shape::Sum { temporality, is_monotonic }, PointValue::Number(value)) if value.is_finite() => {
            match (temporality, is_monotonic) {
                (Temporality::Unknown, _) => return false,
                (_, true) if *value < 0.0 => return false,
                (Temporality::Delta, true) => Ok(*value),
                (Temporality::Cumulative, true) => streams.total(key, *value, place.now_ms),
                (_, false) => {
                    let group = digest_of(&(place.service, &metric.name, &metric.unit, &pairs));
                    let is_delta = temporality == Temporality::Delta;
                    streams.level(key, group, *value, is_delta, place.now_ms)
                }
            }
            .map(|value| {
                with_label(metric, &pairs, |label| {
                    if is_monotonic { intake.counter_by(label, value) } else { intake.gauge(label, value) }
                });
            })
        }
        (Shape::Histogram(temporality), PointValue::Buckets(buckets)) if buckets.is_valid() => {
            let added = match temporality {
                Temporality::Unknown => return false,
                Temporality::Delta => Ok(Some(buckets.clone())),
                Temporality::Cumulative => streams.buckets(key, buckets, place.now_ms),
            };
            added.map(|added| added.iter().for_each(|added| take_buckets(place, metric, point, added, &pairs, intake)))
        }
        (Shape::Summary, PointValue::Quantiles(quantiles)) => {
            for (quantile, value) in quantiles.iter().filter(|(_, value)| value.is_finite()) {
                pairs.push((Cow::Borrowed("quantile"), Cow::Owned(quantile.to_string())));
                with_label(metric, &pairs, |label| intake.gauge(label, *value));
                pairs.pop();
            }
            Ok(())
        }
        _ => return false,
    };
    if done == Err(Full) {
        intake.drop_records("metric", "series_max", 1);
    }
    true
}

fn take_buckets(
    place: &Place<'_>,
    metric: &Metric<'_>,
    point: &Point<'_>,
    added: &Buckets,
    pairs: &[(Cow<'_, str>, Cow<'_, str>)],
    intake: &mut Intake,
) {
    let default_unit = match &*metric.name {
        "http.server.request.duration" => "s",
        "http.server.duration" => "ms",
        _ => {
            with_label(metric, pairs, |label| {
                added.values().iter().for_each(|(value, hits)| intake.observe(label, *value, *hits));
            });
            return;
        }
    };
    if place.has_spans {
        return;
    }
    let unit = if metric.unit.is_empty() { default_unit } else { &metric.unit };
    let seconds = match unit {
        "ms" => 1e-3,
        "us" => 1e-6,
        "ns" => 1e-9,
        _ => 1.0,
    };
    let request = request(place, point);
    for (value, hits) in added.values() {
        intake.request(place.service, Request { duration_s: value * seconds, ..request.clone() }, hits);
    }
}

fn request(place: &Place<'_>, point: &Point<'_>) -> Request {
    let attributes = &point.attributes;
    let status = ["http.response.status_code", "http.status_code"].iter().find_map(|name| attributes.whole(name));
    let status = status.and_then(|status| u16::try_from(status).ok()).unwrap_or(0);
    let exception = attributes.text("error.type").filter(|kind| status >= 500 && kind.parse::<u16>().is_err());
    // Old instrumentations put the template where the path was.
    let route = attributes.first_text(&["http.route", "http.target"]).unwrap_or_default();
    Request {
        time_ms: if point.time_ns == 0 { place.now_ms } else { millis(point.time_ns) },
        method: attributes.first_text(&["http.request.method", "http.method"]).unwrap_or_default().into_owned(),
        route: super::spans::with_slash(&route),
        status,
        tenant: tenant(place.source, attributes),
        exception: exception.map(Cow::into_owned),
        ..Request::default()
    }
}

/// The attributes of the series: those of the point, and which service it is unless it is the agent's own.
fn pairs<'a>(place: &Place<'a>, attributes: &Attributes<'a>) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    let short = |text: Cow<'a, str>, max: usize| if text.len() <= max { text } else { Cow::Owned(cut(&text, max).to_owned()) };
    let all = attributes.0.iter().filter(|(name, _)| !name.is_empty()).take(ATTRIBUTES_MAX);
    let mut pairs: Vec<_> = all
        .map(|(name, value)| (short(name.clone(), limit::NAME_BYTES_MAX), short(value.to_text(), limit::VALUE_BYTES_MAX)))
        .collect();
    if place.service != OWN {
        for name in ["service.name", "deployment.environment.name"] {
            let value = place.source.resource.text(name).filter(|_| pairs.iter().all(|(known, _)| known != name));
            pairs.extend(value.map(|value| (Cow::Borrowed(name), short(value, limit::VALUE_BYTES_MAX))));
        }
    }
    pairs
}

fn with_label(metric: &Metric<'_>, pairs: &[(Cow<'_, str>, Cow<'_, str>)], use_it: impl FnOnce(&Label<'_>)) {
    let attributes: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
    let unit = if metric.unit.is_empty() { "1" } else { cut(&metric.unit, limit::NAME_BYTES_MAX) };
    use_it(&Label { name: &metric.name, unit, attributes: &attributes });
}

fn stream_digest(place: &Place<'_>, metric: &Metric<'_>, point: &Point<'_>) -> u64 {
    let Source { digest, scope, .. } = place.source;
    digest_of(&(digest, scope, &metric.name, &metric.unit, &point.attributes, point.start_ns))
}

fn digest_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
