//! Parses `/proc/PID/stat`.

use super::{Roots, kept, text};

/// What is taken from a process' `stat` file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProcessStat<'a> {
    /// Name of the executable, at most 15 bytes of any kind.
    pub(super) name: &'a [u8],
    /// The process that started it; 2 for the kernel's own threads.
    pub(super) parent: u64,
    /// CPU time in clock ticks, user and system.
    pub(super) ticks: u64,
    /// When it started, in clock ticks since boot.
    pub(super) started: u64,
    /// Resident memory in pages.
    pub(super) resident: u64,
}

impl<'a> ProcessStat<'a> {
    /// Parses the file; the name may itself hold blanks and parentheses, so it ends at the last one.
    pub(super) fn parse(text: &'a [u8]) -> Option<Self> {
        let open = text.iter().position(|byte| *byte == b'(')?;
        let close = text.iter().rposition(|byte| *byte == b')')?;
        let name = text.get(open + 1..close)?;
        // After the name: state, parent (1), ..., utime (11), stime (12), ..., starttime (19), vsize, rss (21).
        let mut fields = text::fields(text.get(close + 1..)?);
        let parent = fields.nth(1).and_then(text::number)?;
        let user = fields.nth(9).and_then(text::number)?;
        let system = fields.next().and_then(text::number)?;
        let started = fields.nth(6).and_then(text::number)?;
        let resident = fields.nth(1).and_then(text::number)?;
        Some(Self { name, parent, ticks: user.saturating_add(system), started, resident })
    }
}

/// When a process (a number, or `self`) started, in seconds since boot.
pub(super) fn started(roots: &Roots, process: &str, ticks: f64) -> Option<f64> {
    let text = kept::once(&roots.proc(process).join("stat"))?;
    ProcessStat::parse(text.as_bytes()).map(|stat| stat.started as f64 / ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = b"11523 (ca) t (x)) R 11510 11510 6622 0 -1 4194304 99 0 0 0 14 3 0 0 20 0 1 0 134289 3133440 396 18446744073709551615 1 2\n";

    #[test]
    fn a_name_with_parentheses_does_not_mislead() {
        let stat = ProcessStat::parse(LINE).unwrap();
        assert_eq!(stat, ProcessStat { name: b"ca) t (x)", parent: 11510, ticks: 17, started: 134_289, resident: 396 });
    }

    #[test]
    fn a_cut_off_line_is_no_process() {
        for wrong in [&b""[..], b"1 (init", b"1 )init( S 0", b"1 (init) S 0 1 1 0", b"1 (init) S a b"] {
            assert_eq!(ProcessStat::parse(wrong), None, "{}", String::from_utf8_lossy(wrong));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            ProcessStat::parse(&bytes);
        }
    }
}
