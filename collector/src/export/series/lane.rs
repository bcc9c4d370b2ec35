//! A lane: series that are read together, or a figure.

use std::sync::Arc;

use farol_store::{Across, Aggregate, POINTS_MAX, Query, QueryError, ResourceId, SeriesInfo, Store};

use super::{Grid, Label, Named, Part, Wanted};
use crate::export::{
    SLICE_POINTS_MAX,
    figure::{Figure, Teller},
};

/// Series of a lane: so few that a slice of samples is about as long as the blocks that history is read by.
const SERIES_AT_ONCE: usize = 16;

/// The last time of a series is known to the second, and clocks of agents may be wrong by some minutes.
const SLACK_MS: i64 = 15 * 60_000;

/// Series that are read together.
#[derive(Debug)]
pub(super) struct Lane {
    labels: Vec<Label>,
    /// Series that are read for a point of each label.
    weight: usize,
    /// When there may be points, in milliseconds since the epoch.
    pub(super) extent: (i64, i64),
    /// Typical distance of samples, in milliseconds.
    pub(super) interval_ms: i64,
    reads: Reads,
}

#[derive(Debug)]
enum Reads {
    Series {
        store: Store,
        query: Query,
        /// Numbers of the series, ascending; unused when they become one.
        ids: Vec<u32>,
    },
    Figure(&'static Figure, Box<Teller>),
}

/// The points of each label.
pub(super) type Columns = Vec<Vec<(i64, f64)>>;

impl Lane {
    pub(super) fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// Points that one step costs.
    pub(super) fn weight(&self) -> usize {
        self.weight.max(self.labels.len())
    }

    /// The points of a stretch, whose ends are starts of steps.
    ///
    /// # Errors
    /// [`QueryError::TooManyPoints`] when samples are denser than `points` in it.
    pub(super) fn read(&mut self, grid: Option<Grid>, (from_ms, to_ms): (i64, i64), points: u32) -> Result<Columns, QueryError> {
        let (store, query, ids) = match &mut self.reads {
            Reads::Figure(figure, teller) => return Ok(vec![teller.points(figure, from_ms, to_ms)?.into_iter().collect()]),
            Reads::Series { store, query, ids } => (store, query, ids),
        };
        (query.from_ms, query.to_ms) = (from_ms, to_ms);
        let found = match grid {
            Some(grid) => grid.ask(store, query)?,
            None => {
                query.max_points = points.min(POINTS_MAX);
                store.query(query)?.series
            }
        };
        let mut columns: Columns = vec![Vec::new(); self.labels.len()];
        for series in found {
            let index = if query.across == Across::None { ids.binary_search(&series.series.id).ok() } else { Some(0) };
            // A series that came up since the file began is not in it.
            if let Some(column) = index.and_then(|index| columns.get_mut(index)) {
                *column = series.points;
            }
        }
        Ok(columns)
    }
}

/// Everything that is wanted, as lanes.
pub(super) fn lanes(wanted: &Wanted, grid: Option<Grid>, range: (i64, i64)) -> Vec<Lane> {
    let mut lanes = Vec::new();
    for part in &wanted.parts {
        match part {
            Part::Figure(figure) => lanes.push(of_figure(wanted, figure, range)),
            Part::Series { series, aggregate, across } => {
                let is_within = |series: &&SeriesInfo| {
                    let first_ms = named(wanted, series.resource).first_seen_ms;
                    first_ms - SLACK_MS < range.1 && series.last_seen_ms + SLACK_MS >= range.0
                };
                let mut seen: Vec<&SeriesInfo> = series.iter().filter(is_within).collect();
                seen.sort_by_key(|series| (series.resource, series.id));
                if *across == Across::None {
                    lanes.extend(groups(&seen).map(|group| of_series(wanted, group, (*aggregate, *across), range)));
                } else if !seen.is_empty() {
                    lanes.push(of_series(wanted, &seen, (*aggregate, *across), range));
                }
            }
        }
    }
    debug_assert!(grid.is_some() || lanes.iter().all(|lane| matches!(lane.reads, Reads::Series { .. })));
    lanes
}

fn named(wanted: &Wanted, id: ResourceId) -> Arc<Named> {
    wanted.names.get(&id).cloned().unwrap_or_default()
}

/// Whole resources, so that no question reads a series of another lane; about [`SERIES_AT_ONCE`] series in each.
fn groups<'a, 'b>(series: &'b [&'a SeriesInfo]) -> impl Iterator<Item = &'b [&'a SeriesInfo]> {
    let mut rest = series;
    std::iter::from_fn(move || {
        let mut end = 0;
        for resource in rest.chunk_by(|a, b| a.resource == b.resource) {
            if end > 0 && end + resource.len() > SERIES_AT_ONCE {
                break;
            }
            end += resource.len();
        }
        let (group, behind) = rest.split_at(end);
        rest = behind;
        (!group.is_empty()).then_some(group)
    })
}

fn of_series(wanted: &Wanted, group: &[&SeriesInfo], (aggregate, across): (Aggregate, Across), range: (i64, i64)) -> Lane {
    let first = group[0];
    let (metric, unit): (Arc<str>, Arc<str>) = (first.metric().into(), unit(first.unit(), aggregate).into());
    let mut ids: Vec<u32> = group.iter().map(|series| series.id).collect();
    let mut by_id: Vec<&&SeriesInfo> = group.iter().collect();
    by_id.sort_by_key(|series| series.id);
    ids.sort_unstable();
    let label = |series: &SeriesInfo| Label {
        resource: named(wanted, series.resource),
        metric: Arc::clone(&metric),
        attributes: series.attributes().into(),
        unit: Arc::clone(&unit),
    };
    let labels = if across == Across::None {
        by_id.into_iter().map(|series| label(series)).collect()
    } else {
        let is_common = |pair: &&(String, String)| group.iter().all(|other| other.attributes().contains(pair));
        let attributes: Vec<(String, String)> = first.attributes().iter().filter(is_common).cloned().collect();
        vec![Label { resource: of_all(wanted), metric: Arc::clone(&metric), attributes: attributes.into(), unit }]
    };
    let mut resources: Vec<ResourceId> = group.iter().map(|series| series.resource).collect();
    resources.dedup();
    let interval_ms = resources.iter().map(|id| named(wanted, *id).interval_ms).min().unwrap_or(0);
    let first_ms = resources.iter().map(|id| named(wanted, *id).first_seen_ms).min().unwrap_or(range.0);
    let last_ms = group.iter().map(|series| series.last_seen_ms).max().unwrap_or(range.1);
    let query = Query { metric: metric.to_string(), resources, attributes: common(group), aggregate, across, ..Query::default() };
    Lane {
        labels,
        weight: group.len(),
        extent: (first_ms - SLACK_MS, last_ms + SLACK_MS),
        interval_ms: interval_ms.max(100),
        reads: Reads::Series { store: wanted.scope.store.clone(), query, ids },
    }
}

/// What all of them have in common: the store then reads no series beside them that has it not.
fn common(group: &[&SeriesInfo]) -> Vec<(String, String)> {
    let is_common = |pair: &&(String, String)| group.iter().all(|series| series.attributes().contains(pair));
    group[0].attributes().iter().filter(is_common).cloned().collect()
}

fn of_figure(wanted: &Wanted, figure: &'static Figure, range: (i64, i64)) -> Lane {
    let known = wanted.scope.store.resources();
    let first_ms = known.iter().map(|info| info.first_seen_ms).min().unwrap_or(range.1);
    let label =
        Label { resource: of_all(wanted), metric: figure.name.into(), attributes: Arc::new([]), unit: figure.unit.into() };
    Lane {
        labels: vec![label],
        weight: known.len().clamp(1, SLICE_POINTS_MAX / 16),
        extent: (first_ms - SLACK_MS, range.1),
        interval_ms: wanted.step_ms.max(100),
        reads: Reads::Figure(figure, Box::new(Teller::new(wanted.scope.clone(), wanted.step_ms, wanted.zone))),
    }
}

/// What stands for all resources together.
fn of_all(wanted: &Wanted) -> Arc<Named> {
    Arc::new(Named { tenant: wanted.scope.tenant.clone(), ..Named::default() })
}

/// The unit of what an aggregate makes.
pub(crate) fn unit(unit: &str, aggregate: Aggregate) -> String {
    match aggregate {
        Aggregate::Rate => format!("{unit}/s"),
        Aggregate::Count => "{sample}".to_owned(),
        Aggregate::Mean
        | Aggregate::Min
        | Aggregate::Max
        | Aggregate::Sum
        | Aggregate::Last
        | Aggregate::Increase
        | Aggregate::Raw => unit.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use farol_shared::{batch::SeriesKey, metric::Kind};

    use super::*;

    #[test]
    fn lanes_hold_whole_resources() {
        let key = Arc::new(SeriesKey { metric: "m".to_owned(), unit: "1".to_owned(), kind: Kind::Gauge, attributes: Vec::new() });
        let series = |resource, id| SeriesInfo { id, resource, key: Arc::clone(&key), first_seen_ms: 0, last_seen_ms: 0 };
        let mut all: Vec<SeriesInfo> = (0..20).map(|id| series(1, id)).collect();
        all.extend((0..10).map(|id| series(2, 20 + id)));
        all.extend((0..6).map(|id| series(3, 30 + id)));
        all.push(series(4, 36));
        let references: Vec<&SeriesInfo> = all.iter().collect();
        let sizes: Vec<usize> = groups(&references).map(<[_]>::len).collect();
        assert_eq!(sizes, [20, 16, 1], "one that is too large alone, two together, the rest");
    }
}
