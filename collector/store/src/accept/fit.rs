//! Whether a batch fits together, and its records taken out of its frames.

use std::collections::HashSet;

use farol_shared::{batch::Tables, frame::Frame, limit::FUTURE_MS_MAX, record::Records, wire};

use super::Stop;
use crate::{
    agents::Agent,
    error::Refused,
    model::{Incoming, ResourceId},
};

/// Records have times of their own, which other clocks gave: none may lie further ahead than a frame may.
fn bound_times(records: &mut Records, latest_ms: i64) {
    let requests = records.recent.iter_mut().chain(&mut records.slow).map(|one| &mut one.time_ms);
    let errors = records.errors.iter_mut().map(|one| &mut one.time_ms);
    let events = records.events.iter_mut().map(|one| &mut one.time_ms);
    let logs = records.logs.iter_mut().map(|one| &mut one.time_ms);
    let checks = records.checks.iter_mut().map(|one| &mut one.time_ms);
    requests.chain(errors).chain(events).chain(logs).chain(checks).for_each(|time_ms| *time_ms = (*time_ms).min(latest_ms));
}

/// Takes the records out of the frames, with their resources' numbers and their times.
pub(super) fn take_records(frames: &mut [Frame], agent: &Agent) -> Vec<(ResourceId, i64, Records)> {
    let mut all = Vec::new();
    for frame in frames {
        for mut records in std::mem::take(&mut frame.records) {
            let table = usize::try_from(records.resource).ok().and_then(|place| agent.tables.get(place));
            let (table, _) = table.expect("check_shape and check_rows refuse records of resources that are not in the tables");
            if !records.is_empty() {
                bound_times(&mut records, frame.time_ms.saturating_add(FUTURE_MS_MAX));
                all.push((table.resource, frame.time_ms, records));
            }
        }
    }
    all
}

/// Decodes the tables of a batch and checks that they and the frames fit.
pub(super) fn check_tables(batch: &Incoming) -> Result<Tables, Stop> {
    let refuse = |error: wire::WireError| Stop::Refused(Refused::Tables(error.to_string()));
    let tables = wire::decode_tables(&batch.tables).map_err(refuse)?;
    wire::check_shape(batch, &tables).map_err(refuse)?;
    let twice = |what: &str| Err(Stop::Refused(Refused::Tables(format!("{what} stands twice"))));
    let mut resources = HashSet::new();
    for table in &tables.0 {
        if !resources.insert(&table.resource.key) {
            return twice("a resource");
        }
        let mut series = HashSet::with_capacity(table.series.len());
        if !table.series.iter().all(|key| series.insert(key)) {
            return twice("a series");
        }
    }
    Ok(tables)
}

/// Checks that frames fit the tables that are known.
pub(super) fn check_rows(frames: &[Frame], agent: &Agent) -> Result<(), Stop> {
    let is_known = |place: u32| usize::try_from(place).is_ok_and(|place| place < agent.tables.len());
    let fits = |frame: &Frame| {
        frame.rows.len() <= agent.tables.len()
            && frame.records.iter().all(|records| is_known(records.resource))
            && frame.rows.iter().zip(&agent.tables).all(|(row, (table, _))| row.0.len() <= table.series.len())
    };
    if frames.iter().all(fits) {
        Ok(())
    } else {
        Err(Stop::Refused(Refused::Tables("a frame does not fit the tables".to_owned())))
    }
}
