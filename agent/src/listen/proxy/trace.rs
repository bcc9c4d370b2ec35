//! `traceparent` of W3C Trace Context: whether one is valid, and a new one.

use std::{cell::RefCell, fmt::Write as _};

use hyper::header::HeaderValue;

/// A trace that a request belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trace {
    /// 32 hexadecimal digits.
    pub(super) id: String,
    /// The header that says so.
    pub(super) header: HeaderValue,
}

/// Length of what every version of the header begins with: version, trace, parent, flags and three dashes.
const LENGTH: usize = 55;

/// The trace's id, when the header is valid: of version 00, or of a later one that begins alike.
pub(super) fn parse(value: &[u8]) -> Option<&str> {
    let (head, rest) = value.split_at_checked(LENGTH)?;
    let head = std::str::from_utf8(head).ok()?;
    let mut parts = head.split('-');
    let (version, id, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let is_set = |text: &str| text.bytes().any(|byte| byte != b'0');
    let is_whole = if version == "00" { rest.is_empty() } else { rest.first().is_none_or(|byte| *byte == b'-') };
    let is_valid = parts.next().is_none()
        && is_hex(version, 2)
        && version != "ff"
        && is_hex(id, 32)
        && is_set(id)
        && is_hex(parent, 16)
        && is_set(parent)
        && is_hex(flags, 2)
        && is_whole;
    is_valid.then_some(id)
}

/// Random bytes of one trace and its parent.
const RANDOM: usize = 24;

/// Where new traces come from: random bytes, fetched for ten at a time to save as many calls of the system.
#[derive(Debug, Default)]
pub(super) struct Traces(RefCell<Vec<u8>>);

impl Traces {
    /// A new trace, marked as sampled: what an application records when no caller says anything. `None` when the system
    /// gives no random numbers.
    pub(super) fn begin(&self) -> Option<Trace> {
        let mut stock = self.0.borrow_mut();
        if stock.len() < RANDOM {
            let mut fetched = [0; 10 * RANDOM];
            getrandom::fill(&mut fetched).ok()?;
            stock.clear();
            stock.extend_from_slice(&fetched);
        }
        let rest = stock.len() - RANDOM;
        let mut random = [0; RANDOM];
        random.copy_from_slice(stock.get(rest..)?);
        stock.truncate(rest);
        trace(random)
    }
}

fn trace(mut random: [u8; RANDOM]) -> Option<Trace> {
    // Zero is the one value that is not allowed.
    random[0] |= 1;
    random[16] |= 1;
    let mut header = String::with_capacity(LENGTH);
    header.push_str("00-");
    for (at, byte) in random.iter().enumerate() {
        if at == 16 {
            header.push('-');
        }
        // Writing to a string does not fail.
        if write!(header, "{byte:02x}").is_err() {
            return None;
        }
    }
    header.push_str("-01");
    let id = header.get(3..35)?.to_owned();
    Some(Trace { id, header: HeaderValue::try_from(header).ok()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn valid_headers_are_told_from_others() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let good = format!("00-{id}-00f067aa0ba902b7-01");
        assert_eq!(parse(good.as_bytes()), Some(id));
        assert_eq!(parse(format!("01-{id}-00f067aa0ba902b7-01-more").as_bytes()), Some(id));
        for wrong in [
            String::new(),
            format!("{good}-more"),
            format!("ff-{id}-00f067aa0ba902b7-01"),
            format!("01-{id}-00f067aa0ba902b7-01more"),
            good.to_uppercase(),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{id}-{}-01", "0".repeat(16)),
            good.replace('-', "_"),
            good.replace("7b3", "-b3"),
        ] {
            assert_eq!(parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_new_trace_is_valid_and_its_own() {
        let traces = Traces::default();
        let all: Vec<Trace> = (0..25).map(|_| traces.begin().unwrap()).collect();
        let ids: std::collections::HashSet<&str> = all.iter().map(|trace| trace.id.as_str()).collect();
        assert_eq!(ids.len(), all.len());
        assert!(all.iter().all(|one| parse(one.header.as_bytes()) == Some(&one.id)));
        assert!(parse(trace([0; RANDOM]).unwrap().header.as_bytes()).is_some(), "zero is made valid");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..70)) {
            if let Some(id) = parse(&bytes) {
                prop_assert_eq!(id.len(), 32);
            }
        }

        #[test]
        fn nearly_right_ones_too(text in "[0-9a-f-]{50,60}") {
            if let Some(id) = parse(text.as_bytes()) {
                prop_assert_eq!(id.len(), 32);
            }
        }
    }
}
