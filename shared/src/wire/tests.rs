//! Tests of the wire: what is encoded comes back, and hostile bytes never get further than an error.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Serialize;
use serde_bytes::ByteBuf;

use super::*;
use crate::{
    batch::{Lost, LostCause, SeriesKey, Table},
    frame::{Frame, Row},
    metric::Kind,
    record::{CheckResult, ErrorSummary, Event, Level, Levels, LogRecord, Records, Request, RequestSummary, Snapshot},
    resource::{Resource, ResourceKind},
    sketch::Sketch,
};

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("the wire refuses infinities", |v| !v.is_infinite()),
        (-1_000_000_i32..1_000_000).prop_map(f64::from),
        Just(f64::NAN),
        Just(-0.0),
        Just(9_007_199_254_740_993.0),
    ]
}

fn table() -> impl Strategy<Value = Table> {
    let attributes = prop::collection::btree_map("[a-z.]{1,8}", ".{0,8}", 0..4);
    let series = prop::collection::vec(
        ("[a-z.]{1,12}", "[A-Za-z{}]{1,4}", any::<bool>(), prop::collection::btree_map("[a-z]{1,4}", ".{0,4}", 0..3)),
        0..6,
    );
    ("[a-z:]{1,12}", prop::option::of("[a-z]{1,6}"), attributes, series).prop_map(|(key, tenant, attributes, series)| Table {
        resource: Resource { key, kind: ResourceKind::Host, parent: tenant.clone(), tenant, attributes },
        series: series
            .into_iter()
            .map(|(metric, unit, counter, attributes)| SeriesKey {
                metric,
                unit,
                kind: if counter { Kind::Counter } else { Kind::Gauge },
                attributes: attributes.into_iter().collect(),
            })
            .collect(),
    })
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z/{}]{0,12}"
}

fn request() -> impl Strategy<Value = Request> {
    (any::<i64>(), name(), name(), any::<u16>(), 0.0_f64..1e6, prop::option::of(name())).prop_map(
        |(time_ms, route, path, status, duration_s, tenant)| Request {
            time_ms,
            method: "GET".to_owned(),
            route,
            path,
            status,
            duration_s,
            user: tenant.clone(),
            trace_id: None,
            exception: tenant.clone(),
            tenant,
        },
    )
}

fn summary() -> impl Strategy<Value = RequestSummary> {
    (name(), any::<u16>(), prop::collection::vec(0.0_f64..100.0, 1..8)).prop_map(|(route, status, durations)| {
        let mut sketch = Sketch::new();
        durations.iter().for_each(|duration| sketch.record(*duration, 1));
        let mut bytes = Vec::new();
        sketch.encode(&mut bytes);
        RequestSummary {
            method: "POST".to_owned(),
            route,
            status,
            count: sketch.count(),
            failed: 1,
            sum_s: durations.iter().sum(),
            max_s: 100.0,
            sketch: ByteBuf::from(bytes),
            ..RequestSummary::default()
        }
    })
}

prop_compose! {
    fn records()(
        resource in 0_u32..4,
        requests in prop::collection::vec(summary(), 0..4),
        recent in prop::collection::vec(request(), 0..4),
        logs in prop::collection::vec((any::<i64>(), 0_usize..6, ".{0,30}"), 0..4),
        levels in any::<[u64; 6]>(),
    ) -> Records {
        let log = |(time_ms, level, message): (i64, usize, String)| LogRecord {
            time_ms, level: Level::ALL[level], message, ..LogRecord::default()
        };
        Records {
            resource, requests, slow: recent.clone(), recent, levels: Levels(levels),
            errors: vec![ErrorSummary { kind: "KeyError".to_owned(), count: 2, ..ErrorSummary::default() }],
            events: vec![Event { kind: "MessageSent".to_owned(), payload: "{}".to_owned(), ..Event::default() }],
            logs: logs.into_iter().map(log).collect(),
            checks: vec![CheckResult { name: "db".to_owned(), latency_s: Some(0.5), ..CheckResult::default() }],
            snapshots: vec![Snapshot { name: "queues".to_owned(), body: "{}".to_owned() }],
        }
    }
}

prop_compose! {
    fn batch()(
        tables in prop::collection::vec(table(), 0..4),
        frames in prop::collection::vec((any::<i64>(), prop::collection::vec(prop::collection::vec(value(), 0..6), 0..4)), 0..4),
        records in prop::collection::vec(records(), 0..3),
        boot in any::<u64>(), seq in 1..u64::MAX, taken in any::<u64>(),
    ) -> Batch {
        Batch {
            agent: "web-1".into(), boot, seq, interval_ms: 1_000, taken,
            lost: vec![Lost { cause: LostCause::SpoolFull, samples: 7 }],
            tables: ByteBuf::from(encode_tables(&Tables(tables))),
            frames: frames.into_iter()
                .map(|(time_ms, rows)| Frame { time_ms, rows: rows.into_iter().map(Row).collect(), records: records.clone() })
                .collect(),
        }
    }
}

fn bits(batch: &Batch) -> Vec<u64> {
    batch
        .frames
        .iter()
        .flat_map(|f| &f.rows)
        .flat_map(|r| &r.0)
        .map(|v| if v.is_nan() { 0x7ff8 << 48 } else { v.to_bits() })
        .collect()
}

proptest! {
    #[test]
    fn a_batch_comes_back_as_it_was(batch in batch()) {
        let back = decode(&encode(&batch)).unwrap();
        prop_assert_eq!(&back, &batch);
        prop_assert_eq!(bits(&back), bits(&batch));
        prop_assert_eq!(encode_tables(&decode_tables(&back.tables).unwrap()), batch.tables.to_vec());
    }

    #[test]
    fn hostile_bytes_are_an_error_and_nothing_worse(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        drop(decode(&bytes));
        drop(decode_tables(&bytes));
        drop(decode_ack(&bytes));
    }

    #[test]
    fn a_cut_batch_is_malformed(batch in batch(), cut in 1_usize..64) {
        let bytes = encode(&batch);
        let end = bytes.len().saturating_sub(cut);
        let malformed = matches!(decode(&bytes[..end]), Err(WireError::Malformed { .. }));
        prop_assert!(malformed);
    }
}

#[test]
fn a_field_of_a_later_version_is_ignored() {
    #[derive(Serialize)]
    struct Later<'a> {
        seq: u64,
        watched: bool,
        now_ms: i64,
        invented_later: &'a str,
    }
    let bytes = rmp_serde::to_vec_named(&Later { seq: 3, watched: true, now_ms: 5, invented_later: "x" }).unwrap();
    assert_eq!(decode_ack(&bytes).unwrap(), Ack { seq: 3, watched: true, now_ms: 5 });
}

#[test]
fn a_length_that_the_body_cannot_hold_reserves_nothing() {
    // An array header that promises 4 billion values.
    let row = rmp_serde::from_slice::<Row>(&[0xdd, 0xff, 0xff, 0xff, 0xff]);
    assert!(row.is_err());
}

#[test]
fn what_is_nested_deeper_than_any_batch_is_refused_not_followed() {
    // A field that nobody knows is skipped, and skipping follows it as deep as it goes.
    let nested = |depth: usize| {
        let mut bytes = vec![0x81, 0xa1, b'x'];
        bytes.extend(std::iter::repeat_n(0x91, depth));
        bytes.push(0xc0);
        bytes
    };
    let deep = nested(100);
    for (part, read) in [
        ("batch", decode(&deep).map(drop)),
        ("answer", decode_ack(&deep).map(drop)),
        ("tables", decode_tables(&[&[0x91], &deep[..]].concat()).map(drop)),
    ] {
        let Err(WireError::Malformed { source, .. }) = read else { panic!("{part}: {read:?}") };
        assert!(matches!(source, rmp_serde::decode::Error::DepthLimitExceeded), "{part}: {source}");
    }
}

#[test]
fn a_row_longer_than_its_table_does_not_fit() {
    let resource =
        Resource { key: "host:a".into(), kind: ResourceKind::Host, parent: None, tenant: None, attributes: BTreeMap::new() };
    let tables = Tables(vec![Table { resource, series: vec![] }]);
    let batch = Batch {
        agent: "a".into(),
        boot: 1,
        seq: 1,
        interval_ms: 1_000,
        taken: 1,
        lost: vec![],
        tables: ByteBuf::from(encode_tables(&tables)),
        frames: vec![Frame { time_ms: 0, rows: vec![Row(vec![1.0])], records: Vec::new() }],
    };
    assert!(matches!(check_shape(&batch, &tables), Err(WireError::Inconsistent(_))));
}

#[test]
fn an_infinite_value_is_refused() {
    let batch = Batch {
        agent: "a".into(),
        boot: 1,
        seq: 1,
        interval_ms: 1_000,
        taken: 1,
        lost: vec![],
        tables: ByteBuf::new(),
        frames: vec![Frame { time_ms: 0, rows: vec![Row(vec![f64::INFINITY])], records: Vec::new() }],
    };
    assert!(matches!(decode(&encode(&batch)), Err(WireError::Inconsistent(_))));
}

#[test]
fn records_that_cannot_be_are_refused_with_a_reason() {
    let with = |change: fn(&mut Records)| {
        let mut records = Records::default();
        change(&mut records);
        let batch = Batch {
            agent: "a".into(),
            boot: 1,
            seq: 1,
            interval_ms: 1_000,
            taken: 0,
            lost: Vec::new(),
            tables: ByteBuf::from(encode_tables(&Tables::default())),
            frames: vec![Frame { time_ms: 0, rows: Vec::new(), records: vec![records] }],
        };
        let decoded = decode(&encode(&batch)).map_err(|error| error.to_string())?;
        check_shape(&decoded, &Tables::default()).map_err(|error| error.to_string())
    };
    type Change = fn(&mut Records);
    let reasons: [(Change, &str); 6] = [
        (|_| {}, "not in the tables"),
        (|records| records.requests.push(RequestSummary::default()), "counts none"),
        (|records| records.requests.push(RequestSummary { count: 1, ..RequestSummary::default() }), "sketch"),
        (|records| records.recent.push(Request { duration_s: -1.0, ..Request::default() }), "no positive number"),
        (
            |records| records.events.push(Event { kind: "x".repeat(limit::VALUE_BYTES_MAX + 1), ..Event::default() }),
            "a record's name is 513, the limit is 512",
        ),
        (
            |records| {
                records.logs.push(LogRecord { message: "x".repeat(limit::RECORD_TEXT_BYTES_MAX + 1), ..LogRecord::default() })
            },
            "a record's text is",
        ),
    ];
    for (change, reason) in reasons {
        let error = with(change).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_frame_without_records_travels_as_before() {
    let frame = Frame { time_ms: 1, rows: vec![Row(vec![1.0])], records: Vec::new() };
    #[derive(Serialize)]
    struct Before {
        t: i64,
        v: Vec<Vec<i64>>,
    }
    let before = rmp_serde::to_vec_named(&Before { t: 1, v: vec![vec![1]] }).unwrap();
    assert_eq!(rmp_serde::to_vec_named(&frame).unwrap(), before);
    assert_eq!(rmp_serde::from_slice::<Frame>(&before).unwrap(), frame);
}
