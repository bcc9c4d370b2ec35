//! Export of series and figures: a table with a row a point, or with a row an instant and a column a series.

use std::{collections::HashMap, sync::Arc};

use farol_store::{Across, Aggregate, ResourceId, ResourceInfo, SeriesInfo};

use super::{
    ExportError, Format, Source, Style, Zone,
    days::Grid,
    figure::{Figure, Scope},
    format::Sheet,
};

mod lane;
mod pass;

use lane::Lane;
use pass::Pass;

/// How points become rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Layout {
    /// A row a point.
    #[default]
    Long,
    /// A row an instant, a column a series.
    Wide,
}

/// What is to be exported, checked.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Whose history.
    pub scope: Scope,
    /// In the order of the file.
    pub parts: Vec<Part>,
    /// What the resources of the series are called.
    pub names: HashMap<ResourceId, Arc<Named>>,
    /// Start, in milliseconds since the epoch.
    pub from_ms: i64,
    /// End, in milliseconds since the epoch.
    pub to_ms: i64,
    /// Length of a step, in milliseconds; 0 for samples as they were taken.
    pub step_ms: i64,
    /// By whose clocks times are told and days begin.
    pub zone: Zone,
    /// How points become rows.
    pub layout: Layout,
    /// What the file is.
    pub format: Format,
    /// How CSV is written.
    pub style: Style,
    /// Whether each point is told with the one a step before, and by how much it changed.
    pub is_compared: bool,
}

impl Wanted {
    /// Names of the metrics and figures.
    #[must_use]
    pub fn metrics(&self) -> Vec<&str> {
        self.parts.iter().filter_map(Part::metric).collect()
    }

    /// Columns of points.
    #[must_use]
    pub fn columns(&self) -> usize {
        let columns = |part: &Part| match part {
            Part::Series { series, across: Across::None, .. } => series.len(),
            Part::Series { .. } | Part::Figure(_) => 1,
        };
        self.parts.iter().map(columns).sum()
    }
}

/// One metric or figure.
#[derive(Debug, Clone)]
pub enum Part {
    /// Series of one metric, by resource and number.
    Series {
        /// Which.
        series: Vec<SeriesInfo>,
        /// How the samples of a step become a point.
        aggregate: Aggregate,
        /// How several series become one.
        across: Across,
    },
    /// A figure.
    Figure(&'static Figure),
}

impl Part {
    /// Name of the metric or figure; none when nothing has it.
    fn metric(&self) -> Option<&str> {
        match self {
            Self::Figure(figure) => Some(figure.name),
            Self::Series { series, .. } => series.first().map(SeriesInfo::metric),
        }
    }
}

/// How a resource is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// Its stable identity.
    pub key: String,
    /// What people call it.
    pub name: String,
    /// Its tenant.
    pub tenant: Option<String>,
    /// Its agent's sampling interval, in milliseconds.
    pub interval_ms: i64,
    /// Time of its first sample, in milliseconds since the epoch. Of a series that is not known: what comes late is older.
    pub first_seen_ms: i64,
}

/// What a column of points is.
#[derive(Debug, Clone)]
struct Label {
    resource: Arc<Named>,
    metric: Arc<str>,
    attributes: Arc<[(String, String)]>,
    unit: Arc<str>,
}

impl Named {
    /// How a resource is told.
    #[must_use]
    pub fn of(info: &ResourceInfo) -> Self {
        Self {
            key: info.resource.key.clone(),
            name: info.resource.name().to_owned(),
            tenant: info.resource.tenant.clone(),
            interval_ms: i64::try_from(info.interval_ms).unwrap_or(i64::MAX),
            first_seen_ms: info.first_seen_ms,
        }
    }
}

impl Label {
    /// A heading for people.
    fn heading(&self, by_key: bool) -> String {
        let name = if by_key { &self.resource.key } else { &self.resource.name };
        let attributes: Vec<String> = self.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let braces = if attributes.is_empty() { String::new() } else { format!("{{{}}}", attributes.join(",")) };
        let space = if name.is_empty() { "" } else { " " };
        format!("{name}{space}{}{braces} [{}]", self.metric, self.unit)
    }
}

/// Writes the file.
#[derive(Debug)]
pub struct Series {
    sheet: Sheet,
    passes: std::vec::IntoIter<Pass>,
    pass: Option<Pass>,
    has_begun: bool,
}

impl Series {
    /// Prepares the file.
    #[must_use]
    pub fn new(wanted: &Wanted) -> Self {
        let grid = (wanted.step_ms > 0).then(|| Grid::new(wanted.step_ms, wanted.zone));
        let range = match grid {
            Some(grid) => (grid.start(wanted.from_ms), grid.end(wanted.to_ms)),
            None => (wanted.from_ms, wanted.to_ms),
        };
        let lanes = lane::lanes(wanted, grid, range);
        let columns = columns(wanted, &lanes);
        let is_wide = wanted.layout == Layout::Wide;
        let sheet = Sheet::new(wanted.format, wanted.style, wanted.zone, columns, is_wide);
        let pass = |lanes| Pass::new(lanes, grid, range, is_wide, wanted.is_compared);
        let passes: Vec<Pass> =
            if is_wide { vec![pass(lanes)] } else { lanes.into_iter().map(|lane| pass(vec![lane])).collect() };
        Self { sheet, passes: passes.into_iter(), pass: None, has_begun: false }
    }
}

/// The names of the columns.
fn columns(wanted: &Wanted, lanes: &[Lane]) -> Vec<String> {
    let mut columns = vec!["time".to_owned()];
    if wanted.layout == Layout::Long {
        columns.extend(["resource", "name", "tenant", "metric", "attributes", "unit", "value"].map(str::to_owned));
        if wanted.is_compared {
            columns.extend(["previous", "change"].map(str::to_owned));
        }
        return columns;
    }
    let labels = || lanes.iter().flat_map(Lane::labels);
    let mut seen: HashMap<String, usize> = HashMap::new();
    for label in labels() {
        *seen.entry(label.heading(false)).or_default() += 1;
    }
    let mut used: HashMap<String, usize> = HashMap::new();
    for label in labels() {
        // Two resources may have one name: then their keys tell them apart.
        let heading = label.heading(seen[&label.heading(false)] > 1);
        let times = used.entry(heading.clone()).or_default();
        *times += 1;
        columns.push(if *times > 1 { format!("{heading} #{times}") } else { heading });
    }
    columns
}

impl Source for Series {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, ExportError> {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.sheet.begin(out);
        }
        if self.pass.is_none() {
            self.pass = self.passes.next();
        }
        let Some(pass) = &mut self.pass else {
            self.sheet.end(out);
            return Ok(false);
        };
        if !pass.next(&mut self.sheet, out)? {
            self.pass = None;
        }
        Ok(true)
    }

    fn rows(&self) -> u64 {
        self.sheet.rows()
    }
}
