//! One stream of lines on its way to the intake: put together, recognised, masked there, counted.

use std::borrow::Cow;

use farol_shared::record::{Level, LogRecord};
use tokio::time::Instant;

use super::{
    assemble::{Assembler, Stamp, Whole},
    exception::{self, Exception},
    structured,
    time::{self, Zone},
};
use crate::intake::{Intake, ServiceId};

/// What a stream needs of the world to hand something in.
#[derive(Debug)]
pub(super) struct Hand<'a> {
    pub(super) intake: &'a mut Intake,
    pub(super) now_ms: i64,
    pub(super) now: Instant,
    /// Whether the lines were written just now, and not while nobody read.
    pub(super) is_live: bool,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Flow {
    assembler: Assembler,
    voice: Voice,
}

/// How the records of a stream are understood.
#[derive(Debug)]
struct Voice {
    service: ServiceId,
    source: String,
    zone: Zone,
    taken: u64,
}

impl Flow {
    pub(super) fn new(service: ServiceId, source: impl Into<String>, is_multiline: bool) -> Self {
        let voice = Voice { service, source: source.into(), zone: Zone::default(), taken: 0 };
        Self { assembler: Assembler::new(is_multiline), voice }
    }

    /// Takes the line that begins at `from`.
    pub(super) fn line(&mut self, line: &[u8], from: u64, stamp: Stamp, hand: &mut Hand<'_>) {
        let line = clean(line);
        let (assembler, voice) = (&mut self.assembler, &mut self.voice);
        assembler.push(&line, from, stamp, hand.now, &mut |whole| voice.tell(whole, hand));
    }

    /// Takes a whole record, whatever its lines look like.
    pub(super) fn record(&mut self, text: &[u8], stamp: Stamp, hand: &mut Hand<'_>) {
        self.flush(hand);
        let text = clean(text);
        let mut lines = text.split('\n');
        let level = lines.next().and_then(super::level::find);
        self.voice.tell(Whole { text: &text, lines: 1 + lines.count(), level, stamp }, hand);
    }

    /// Hands in what is held.
    pub(super) fn flush(&mut self, hand: &mut Hand<'_>) {
        let voice = &mut self.voice;
        self.assembler.flush(&mut |whole| voice.tell(whole, hand));
    }

    /// Hands in what is held if nothing was added for a while, and settles the counts.
    pub(super) fn settle(&mut self, hand: &mut Hand<'_>) {
        let voice = &mut self.voice;
        self.assembler.flush_idle(hand.now, &mut |whole| voice.tell(whole, hand));
        let lost = self.assembler.take_lost();
        if lost > 0 {
            hand.intake.drop_records("line", "oversize", lost);
        }
        let taken = std::mem::take(&mut self.voice.taken);
        if taken > 0 {
            hand.intake.received("logs", taken);
        }
    }

    /// Where the held record begins, if one is held.
    pub(super) fn held_from(&self) -> Option<u64> {
        self.assembler.held_from()
    }
}

impl Voice {
    fn tell(&mut self, whole: Whole<'_>, hand: &mut Hand<'_>) {
        self.taken += 1;
        if whole.text.starts_with('{')
            && let Some(glance) = structured::glance(whole.text)
        {
            let level = glance.level.or(whole.stamp.level).unwrap_or_default();
            if level < Level::Warn && !glance.has_exception {
                hand.intake.count_logs(self.service, level, 1);
            } else if let Some(line) = structured::read(whole.text) {
                self.tell_structured(line, whole, hand);
            }
            return;
        }
        let level = whole.stamp.level.or(whole.level);
        // Most lines end here.
        if whole.lines == 1 && level.unwrap_or_default() < Level::Warn {
            hand.intake.count_logs(self.service, level.unwrap_or_default(), 1);
            return;
        }
        self.tell_text(level, whole, hand);
    }

    fn tell_structured(&mut self, line: structured::Line, whole: Whole<'_>, hand: &mut Hand<'_>) {
        let fallback = if line.exception.is_some() { Level::Error } else { Level::Info };
        let time = whole.stamp.time_ms.unwrap_or_else(|| match line.time {
            Some(written) => self.zone.moment(written, hand.now_ms, hand.is_live),
            None => hand.now_ms,
        });
        let exception = line.exception;
        let message = match &exception {
            Some(exception) if line.message.is_empty() => title(exception),
            _ => line.message,
        };
        let record = LogRecord {
            time_ms: time,
            level: line.level.or(whole.stamp.level).unwrap_or(fallback),
            message: if message.is_empty() { whole.text.to_owned() } else { message },
            trace_id: line.trace_id,
            tenant: line.tenant,
            ..LogRecord::default()
        };
        self.hand_in(record, exception, hand);
    }

    fn tell_text(&mut self, level: Option<Level>, whole: Whole<'_>, hand: &mut Hand<'_>) {
        let is_bad = level.is_some_and(|level| level >= Level::Error);
        let exception = exception::find(whole.text).or_else(|| if is_bad { exception::named(whole.text) } else { None });
        let fallback = if exception.is_some() { Level::Error } else { Level::Info };
        let level = level.unwrap_or(fallback);
        if level < Level::Warn && exception.is_none() {
            hand.intake.count_logs(self.service, level, 1);
            return;
        }
        let written = time::leading(whole.text.as_bytes());
        let read = written.map(|written| self.zone.moment(written, hand.now_ms, hand.is_live));
        // The stack is the end of the text; what stands before it is what the program said.
        let stack_length = exception.as_ref().map_or(0, |exception| exception.stack.len());
        let text = whole.text.get(..whole.text.len() - stack_length).unwrap_or(whole.text);
        let text = text.get(written.map_or(0, |written| written.length)..).unwrap_or(text);
        let text = text.trim_start_matches([']', '"']).trim();
        let record = LogRecord {
            time_ms: whole.stamp.time_ms.or(read).unwrap_or(hand.now_ms),
            level,
            message: match &exception {
                Some(exception) if text.is_empty() => title(exception),
                _ => text.to_owned(),
            },
            ..LogRecord::default()
        };
        self.hand_in(record, exception, hand);
    }

    fn hand_in(&self, mut record: LogRecord, exception: Option<Exception>, hand: &mut Hand<'_>) {
        record.source.clone_from(&self.source);
        if let Some(exception) = exception {
            (record.exception, record.stack) = (Some(exception.kind), exception.stack);
        }
        hand.intake.log(self.service, record);
    }
}

fn title(exception: &Exception) -> String {
    if exception.message.is_empty() { exception.kind.clone() } else { format!("{}: {}", exception.kind, exception.message) }
}

/// A line as text: what is not UTF-8 is marked, and the colours of terminals are taken out.
fn clean(line: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(line);
    if memchr::memchr(0x1b, line).is_none() {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        if sign != '\u{1b}' {
            plain.push(sign);
            continue;
        }
        // `ESC [ parameters letter`; any other sequence is two signs long.
        if signs.clone().next() == Some('[') {
            signs.by_ref().skip(1).find(|sign| ('@'..='~').contains(sign));
        } else {
            signs.next();
        }
    }
    Cow::Owned(plain)
}
