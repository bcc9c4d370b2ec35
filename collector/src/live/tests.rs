//! Tests of what is shown live.

use std::sync::Arc;

use farol_shared::{
    batch::SeriesKey,
    frame::{Frame, Row},
    metric::Kind,
};
use farol_store::{Committed, TableIds};

use super::*;

const NAN: f64 = f64::NAN;

fn table(resource: u32, series: &[(u32, &str, Kind)]) -> Arc<TableIds> {
    let keys = series.iter().map(|(_, metric, kind)| {
        Arc::new(SeriesKey { metric: (*metric).to_owned(), unit: "1".to_owned(), kind: *kind, attributes: Vec::new() })
    });
    Arc::new(TableIds { resource, series: series.iter().map(|(id, ..)| *id).collect(), keys: keys.collect() })
}

fn committed(agent: &str, tables: &[&Arc<TableIds>], frames: &[(i64, &[&[f64]])]) -> Committed {
    Committed {
        agent: agent.into(),
        boot: 1,
        seq: 1,
        interval_ms: 1_000,
        resources: tables.iter().map(|table| Arc::clone(table)).collect(),
        frames: frames
            .iter()
            .map(|(time_ms, rows)| Frame {
                time_ms: *time_ms,
                rows: rows.iter().map(|row| Row(row.to_vec())).collect(),
                records: Vec::new(),
            })
            .collect(),
        records: Vec::new(),
    }
}

fn apply(live: &Live, committed: &Committed, now_ms: i64) -> Vec<Fresh> {
    let mut all = Vec::new();
    live.apply(committed, Arrival { now_ms, skew_ms: 0 }, |_| true, |fresh| all.push(fresh));
    all
}

fn values(fresh: &[Fresh]) -> Vec<(i64, Vec<(u32, f64)>)> {
    fresh.iter().map(|fresh| (fresh.time_ms, fresh.values.clone())).collect()
}

#[test]
fn gauges_are_shown_as_they_are_and_counters_as_rates() {
    let live = Live::new(&[]);
    let table = table(7, &[(1, "g", Kind::Gauge), (2, "c", Kind::Counter)]);
    let batch = committed("a", &[&table], &[(1_000, &[&[5.0, 100.0]]), (1_500, &[&[6.0, 110.0]]), (2_500, &[&[NAN, 3.0]])]);
    let fresh = apply(&live, &batch, 2_500);
    assert_eq!(
        values(&fresh),
        [(1_000, vec![(1, 5.0)]), (1_500, vec![(1, 6.0), (2, 20.0)])],
        "a counter that starts again has no rate, and a frame with nothing to show is not sent"
    );
    assert_eq!(live.newest(7).unwrap().values, [(1, 6.0)]);
}

#[test]
fn an_agent_that_catches_up_never_turns_the_picture_back() {
    let live = Live::new(&[]);
    let table = table(7, &[(1, "g", Kind::Gauge)]);
    apply(&live, &committed("a", &[&table], &[(10_000, &[&[1.0]])]), 10_000);
    let late = apply(&live, &committed("a", &[&table], &[(9_000, &[&[2.0]])]), 10_100);
    assert_eq!(late, []);
    assert_eq!(live.newest(7).unwrap().values, [(1, 1.0)]);
}

#[test]
fn a_clock_set_back_by_an_hour_is_the_new_truth() {
    let live = Live::new(&[]);
    let table = table(7, &[(1, "g", Kind::Gauge)]);
    apply(&live, &committed("a", &[&table], &[(7_200_000, &[&[1.0]])]), 3_600_000);
    let fresh = apply(&live, &committed("a", &[&table], &[(3_600_000, &[&[2.0]])]), 3_600_000);
    assert_eq!(values(&fresh), [(3_600_000, vec![(1, 2.0)])]);
}

#[test]
fn new_series_change_the_generation_and_keep_what_is_known_of_the_others() {
    let live = Live::new(&[]);
    let before = table(7, &[(1, "g", Kind::Gauge), (2, "c", Kind::Counter)]);
    let first = apply(&live, &committed("a", &[&before], &[(1_000, &[&[1.0, 10.0]])]), 1_000);
    let after = table(7, &[(3, "new", Kind::Gauge), (2, "c", Kind::Counter)]);
    let second = apply(&live, &committed("a", &[&after], &[(2_000, &[&[4.0, 15.0]])]), 2_000);
    assert_eq!(values(&second), [(2_000, vec![(3, 4.0), (2, 5.0)])]);
    assert_ne!(first[0].generation, second[0].generation);
    // The same columns in another allocation are no change.
    let again = table(7, &[(3, "new", Kind::Gauge), (2, "c", Kind::Counter)]);
    let third = apply(&live, &committed("a", &[&again], &[(3_000, &[&[4.0, 16.0]])]), 3_000);
    assert_eq!(second[0].generation, third[0].generation);
}

#[test]
fn two_agents_that_see_one_container_do_not_disturb_each_other() {
    let live = Live::new(&[]);
    let (inside, outside) = (table(7, &[(1, "a", Kind::Counter)]), table(7, &[(2, "b", Kind::Counter)]));
    for second in 1..=3_i64 {
        let value = [second as f64];
        apply(&live, &committed("inside", &[&inside], &[(second * 1_000, &[&value])]), second * 1_000);
        apply(&live, &committed("outside", &[&outside], &[(second * 1_000 + 5, &[&value])]), second * 1_000);
    }
    let newest = live.newest(7).unwrap();
    assert_eq!((newest.values, newest.generation), (vec![(1, 1.0), (2, 1.0)], 2));
}

#[test]
fn a_resource_falls_silent_by_the_collectors_clock_and_says_so_once() {
    let live = Live::new(&[]);
    let table = table(7, &[(1, "g", Kind::Gauge)]);
    apply(&live, &committed("a", &[&table], &[(1_000, &[&[1.0]])]), 1_000);
    let status = |now_ms, only| live.lines(now_ms, only).iter().map(|line| line.status).collect::<Vec<_>>();
    assert_eq!(status(1_000, true), [Status::Ok]);
    assert_eq!(status(2_000, true), [], "nothing new");
    assert_eq!(status(6_001, true), [Status::Silent]);
    assert_eq!(status(7_000, true), []);
    assert_eq!(status(7_000, false), [Status::Silent]);
}

#[test]
fn a_wrong_clock_of_an_agent_does_not_make_it_silent() {
    let live = Live::new(&[]);
    let table = table(7, &[(1, "g", Kind::Gauge)]);
    let batch = committed("a", &[&table], &[(1_000, &[&[1.0]])]);
    live.apply(&batch, Arrival { now_ms: 61_050, skew_ms: 60_040 }, |_| false, |_| {});
    assert_eq!(live.lines(62_000, false)[0].status, Status::Ok);
    assert_eq!(live.newest_age_ms(61_050), Some(10));
}

#[test]
fn a_container_that_its_agent_no_longer_lists_has_ended() {
    let live = Live::new(&[]);
    let (host, container) = (table(1, &[(1, "g", Kind::Gauge)]), table(2, &[(2, "g", Kind::Gauge)]));
    apply(&live, &committed("a", &[&host, &container], &[(1_000, &[&[1.0], &[1.0]])]), 1_000);
    apply(&live, &committed("a", &[&host], &[(10_000, &[&[1.0]])]), 10_000);
    let lines = live.lines(10_000, false);
    assert_eq!(
        lines.iter().map(|line| (line.id, line.status, line.ended)).collect::<Vec<_>>(),
        [(1, Status::Ok, false), (2, Status::Silent, true)]
    );
    assert_eq!(live.count(10_000), (2, 0));
}

#[test]
fn what_was_silent_before_the_start_is_shown_as_silent() {
    let resource = farol_shared::resource::Resource {
        key: "host:a".to_owned(),
        kind: farol_shared::resource::ResourceKind::Host,
        parent: None,
        tenant: None,
        attributes: std::collections::BTreeMap::default(),
    };
    let known = ResourceInfo {
        id: 3,
        resource: Arc::new(resource),
        agent: "a".into(),
        first_seen_ms: 0,
        last_seen_ms: 1_000,
        interval_ms: 1_000,
    };
    let live = Live::new(&[known]);
    let line = &live.lines(100_000, false)[0];
    assert_eq!((line.id, line.status, line.time, &line.latest), (3, Status::Silent, 1_000, &Latest::default()));
}

#[test]
fn twenty_agents_that_only_have_records_of_a_service_leave_its_picture_alone() {
    let live = Live::new(&[]);
    let told = table(7, &[(1, "http.server.request.rate", Kind::Gauge), (2, "http.server.request.error_ratio", Kind::Gauge)]);
    let bare = table(7, &[]);
    let mut generations = Vec::new();
    for second in 1..=3_i64 {
        for agent in 0..20 {
            let mut batch = committed(&format!("host:{agent}"), &[&bare], &[(second * 1_000, &[&[]])]);
            batch.interval_ms = 60_000;
            assert_eq!(apply(&live, &batch, second * 1_000), []);
        }
        let error_ratio = if second < 3 { 0.01 } else { NAN };
        let fresh =
            apply(&live, &committed(service::AGENT, &[&told], &[(second * 1_000, &[&[5.0, error_ratio]])]), second * 1_000);
        generations.extend(fresh.iter().map(|fresh| fresh.generation));
    }
    assert_eq!(generations, [1, 1, 1]);
    let newest = live.newest(7).unwrap();
    assert_eq!(newest.values, [(1, 5.0)], "what is not told any more is not shown any more");
    let line = &live.lines(3_000, false)[0];
    assert_eq!((line.status, &*line.agent, line.latest.error_ratio), (Status::Ok, service::AGENT, None));
    // It is told no more, as nobody spoke of it: that is no failure.
    let line = &live.lines(60_000, false)[0];
    assert_eq!((line.status, line.ended, live.count(60_000)), (Status::Silent, true, (1, 0)));
}
