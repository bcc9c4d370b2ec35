//! The same samples as Prometheus remote write 1.0 (protobuf, snappy), to feed a peer with the very same load.
//!
//! Format: `WriteRequest { repeated TimeSeries timeseries = 1 }`, `TimeSeries { repeated Label labels = 1;
//! repeated Sample samples = 2 }`, `Label { string name = 1; string value = 2 }`, `Sample { double value = 1;
//! int64 timestamp = 2 }` after the Prometheus remote write specification.

use farol_shared::{
    batch::Tables,
    frame::{Frame, Row},
};

/// Headers that the protocol asks for.
pub(crate) const HEADERS: &str =
    "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n";

/// Encoded labels of each series of the first resource, ready to be put before a sample.
pub(crate) fn labels(tables: &Tables) -> Vec<Vec<u8>> {
    let Some(table) = tables.0.first() else { return Vec::new() };
    table
        .series
        .iter()
        .map(|series| {
            let mut out = Vec::new();
            let name = series.metric.replace('.', "_");
            let mut pairs = vec![("__name__", name.as_str()), ("host", table.resource.name())];
            pairs.extend(series.attributes.iter().map(|(k, v)| (k.as_str(), v.as_str())));
            pairs.sort_unstable();
            for (key, value) in pairs {
                let mut label = Vec::new();
                bytes(&mut label, 1, key.as_bytes());
                bytes(&mut label, 2, value.as_bytes());
                bytes(&mut out, 1, &label);
            }
            out
        })
        .collect()
}

/// One row as a compressed `WriteRequest`.
pub(crate) fn encode(labels: &[Vec<u8>], row: &[f64], time_ms: i64) -> Vec<u8> {
    encode_frames(labels, &[Frame { time_ms, rows: vec![Row(row.to_vec())], records: Vec::new() }])
}

/// The first rows of some frames as a compressed `WriteRequest`, series by series.
pub(crate) fn encode_frames(labels: &[Vec<u8>], frames: &[Frame]) -> Vec<u8> {
    let mut request = Vec::new();
    for (column, labels) in labels.iter().enumerate() {
        let mut series = labels.clone();
        for frame in frames {
            let Some(value) = frame.rows.first().and_then(|row| row.0.get(column)) else { continue };
            let mut sample = vec![0x09];
            sample.extend_from_slice(&value.to_le_bytes());
            sample.push(0x10);
            varint(&mut sample, frame.time_ms.unsigned_abs());
            bytes(&mut series, 2, &sample);
        }
        if series.len() > labels.len() {
            bytes(&mut request, 1, &series);
        }
    }
    snap::raw::Encoder::new().compress_vec(&request).expect("a request of some kilobytes is far below snappy's bound")
}

fn bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}
