//! `GET /api/monitoring/history`: CPU, memory and disk of each resource against its limits, over the last minutes.

use std::collections::{BTreeMap, HashMap};

use axum::{extract::Request, response::Response};
use farol_store::{Aggregate, Query, ResourceId, SeriesInfo, Store};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App, aside, json_bytes, named,
    parameters::{Parameters, Range, wrong},
    store_problem,
};
use crate::{access::View, number, problem::Problem};

/// Most resources of one answer.
const RESOURCES_MAX: usize = 100;

/// Most points a series: two hours in steps of five seconds.
const POINTS: u32 = 1_440;

/// Points by time.
type Points = BTreeMap<i64, f64>;

/// History of each resource.
#[derive(Debug, Serialize, ToSchema)]
pub struct History {
    /// Start, in milliseconds since the epoch.
    pub from: i64,
    /// End, in milliseconds since the epoch.
    pub to: i64,
    /// Distance of points, in milliseconds.
    pub step: i64,
    /// One entry a resource.
    pub series: Vec<Entry>,
    /// The figures that other front ends ask for by name, of all resources: `[milliseconds since the epoch, value]` in time order; of
    /// requests a point a minute.
    #[schema(value_type = std::collections::HashMap<String, Vec<Vec<f64>>>)]
    pub metrics: BTreeMap<&'static str, named::Points>,
}

/// History of one resource: `[milliseconds since the epoch, ratio]` in time order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HistoryEntry)]
pub struct Entry {
    /// Number of the resource.
    pub resource: ResourceId,
    /// What people call it.
    pub name: String,
    /// CPU in use against the limit.
    #[serde(serialize_with = "points")]
    #[schema(value_type = Vec<Vec<f64>>)]
    pub cpu_ratio: Points,
    /// Memory in use against the limit.
    #[serde(serialize_with = "points")]
    #[schema(value_type = Vec<Vec<f64>>)]
    pub memory_ratio: Points,
    /// Space in use of the fullest file system.
    #[serde(serialize_with = "points")]
    #[schema(value_type = Vec<Vec<f64>>)]
    pub disk_ratio: Points,
}

fn points<S: serde::Serializer>(points: &Points, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(points.iter().map(|(time_ms, value)| (*time_ms, number::concise(*value))))
}

/// Answers the history.
pub(super) async fn history(app: App, request: Request) -> Result<Response, Problem> {
    let parameters = Parameters::of(request.uri(), &["minutes", "resource"])?;
    let minutes = parameters.number("minutes", 120, 1, 1_440)?;
    let resources = parameters.resources()?;
    if resources.len() > RESOURCES_MAX {
        return Err(wrong("resource", format!("names {} resources, the limit is {RESOURCES_MAX}", resources.len())));
    }
    let (view, to_ms) = (View::of(&request)?, app.now_ms());
    let range = Range { from_ms: to_ms - i64::from(minutes) * 60_000, to_ms };
    let bytes = aside(&request, move || {
        let names = names(&app, &view, &resources, range.to_ms);
        let step_ms = i64::from(minutes) * 60_000 / i64::from(POINTS);
        let gather =
            Gather { store: &app.parts().store, range, step_ms: step_ms.max(1_000), resources: names.keys().copied().collect() };
        let series = if names.is_empty() { Vec::new() } else { gather.entries(names)? };
        let metrics = named::history(&app, &view, range, gather.step_ms)?;
        let history = History { from: range.from_ms, to: range.to_ms, step: gather.step_ms, series, metrics };
        serde_json::to_vec(&history).map_err(|_| Problem::internal())
    });
    Ok(json_bytes(bytes.await?))
}

/// The resources that were asked for, or the first of those listed.
fn names(app: &App, view: &View, resources: &[ResourceId], now_ms: i64) -> BTreeMap<ResourceId, String> {
    let is_wanted = |id: ResourceId| resources.is_empty() || resources.contains(&id);
    let listed = super::resources::entries(app, view, now_ms, !resources.is_empty());
    listed.into_iter().filter(|entry| is_wanted(entry.id)).take(RESOURCES_MAX).map(|entry| (entry.id, entry.name)).collect()
}

struct Gather<'a> {
    store: &'a Store,
    range: Range,
    step_ms: i64,
    resources: Vec<ResourceId>,
}

/// What one resource has of one quantity, by the group (mount point) that it belongs to.
type Sums = HashMap<ResourceId, HashMap<String, Points>>;

impl Gather<'_> {
    fn entries(&self, names: BTreeMap<ResourceId, String>) -> Result<Vec<Entry>, Problem> {
        let all = |_: &SeriesInfo| Some(String::new());
        let busy = |series: &SeriesInfo| (!matches!(attribute(series, "cpu.mode"), "idle" | "iowait")).then(String::new);
        let used_memory = |series: &SeriesInfo| (attribute(series, "system.memory.state") == "used").then(String::new);
        let space = |state: &'static str| {
            move |series: &SeriesInfo| {
                let mount = attribute(series, "system.filesystem.mountpoint");
                (attribute(series, "system.filesystem.state") == state).then(|| mount.to_owned())
            }
        };
        let rate = |metric, group: &dyn Fn(&SeriesInfo) -> Option<String>| self.sum(metric, Aggregate::Rate, group);
        let mean = |metric, group: &dyn Fn(&SeriesInfo) -> Option<String>| self.sum(metric, Aggregate::Mean, group);
        let mut cpu = ratio(&rate("container.cpu.time", &all)?, &mean("container.cpu.limit", &all)?);
        let mut host_cpu = ratio(&rate("system.cpu.time", &busy)?, &mean("system.cpu.limit", &all)?);
        let mut memory = ratio(&mean("container.memory.working_set", &all)?, &mean("container.memory.limit", &all)?);
        let mut host_memory = ratio(&mean("system.memory.usage", &used_memory)?, &mean("system.memory.limit", &all)?);
        let (used, free) = (mean("system.filesystem.usage", &space("used"))?, mean("system.filesystem.usage", &space("free"))?);
        let mut disk = ratio(&used, &plus(&used, free));
        let take = |own: &mut HashMap<ResourceId, Points>, host: &mut HashMap<ResourceId, Points>, id: ResourceId| {
            own.remove(&id).or_else(|| host.remove(&id)).unwrap_or_default()
        };
        Ok(names
            .into_iter()
            .map(|(resource, name)| Entry {
                resource,
                name,
                cpu_ratio: take(&mut cpu, &mut host_cpu, resource),
                memory_ratio: take(&mut memory, &mut host_memory, resource),
                disk_ratio: disk.remove(&resource).unwrap_or_default(),
            })
            .collect())
    }

    /// Sums of the series of a metric, by resource and group.
    fn sum(&self, metric: &str, aggregate: Aggregate, group: &dyn Fn(&SeriesInfo) -> Option<String>) -> Result<Sums, Problem> {
        let question = Query {
            metric: metric.to_owned(),
            resources: self.resources.clone(),
            from_ms: self.range.from_ms,
            to_ms: self.range.to_ms,
            step_ms: self.step_ms,
            aggregate,
            max_points: POINTS + 1,
            ..Query::default()
        };
        let answer = self.store.query(&question).map_err(|error| store_problem(&error))?;
        let mut sums = Sums::new();
        for found in answer.series {
            let Some(group) = group(&found.series) else { continue };
            let sum = sums.entry(found.series.resource).or_default().entry(group).or_default();
            for (time_ms, value) in found.points {
                *sum.entry(time_ms).or_insert(0.0) += value;
            }
        }
        Ok(sums)
    }
}

fn plus(left: &Sums, mut right: Sums) -> Sums {
    for (resource, groups) in left {
        for (group, points) in groups {
            let sum = right.entry(*resource).or_default().entry(group.clone()).or_default();
            for (time_ms, value) in points {
                *sum.entry(*time_ms).or_insert(0.0) += value;
            }
        }
    }
    right
}

/// Part against whole where both are known; of several groups the fullest.
fn ratio(part: &Sums, whole: &Sums) -> HashMap<ResourceId, Points> {
    let mut ratios: HashMap<ResourceId, Points> = HashMap::new();
    for (resource, groups) in part {
        for (group, points) in groups {
            let Some(wholes) = whole.get(resource).and_then(|groups| groups.get(group)) else { continue };
            let all = ratios.entry(*resource).or_default();
            for (time_ms, value) in points {
                if let Some(whole) = wholes.get(time_ms).filter(|whole| **whole > 0.0) {
                    let most = all.entry(*time_ms).or_insert(0.0);
                    *most = most.max(value / whole);
                }
            }
        }
    }
    ratios
}

fn attribute<'a>(series: &'a SeriesInfo, key: &str) -> &'a str {
    series.attributes().iter().find(|(k, _)| k == key).map_or("", |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(resource: ResourceId, group: &str, points: &[(i64, f64)]) -> Sums {
        HashMap::from([(resource, HashMap::from([(group.to_owned(), points.iter().copied().collect())]))])
    }

    #[test]
    fn a_ratio_stands_where_both_sides_are_known() {
        let part = sums(1, "", &[(0, 1.0), (5, 2.0), (10, 3.0)]);
        let whole = sums(1, "", &[(0, 4.0), (10, 0.0)]);
        assert_eq!(ratio(&part, &whole)[&1], Points::from([(0, 0.25)]));
    }

    #[test]
    fn of_several_file_systems_the_fullest_counts() {
        let mut used = sums(1, "/", &[(0, 50.0)]);
        used.get_mut(&1).unwrap().insert("/var".to_owned(), Points::from([(0, 9.0)]));
        let mut free = sums(1, "/", &[(0, 50.0)]);
        free.get_mut(&1).unwrap().insert("/var".to_owned(), Points::from([(0, 1.0)]));
        assert_eq!(ratio(&used, &plus(&used, free))[&1], Points::from([(0, 0.9)]));
    }
}
