//! Numbers as text that programs and spreadsheets read back as the same number.

use std::io::Write as _;

/// Beyond this, and below its inverse, a number is written with an exponent: a hundred zeros help nobody.
const PLAIN_BELOW: f64 = 1e15;

/// Smallest number that is written without an exponent.
const PLAIN_ABOVE: f64 = 1e-6;

/// Writes the shortest text that stands for exactly this number; nothing for what is no number.
pub(super) fn put(out: &mut Vec<u8>, value: f64, is_decimal_comma: bool) {
    if !value.is_finite() {
        return;
    }
    let at = out.len();
    let size = value.abs();
    let written = if value == 0.0 || (PLAIN_ABOVE..PLAIN_BELOW).contains(&size) {
        write!(out, "{value}")
    } else {
        write!(out, "{value:e}")
    };
    written.expect("memory takes what is written into it");
    if is_decimal_comma && let Some(point) = out.iter().skip(at).position(|byte| *byte == b'.') {
        out[at + point] = b',';
    }
}

/// Writes a whole number.
pub(super) fn put_whole(out: &mut Vec<u8>, value: i64) {
    write!(out, "{value}").expect("memory takes what is written into it");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: f64, comma: bool) -> String {
        let mut out = Vec::new();
        put(&mut out, value, comma);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_short_and_what_is_none_is_nothing() {
        for (value, expect) in
            [(0.0, "0"), (-5.0, "-5"), (0.1, "0.1"), (1_234_567.25, "1234567.25"), (1e300, "1e300"), (2.5e-9, "2.5e-9")]
        {
            assert_eq!(text(value, false), expect);
        }
        assert_eq!(text(-0.5, true), "-0,5");
        assert_eq!(text(2.5e-9, true), "2,5e-9");
        assert_eq!((text(f64::NAN, false), text(f64::INFINITY, true)), (String::new(), String::new()));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_as_the_same_number(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(text(value, false).parse::<f64>().unwrap(), value);
            prop_assert_eq!(text(value, true).replace(',', ".").parse::<f64>().unwrap(), value);
        }
    }
}
