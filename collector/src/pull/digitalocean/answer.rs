//! DigitalOcean's answers, read: matrices as Prometheus writes them, their numbers as text.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    api::parameters::instant,
    pull::{
        PollError,
        infra::{self, Deployment, Points},
        parse::number,
    },
};

/// Most points that are kept of one series.
const POINTS_MAX: usize = 400;

/// Most series of one answer. A machine has a few modes of CPU and a few disks.
const SERIES_MAX: usize = 100;

/// A series with its labels.
pub(super) type Series = (BTreeMap<String, String>, Points);

/// Series of one answer.
pub(super) type Matrix = Vec<Series>;

#[derive(Deserialize)]
struct Whole {
    status: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    metric: BTreeMap<String, Value>,
    values: Vec<(Value, Value)>,
}

/// Reads a matrix.
///
/// # Errors
/// [`PollError::bad_answer`] for another shape, or when it says that it failed.
pub(super) fn matrix(body: &[u8], asked: &str) -> Result<Matrix, PollError> {
    let whole: Whole = infra::json(body, asked)?;
    if whole.status != "success" {
        return Err(
            PollError::bad_answer(format!("DigitalOcean says {} to {asked}", infra::shown(&whole.status))).with_status(200)
        );
    }
    let series = |row: Row| {
        let labels = row.metric.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
        let read = |(time, value): &(Value, Value)| Some((seconds_ms(time)?, number(value)?));
        let mut points: Points = row.values.iter().filter_map(read).collect();
        infra::order(&mut points, POINTS_MAX);
        (labels.collect(), points)
    };
    Ok(whole.data.result.into_iter().take(SERIES_MAX).map(series).collect())
}

fn seconds_ms(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| format!("{:.0}", number(value)?).parse().ok())?.checked_mul(1_000)
}

/// The share of CPU in use, of seconds counted by mode: one less what was idle of all that passed. Where a counter fell, the
/// machine was started anew, and the stretch is unknown.
pub(super) fn cpu(matrix: &Matrix) -> Points {
    let mut at: BTreeMap<i64, BTreeMap<&str, f64>> = BTreeMap::new();
    for (labels, points) in matrix {
        let Some(mode) = labels.get("mode") else { continue };
        for (time, value) in points {
            // Modes may come for each core.
            *at.entry(*time).or_default().entry(mode).or_default() += value;
        }
    }
    let all: Vec<_> = at.into_iter().collect();
    let pairs = all.windows(2).filter_map(|pair| {
        let [(_, before), (time, after)] = pair else { return None };
        if before.len() != after.len() {
            return None;
        }
        let grown: Option<Vec<(&str, f64)>> = after
            .iter()
            .map(|(mode, value)| Some((*mode, value - before.get(mode)?)).filter(|(_, grown)| *grown >= 0.0))
            .collect();
        let grown = grown?;
        let total: f64 = grown.iter().map(|(_, seconds)| seconds).sum();
        let idle: f64 = grown.iter().filter(|(mode, _)| *mode == "idle").map(|(_, seconds)| seconds).sum();
        infra::share(total - idle, total).map(|share| (*time, share))
    });
    pairs.collect()
}

/// The mean of all series at each time that one of them has.
pub(super) fn mean(matrix: &Matrix) -> Points {
    let mut at: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
    for (time, value) in matrix.iter().flat_map(|(_, points)| points) {
        let (sum, count) = at.entry(*time).or_default();
        (*sum, *count) = (*sum + value, *count + 1.0);
    }
    at.into_iter().map(|(time, (sum, count))| (time, sum / count)).collect()
}

/// The sum of all series at each time.
pub(super) fn sum(matrix: &Matrix) -> Points {
    let mut at: BTreeMap<i64, f64> = BTreeMap::new();
    for (time, value) in matrix.iter().flat_map(|(_, points)| points) {
        *at.entry(*time).or_default() += value;
    }
    at.into_iter().collect()
}

/// The fullest file system: of each that both matrices have, what is not free of its size.
pub(super) fn disk(size: &Matrix, free: &Matrix) -> Points {
    let mut at: BTreeMap<i64, f64> = BTreeMap::new();
    for (labels, sizes) in size {
        let same = |other: &&Series| ["device", "mountpoint"].iter().all(|label| other.0.get(*label) == labels.get(*label));
        let Some((_, frees)) = free.iter().find(same) else { continue };
        for (time, used) in infra::together(sizes, frees, |size, free| infra::share(size - free, size)) {
            let fullest = at.entry(time).or_insert(used);
            *fullest = fullest.max(used);
        }
    }
    at.into_iter().collect()
}

/// Reads the deployments of an app.
///
/// # Errors
/// [`PollError::bad_answer`] for another shape.
pub(super) fn deployments(body: &[u8], app: &str) -> Result<Vec<Deployment>, PollError> {
    #[derive(Deserialize)]
    struct Listed {
        deployments: Vec<Row>,
    }
    #[derive(Deserialize)]
    struct Row {
        phase: String,
        created_at: Option<String>,
    }
    let listed: Listed = infra::json(body, "deployments")?;
    let deployment = |row: Row| Deployment {
        name: app.to_owned(),
        state: infra::shown(&row.phase.to_lowercase()),
        at: row.created_at.as_deref().and_then(instant::parse),
        url: None,
    };
    Ok(listed.deployments.into_iter().take(infra::DEPLOYMENTS_MAX).map(deployment).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn answer(result: &Value) -> Matrix {
        let whole = json!({ "status": "success", "data": { "resultType": "matrix", "result": result } });
        matrix(whole.to_string().as_bytes(), "cpu").unwrap()
    }

    #[test]
    fn cpu_in_use_is_what_was_not_idle_of_what_passed() {
        let cpu_seconds = answer(&json!([
            { "metric": { "mode": "idle" }, "values": [[60, "100.0"], [120, "145.0"], [180, "5"], [240, "35"]] },
            { "metric": { "mode": "user" }, "values": [[60, "10"], [120, "20"], [180, "1"], [240, "21"]] },
            { "metric": { "mode": "system" }, "values": [[60, "5"], [120, "10"], [180, "1"], [240, "11"]] }
        ]));
        // The machine was started anew before 180.
        assert_eq!(cpu(&cpu_seconds), [(120_000, 0.25), (240_000, 0.5)]);
    }

    #[test]
    fn the_fullest_file_system_counts() {
        let of = |root: &str, data: &str| {
            answer(&json!([
                { "metric": { "device": "/dev/vda1", "mountpoint": "/" }, "values": [[60, root]] },
                { "metric": { "device": "/dev/sda", "mountpoint": "/data" }, "values": [[60, data]] }
            ]))
        };
        assert_eq!(disk(&of("100", "1000"), &of("50", "100")), [(60_000, 0.9)]);
    }

    #[test]
    fn series_of_instances_are_averaged_and_of_interfaces_added() {
        let two = answer(&json!([{ "metric": {}, "values": [[60, "10"], [120, "20"]] }, { "metric": {}, "values": [[60, 30]] }]));
        assert_eq!(mean(&two), [(60_000, 20.0), (120_000, 20.0)]);
        assert_eq!(sum(&two), [(60_000, 40.0), (120_000, 20.0)]);
    }

    #[test]
    fn an_answer_that_says_it_failed_is_no_data() {
        assert!(matrix(br#"{"status":"error","data":{"result":[]}}"#, "cpu").is_err());
        assert_eq!(matrix(br#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#, "cpu").unwrap().len(), 0);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            assert!(matrix(&bytes, "cpu").is_err() && deployments(&bytes, "app").is_err());
        }
    }
}
