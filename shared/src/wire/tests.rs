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
    resource::{Resource, ResourceKind},
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

prop_compose! {
    fn batch()(
        tables in prop::collection::vec(table(), 0..4),
        frames in prop::collection::vec((any::<i64>(), prop::collection::vec(prop::collection::vec(value(), 0..6), 0..4)), 0..4),
        boot in any::<u64>(), seq in 1..u64::MAX, taken in any::<u64>(),
    ) -> Batch {
        Batch {
            agent: "web-1".into(), boot, seq, interval_ms: 1_000, taken,
            lost: vec![Lost { cause: LostCause::SpoolFull, samples: 7 }],
            tables: ByteBuf::from(encode_tables(&Tables(tables))),
            frames: frames.into_iter()
                .map(|(time_ms, rows)| Frame { time_ms, rows: rows.into_iter().map(Row).collect(), records: Vec::new() })
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
