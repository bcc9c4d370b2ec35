//! A table as it travels: the same rows as CSV, as one JSON document, or as JSON line by line.

use serde_json::value::RawValue;

use super::{
    csv::{self, Style},
    number,
    zone::Zone,
};

/// What a file is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values.
    #[default]
    Csv,
    /// One JSON document.
    Json,
    /// A JSON object a line.
    Ndjson,
}

impl Format {
    /// Every format by its word.
    pub const WORDS: &[(&str, Self)] = &[("csv", Self::Csv), ("json", Self::Json), ("ndjson", Self::Ndjson)];

    /// Its word: also what its files end in.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
        }
    }

    /// Its media type.
    #[must_use]
    pub const fn media(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// One cell.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    /// Nothing is known.
    Empty,
    /// Text.
    Text(&'a str),
    /// A number.
    Number(f64),
    /// A whole number.
    Whole(i64),
    /// An instant, in milliseconds since the epoch.
    Time(i64),
    /// Whether.
    Truth(bool),
    /// Names with values: an object in JSON, `a=1,b=2` in CSV.
    Pairs(&'a [(String, String)]),
    /// JSON, as it is in JSON and as text in CSV.
    Json(&'a RawValue),
}

impl<'a> Cell<'a> {
    /// Text, if there is any.
    pub(super) fn text(text: Option<&'a str>) -> Self {
        text.filter(|text| !text.is_empty()).map_or(Self::Empty, Cell::Text)
    }

    /// A number, if there is one.
    pub(super) fn number(number: Option<f64>) -> Self {
        number.filter(|number| number.is_finite()).map_or(Self::Empty, Cell::Number)
    }
}

/// Writes the rows of one table.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    format: Format,
    style: Style,
    zone: Zone,
    columns: Vec<String>,
    /// Whether cells without anything are left out of JSON: in a wide table most are.
    is_sparse: bool,
    rows: u64,
}

impl Sheet {
    pub(super) fn new(format: Format, style: Style, zone: Zone, columns: Vec<String>, is_sparse: bool) -> Self {
        Self { format, style, zone, columns, is_sparse, rows: 0 }
    }

    /// Rows written so far.
    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes what stands before the rows.
    pub(super) fn begin(&self, out: &mut Vec<u8>) {
        match self.format {
            Format::Csv => {
                if self.style.has_mark {
                    out.extend_from_slice(csv::MARK);
                }
                for (index, name) in self.columns.iter().enumerate() {
                    self.separate(out, index);
                    csv::put_text(out, name, self.style);
                }
                csv::end_row(out);
            }
            Format::Json => out.extend_from_slice(b"{\"farol_export\":1,\"rows\":["),
            Format::Ndjson => {}
        }
    }

    /// Writes a row: a cell a column.
    pub(super) fn row(&mut self, out: &mut Vec<u8>, cells: &[Cell<'_>]) {
        debug_assert_eq!(cells.len(), self.columns.len(), "a cell for each column");
        match self.format {
            Format::Csv => self.row_of_csv(out, cells),
            Format::Json => {
                out.extend_from_slice(if self.rows == 0 { b"\n" } else { b",\n" });
                self.object(out, cells);
            }
            Format::Ndjson => {
                self.object(out, cells);
                out.push(b'\n');
            }
        }
        self.rows += 1;
    }

    /// Writes what stands behind the rows. A document of JSON says how many there are.
    pub(super) fn end(&self, out: &mut Vec<u8>) {
        if self.format == Format::Json {
            out.extend_from_slice(b"\n],\"count\":");
            number::put_whole(out, i64::try_from(self.rows).unwrap_or(i64::MAX));
            out.extend_from_slice(b"}\n");
        }
    }

    fn separate(&self, out: &mut Vec<u8>, index: usize) {
        if index > 0 {
            out.extend_from_slice(self.style.separator().encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    fn row_of_csv(&self, out: &mut Vec<u8>, cells: &[Cell<'_>]) {
        for (index, cell) in cells.iter().enumerate() {
            self.separate(out, index);
            match cell {
                Cell::Empty => {}
                Cell::Text(text) => csv::put_text(out, text, self.style),
                Cell::Number(value) => number::put(out, *value, self.style.is_decimal_comma),
                Cell::Whole(value) => number::put_whole(out, *value),
                Cell::Time(time_ms) => self.zone.put(out, *time_ms),
                Cell::Truth(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
                Cell::Pairs(pairs) => {
                    let text: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
                    csv::put_text(out, &text.join(","), self.style);
                }
                Cell::Json(json) => csv::put_text(out, json.get(), self.style),
            }
        }
        csv::end_row(out);
    }

    fn object(&self, out: &mut Vec<u8>, cells: &[Cell<'_>]) {
        out.push(b'{');
        let mut is_first = true;
        for (name, cell) in self.columns.iter().zip(cells) {
            if self.is_sparse && matches!(cell, Cell::Empty) {
                continue;
            }
            if !std::mem::replace(&mut is_first, false) {
                out.push(b',');
            }
            put_string(out, name);
            out.push(b':');
            match cell {
                Cell::Empty => out.extend_from_slice(b"null"),
                Cell::Text(text) => put_string(out, text),
                Cell::Number(value) if value.is_finite() => number::put(out, *value, false),
                Cell::Number(_) => out.extend_from_slice(b"null"),
                Cell::Whole(value) => number::put_whole(out, *value),
                Cell::Time(time_ms) => {
                    out.push(b'"');
                    self.zone.put(out, *time_ms);
                    out.push(b'"');
                }
                Cell::Truth(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
                Cell::Pairs(pairs) => {
                    out.push(b'{');
                    for (index, (key, value)) in pairs.iter().enumerate() {
                        if index > 0 {
                            out.push(b',');
                        }
                        put_string(out, key);
                        out.push(b':');
                        put_string(out, value);
                    }
                    out.push(b'}');
                }
                // On one line, as NDJSON wants it: JSON has line breaks between its parts only.
                Cell::Json(json) => {
                    out.extend(json.get().bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }))
                }
            }
        }
        out.push(b'}');
    }
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(&mut *out, text).expect("memory takes what is written into it");
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn written(format: Format, style: Style) -> String {
        let columns = ["time", "name", "attributes", "value"].map(str::to_owned).to_vec();
        let mut sheet = Sheet::new(format, style, Zone::parse("-03:00").unwrap(), columns, false);
        let mut out = Vec::new();
        sheet.begin(&mut out);
        let pairs = [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "\"x\"".to_owned())];
        sheet.row(&mut out, &[Cell::Time(0), Cell::Text("=1+1"), Cell::Pairs(&pairs), Cell::Number(-0.5)]);
        sheet.row(&mut out, &[Cell::Time(1), Cell::text(None), Cell::Pairs(&[]), Cell::number(None)]);
        sheet.end(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_same_rows_are_written_in_each_format() {
        let csv = written(Format::Csv, Style::default());
        assert_eq!(
            csv,
            "time,name,attributes,value\r\n1969-12-31T21:00:00.000-03:00,'=1+1,\"a=1,b=\"\"x\"\"\",-0.5\r\n1969-12-31T21:00:00.001-03:00,,,\r\n"
        );
        let first = json!({ "time": "1969-12-31T21:00:00.000-03:00", "name": "=1+1", "attributes": { "a": "1", "b": "\"x\"" }, "value": -0.5 });
        let whole: Value = serde_json::from_str(&written(Format::Json, Style::default())).unwrap();
        assert_eq!((&whole["rows"][0], &whole["count"], &whole["rows"][1]["value"]), (&first, &json!(2), &Value::Null));
        let lines = written(Format::Ndjson, Style::default());
        assert_eq!(lines.lines().count(), 2);
        assert_eq!(serde_json::from_str::<Value>(lines.lines().next().unwrap()).unwrap(), first);
    }

    #[test]
    fn a_decimal_comma_brings_semicolons_and_the_mark_stands_first() {
        let csv = written(Format::Csv, Style { is_decimal_comma: true, has_mark: true });
        assert!(csv.starts_with("\u{feff}time;name;attributes;value\r\n"), "{csv}");
        assert!(csv.contains(";-0,5\r\n"), "{csv}");
    }

    #[test]
    fn without_rows_a_document_is_still_a_document() {
        let sheet = Sheet::new(Format::Json, Style::default(), Zone::default(), vec!["time".to_owned()], false);
        let mut out = Vec::new();
        sheet.begin(&mut out);
        sheet.end(&mut out);
        let whole: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!((&whole["rows"], &whole["count"]), (&json!([]), &json!(0)));
    }
}
