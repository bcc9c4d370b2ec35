//! From lines to records: the lines of a stack trace are put together with the line that announces it.
//!
//! In: the lines of one stream, in order. Out: records, each once the next one begins or nothing came for [`IDLE_MAX`].
//! *Invariants:* at most one record is held; no line is in two records. Bounded by [`LINES_MAX`] and [`BYTES_MAX`]; lines
//! that belong to a full record are dropped and counted.

use std::time::Duration;

use farol_shared::record::Level;
use tokio::time::Instant;

use super::{exception, level, time};

mod join;

use join::Mode;

/// A record is whole when nothing was added for this long.
pub(super) const IDLE_MAX: Duration = Duration::from_millis(200);

/// Most lines of one record. The deepest usual traces have some hundred.
const LINES_MAX: usize = 500;

/// Most bytes of one record.
const BYTES_MAX: usize = 64 << 10;

/// Empty lines inside a trace: Go and Python have one, Node two.
const BLANKS_MAX: u8 = 2;

/// What the envelope of a line says of it, such as Docker's or the journal's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    /// When it was written.
    pub(super) time_ms: Option<i64>,
    /// How bad it is.
    pub(super) level: Option<Level>,
}

/// A whole record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole<'a> {
    pub(super) text: &'a str,
    pub(super) lines: usize,
    /// The level that its first line tells.
    pub(super) level: Option<Level>,
    pub(super) stamp: Stamp,
}

/// The record that waits for more lines.
#[derive(Debug, Clone, Copy)]
struct Held {
    /// Place of its first line in the stream.
    from: u64,
    stamp: Stamp,
    level: Option<Level>,
    /// Whether its first line begins as a logger's does.
    is_headed: bool,
    mode: Mode,
    lines: usize,
    blanks: u8,
    touched: Instant,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Assembler {
    is_multiline: bool,
    held: Option<Held>,
    /// Text of the held record, kept to be used again.
    text: String,
    /// Whether this stream has lines that begin as a logger's do: then lines that do not belong to the one before.
    is_headed: bool,
    /// Lines that a full record had no room for.
    lost: u64,
}

impl Assembler {
    pub(super) fn new(is_multiline: bool) -> Self {
        Self { is_multiline, held: None, text: String::new(), is_headed: false, lost: 0 }
    }

    /// Takes a line of the stream that begins at `from`.
    pub(super) fn push(&mut self, line: &str, from: u64, stamp: Stamp, now: Instant, emit: &mut dyn FnMut(Whole<'_>)) {
        if line.trim_ascii_end().is_empty() {
            self.blank(emit);
            return;
        }
        let is_head = is_head(line);
        self.is_headed |= is_head;
        if let Some(held) = &mut self.held
            && self.is_multiline
            && let Some(mode) = join::joins(held, line, is_head, self.is_headed)
        {
            (held.mode, held.touched) = (mode, now);
            let room = BYTES_MAX.saturating_sub(self.text.len() + usize::from(held.blanks) + 1);
            if held.lines >= LINES_MAX || room < line.len() {
                self.lost += 1;
                return;
            }
            held.lines += 1 + usize::from(held.blanks);
            self.text.extend(std::iter::repeat_n('\n', usize::from(held.blanks) + 1));
            held.blanks = 0;
            self.text.push_str(line);
            return;
        }
        self.flush(emit);
        self.text.push_str(line);
        self.held = Some(Held {
            from,
            stamp,
            level: level::find(line),
            is_headed: is_head,
            mode: if self.is_multiline { join::begin(line, is_head) } else { Mode::Plain },
            lines: 1,
            blanks: 0,
            touched: now,
        });
    }

    fn blank(&mut self, emit: &mut dyn FnMut(Whole<'_>)) {
        match &mut self.held {
            Some(held) if held.mode.has_blanks() && held.blanks < BLANKS_MAX => held.blanks += 1,
            _ => self.flush(emit),
        }
    }

    /// Gives the held record away, whole or not.
    pub(super) fn flush(&mut self, emit: &mut dyn FnMut(Whole<'_>)) {
        if let Some(held) = self.held.take() {
            emit(Whole { text: &self.text, lines: held.lines, level: held.level, stamp: held.stamp });
        }
        self.text.clear();
        // One long trace must not cost its memory for ever.
        self.text.shrink_to(4 << 10);
    }

    /// Gives the held record away if nothing was added for [`IDLE_MAX`].
    pub(super) fn flush_idle(&mut self, now: Instant, emit: &mut dyn FnMut(Whole<'_>)) {
        if self.held.is_some_and(|held| now.duration_since(held.touched) >= IDLE_MAX) {
            self.flush(emit);
        }
    }

    /// Where the held record begins: what lies before it was given away.
    pub(super) fn held_from(&self) -> Option<u64> {
        self.held.map(|held| held.from)
    }

    /// Lines that were dropped since the last call.
    pub(super) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }
}

/// Whether a line begins as a logger's: with a time, a level, a bracket, an address or a brace.
fn is_head(line: &str) -> bool {
    let bytes = line.as_bytes();
    match bytes[0] {
        b'0'..=b'9' => {
            let digits = bytes.iter().take(16).filter(|byte| byte.is_ascii_digit()).count();
            let signs = bytes.iter().take(16).filter(|byte| matches!(byte, b':' | b'-' | b'/' | b'.')).count();
            time::leading(bytes).is_some() || (digits >= 4 && signs >= 2)
        }
        b'[' => !line.starts_with("[signal ") && !line.starts_with("[stacktrace]") && !line.starts_with("[cause]"),
        b'{' | b'<' => bytes.len() > 2,
        b'A'..=b'Z' => is_month(bytes) || (level::find(line).is_some() && !is_trace(line)),
        b'l' | b't' => line.starts_with("level=") || line.starts_with("time=") || line.starts_with("ts="),
        _ => false,
    }
}

/// Whether a line begins a trace, and so tells its level, but not that of a logger.
fn is_trace(line: &str) -> bool {
    line.starts_with("Traceback ") || line.starts_with("PHP ") || exception::is_first_line(line)
}

/// `Nov 21 05:17:37` of syslog.
fn is_month(bytes: &[u8]) -> bool {
    const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    bytes.get(3) == Some(&b' ') && bytes.get(9) == Some(&b':') && MONTHS.chunks(3).any(|month| bytes.starts_with(month))
}

#[cfg(test)]
mod tests;
