//! CSV after RFC 4180, row by row, safe to open in a spreadsheet.
//!
//! A spreadsheet computes a cell that begins like a formula, and what stands in our cells was often written by strangers. Such a
//! cell gets an apostrophe in front, which spreadsheets take for "this is text".

use std::fmt::{Display, Write as _};

/// What a cell that is computed begins with: the signs of formulas, also in the wide form, and blanks before them.
const FORMULA: &[char] = &['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Rows that are being written.
#[derive(Debug, Default)]
pub struct Rows {
    text: String,
    is_within_row: bool,
}

impl Rows {
    /// Writes a cell of text that may come from anywhere.
    pub fn text(&mut self, text: &str) {
        self.separate();
        let guard = if text.starts_with(FORMULA) { "'" } else { "" };
        if text.contains([',', ';', '"', '\r', '\n', '\t']) {
            self.text.push('"');
            self.text.push_str(guard);
            self.text.push_str(&text.replace('"', "\"\""));
            self.text.push('"');
        } else {
            self.text.push_str(guard);
            self.text.push_str(text);
        }
    }

    /// Writes a cell of our own making, such as a number: without commas, quotes and line ends.
    pub fn plain(&mut self, value: impl Display) {
        self.separate();
        write!(self.text, "{value}").expect("a string takes all that is written");
    }

    /// Ends the row.
    pub fn end_row(&mut self) {
        self.text.push_str("\r\n");
        self.is_within_row = false;
    }

    /// What was written since the last time.
    #[must_use]
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    fn separate(&mut self) {
        if self.is_within_row {
            self.text.push(',');
        }
        self.is_within_row = true;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cell(text: &str) -> String {
        let mut rows = Rows::default();
        rows.text(text);
        rows.take()
    }

    /// Cells as a reader of RFC 4180 finds them.
    fn read(text: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut cell, mut is_quoted) = (Vec::new(), Vec::new(), String::new(), false);
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match (is_quoted, c) {
                (true, '"') if rest.peek() == Some(&'"') => {
                    rest.next();
                    cell.push('"');
                }
                (_, '"') => is_quoted = !is_quoted,
                (false, ',') => row.push(std::mem::take(&mut cell)),
                (false, '\r') if rest.peek() == Some(&'\n') => {
                    rest.next();
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                }
                (_, c) => cell.push(c),
            }
        }
        rows
    }

    #[test]
    fn cells_are_separated_quoted_where_they_must_be_and_rows_end_as_the_standard_says() {
        let mut rows = Rows::default();
        rows.plain(-5);
        rows.text("plain");
        rows.text("a \"b\", c");
        rows.text("");
        rows.end_row();
        assert_eq!(rows.take(), "-5,plain,\"a \"\"b\"\", c\",\r\n");
    }

    #[test]
    fn what_a_spreadsheet_would_compute_is_made_text() {
        for (text, expect) in [
            ("=1+1", "'=1+1"),
            ("+x", "'+x"),
            ("-x", "'-x"),
            ("@sum", "'@sum"),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("＝1", "'＝1"),
            ("=HYPERLINK(\"http://evil.example\",\"x\")", "\"'=HYPERLINK(\"\"http://evil.example\"\",\"\"x\"\")\""),
            ("a=1", "a=1"),
        ] {
            assert_eq!(cell(text), expect);
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back_as_it_was_and_never_begins_like_a_formula(cells in prop::collection::vec("[=+@,;\"'\r\n\t -]{0,2}.{0,12}", 1..5)) {
            let mut rows = Rows::default();
            cells.iter().for_each(|cell| rows.text(cell));
            rows.end_row();
            let found = read(&rows.take());
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(found[0].len(), cells.len());
            for (found, given) in found[0].iter().zip(&cells) {
                prop_assert!(!found.starts_with(FORMULA));
                let expect = if given.starts_with(FORMULA) { format!("'{given}") } else { given.clone() };
                prop_assert_eq!(found, &expect);
            }
        }
    }
}
