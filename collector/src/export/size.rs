//! How large an export will be: told before it is made, by what is known of its series.

use serde::Serialize;
use utoipa::ToSchema;

use farol_store::Across;

use super::{Format, Layout, Wanted, days::Grid, series::Part};

/// Bytes of a number and what separates it from the next.
const NUMBER_BYTES: u64 = 10;

/// Bytes of a time in ISO 8601.
const TIME_BYTES: u64 = 27;

/// Bytes of the names of fields of an object in a long row.
const FIELDS_BYTES: u64 = 90;

/// About how much an export will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ExportSize)]
pub struct Size {
    /// How many series or figures.
    pub series: u64,
    /// About how many rows.
    pub rows: u64,
    /// About how many bytes.
    pub bytes: u64,
    /// Where it begins, in milliseconds since the epoch.
    pub from: i64,
    /// Where it ends, in milliseconds since the epoch.
    pub to: i64,
    /// Length of a step, in milliseconds; 0 for samples as they were taken.
    pub step: i64,
}

/// What one series adds.
#[derive(Debug, Clone, Copy)]
struct Column {
    points: u64,
    /// Bytes that tell which series it is.
    label: u64,
}

/// Estimates what is wanted.
#[must_use]
pub fn estimate(wanted: &Wanted) -> Size {
    let columns: Vec<Column> = wanted.parts.iter().flat_map(|part| columns(wanted, part)).collect();
    let points = || columns.iter().map(|column| column.points);
    let (rows, bytes) = match wanted.layout {
        Layout::Long => {
            let fields = if wanted.format == Format::Csv { 8 } else { FIELDS_BYTES };
            let row = |column: &Column| column.points * (TIME_BYTES + NUMBER_BYTES + fields + column.label);
            (points().sum(), columns.iter().map(row).sum())
        }
        Layout::Wide => {
            let rows = points().max().unwrap_or(0);
            let cell = |column: &Column| match wanted.format {
                Format::Csv => rows + column.points * NUMBER_BYTES,
                Format::Json | Format::Ndjson => column.points * (NUMBER_BYTES + column.label + 4),
            };
            (rows, rows * TIME_BYTES + columns.iter().map(cell).sum::<u64>())
        }
    };
    let series = u64::try_from(columns.len()).unwrap_or(u64::MAX);
    Size { series, rows, bytes, from: wanted.from_ms, to: wanted.to_ms, step: wanted.step_ms }
}

fn columns(wanted: &Wanted, part: &Part) -> Vec<Column> {
    let (series, across) = match part {
        Part::Figure(figure) => {
            let points = points(wanted, (wanted.from_ms, wanted.to_ms), wanted.step_ms);
            return vec![Column { points, label: len(figure.name) + len(figure.unit) }];
        }
        Part::Series { series, across, .. } => (series, *across),
    };
    let mut columns = Vec::new();
    for one in series {
        let Some(named) = wanted.names.get(&one.resource) else { continue };
        let range = (wanted.from_ms.max(named.first_seen_ms), wanted.to_ms.min(one.last_seen_ms + 1_000));
        let points = points(wanted, range, named.interval_ms);
        if points == 0 {
            continue;
        }
        let attributes: u64 = one.attributes().iter().map(|(key, value)| len(key) + len(value) + 2).sum();
        let label = len(&named.key) + len(&named.name) + len(one.metric()) + len(one.unit()) + attributes;
        columns.push(Column { points, label });
    }
    if across != Across::None {
        // All of them are one.
        let most = columns.iter().map(|column| column.points).max();
        columns = most.map(|points| Column { points, label: 40 }).into_iter().collect();
    }
    columns
}

/// About how many points there are in a range.
fn points(wanted: &Wanted, (from_ms, to_ms): (i64, i64), interval_ms: i64) -> u64 {
    if from_ms >= to_ms {
        return 0;
    }
    let steps = if wanted.step_ms > 0 {
        let grid = Grid::new(wanted.step_ms, wanted.zone);
        (grid.end(to_ms) - grid.start(from_ms)) / wanted.step_ms
    } else {
        (to_ms - from_ms) / interval_ms.max(1) + 1
    };
    u64::try_from(steps).unwrap_or(0)
}

fn len(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}
