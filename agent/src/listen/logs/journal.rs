//! The journal of systemd, as `journalctl` tells it: a child that follows, and is started again when it ends.
//!
//! *Invariants:* every entry is handed in once; a cursor is kept only once a tick has taken the entries up to it.

use std::{cell::RefCell, collections::HashMap, process::Stdio, rc::Rc};

use serde_json::{Map, Value};
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
    time::{Duration, Instant, sleep},
};
use tracing::{info, warn};

use super::{
    Log, Start,
    assemble::Stamp,
    flow::{Flow, Hand},
    level,
    lines::{LINE_BYTES_MAX, Splitter},
    positions::{Cursor, Positions},
    with_hand,
};
use crate::{intake::OWN, listen::Context};

/// Most units whose lines are put together apart; beyond it the oldest are handed in and forgotten.
const UNITS_MAX: usize = 64;

/// Pauses before the child is started again.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Records are looked at again, to see whether they are whole, and the cursor moved on this often.
const SETTLE: Duration = Duration::from_millis(250);

/// After this long without a moment in which nothing was held, held records are handed in, so that the cursor moves on.
const UNCLEAR_MAX: Duration = Duration::from_secs(5);

/// Ends of the child without an entry after which the cursor is taken for the cause.
const EMPTY_ENDS_MAX: u32 = 3;

/// What is asked for of each entry.
const FIELDS: &str = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_SYSTEMD_UNIT,_TRANSPORT";

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Journal {
    log: Log,
    units: Vec<String>,
    program: &'static str,
    flows: HashMap<String, Flow>,
    /// Cursor of the last entry, and the last one at which nothing was held.
    last: Option<String>,
    clear: Option<String>,
    clear_at: Instant,
    mark: Option<(String, u64)>,
    safe: Option<String>,
    cursors: Rc<RefCell<Vec<Cursor>>>,
}

impl Journal {
    pub(super) fn new(log: Log, units: Vec<String>, left: &Positions, cursors: Rc<RefCell<Vec<Cursor>>>) -> Self {
        let key = log.key();
        let safe = left.cursors.iter().find(|cursor| cursor.pattern == key).map(|cursor| cursor.cursor.clone());
        Self {
            log,
            units,
            program: "journalctl",
            flows: HashMap::new(),
            last: safe.clone(),
            clear: safe.clone(),
            clear_at: Instant::now(),
            mark: None,
            safe,
            cursors,
        }
    }

    /// Follows until the agent stops.
    pub(super) async fn serve(mut self, mut context: Context) {
        let (mut pause, mut empty_ends, mut is_failing) = (PAUSE_MIN, 0, false);
        self.publish();
        while !context.stop.is_stopped() {
            let outcome = match self.start(&context) {
                Ok(child) => self.follow(child, &mut context).await,
                Err(error) => Err(error),
            };
            if context.stop.is_stopped() {
                break;
            }
            if outcome.as_ref().is_ok_and(|entries| *entries > 0) {
                (pause, empty_ends, is_failing) = (PAUSE_MIN, 0, false);
            } else {
                empty_ends += 1;
            }
            if empty_ends >= EMPTY_ENDS_MAX && self.last.take().is_some() {
                warn!("place in the journal lost, following from now");
            }
            if !std::mem::replace(&mut is_failing, true) {
                let error = outcome.err().map(|error| error.to_string()).unwrap_or_default();
                warn!(program = self.program, error, "journal reader ended, started again");
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = context.stop.stopped() => {}
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
        with_hand(&context, |hand| self.flows.values_mut().for_each(|flow| flow.flush(hand)));
        self.safe.clone_from(&self.last);
        self.publish();
    }

    fn start(&self, context: &Context) -> std::io::Result<Child> {
        let mut command = Command::new(self.program);
        command.args(["--output=json", "--follow", "--all", "--quiet"]).arg(format!("--output-fields={FIELDS}"));
        match (&self.last, self.log.start) {
            (Some(cursor), _) => command.arg(format!("--after-cursor={cursor}")),
            (None, Start::End) => command.arg("--lines=0"),
            (None, Start::Beginning) => command.arg("--no-tail"),
        };
        if !context.roots.is_own() {
            command.arg(format!("--directory={}", context.roots.path("/var/log/journal").display()));
        }
        command.args(self.units.iter().map(|unit| format!("--unit={unit}")));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn()
    }

    /// Reads what the child writes. Answers how many entries it had.
    async fn follow(&mut self, mut child: Child, context: &mut Context) -> std::io::Result<u64> {
        let Some(mut output) = child.stdout.take() else { return Ok(0) };
        info!(units = self.units.join(" "), "journal followed");
        let (mut buffer, mut splitter, mut entries) = (Vec::with_capacity(LINE_BYTES_MAX), Splitter::default(), 0);
        let mut settled = Instant::now();
        loop {
            let is_at_end = tokio::select! {
                // The default of a vector that is full is to grow; the splitter keeps it below two lines.
                length = output.read_buf(&mut buffer) => length? == 0,
                () = sleep(SETTLE) => false,
                () = context.stop.stopped() => true,
            };
            with_hand(context, |hand| {
                let done = splitter.split(&buffer, 0, &mut |line, _| {
                    entries += 1;
                    self.entry(line, hand);
                });
                buffer.drain(..done);
                let oversize = splitter.take_oversize();
                if oversize > 0 {
                    hand.intake.drop_records("line", "oversize", oversize);
                }
                if settled.elapsed() >= SETTLE || is_at_end {
                    settled = Instant::now();
                    self.settle(hand);
                }
            });
            if is_at_end {
                break;
            }
        }
        child.kill().await?;
        Ok(entries)
    }

    fn entry(&mut self, line: &[u8], hand: &mut Hand<'_>) {
        let Ok(Value::Object(mut entry)) = serde_json::from_slice(line) else {
            hand.intake.drop_records("line", "malformed", 1);
            return;
        };
        if let Some(Value::String(cursor)) = entry.remove("__CURSOR") {
            self.last = Some(cursor);
        }
        let micros = text(&entry, "__REALTIME_TIMESTAMP").and_then(|text| text.parse::<i64>().ok());
        let priority = text(&entry, "PRIORITY").and_then(|text| text.parse().ok());
        // What a unit prints has no level of its own: the journal calls all of it information.
        let is_printed = text(&entry, "_TRANSPORT") == Some("stdout") && priority.is_none_or(|priority| priority == 6);
        let level = priority.filter(|_| !is_printed).map(level::of_priority);
        let stamp = Stamp { time_ms: micros.map(|micros| (micros / 1_000).min(hand.now_ms)), level };
        let unit = text(&entry, "_SYSTEMD_UNIT").or_else(|| text(&entry, "SYSLOG_IDENTIFIER")).unwrap_or_default().to_owned();
        let message = entry.get("MESSAGE").map(message).unwrap_or_default();
        let flow = self.flow(unit, hand);
        // Each line that is printed is an entry of its own; a message of several lines is whole.
        if is_printed {
            flow.line(&message, 0, stamp, hand);
        } else {
            flow.record(&message, stamp, hand);
        }
    }

    fn flow(&mut self, unit: String, hand: &mut Hand<'_>) -> &mut Flow {
        if self.flows.len() >= UNITS_MAX && !self.flows.contains_key(&unit) {
            self.flows.drain().for_each(|(_, mut flow)| {
                flow.flush(hand);
                flow.settle(hand);
            });
        }
        let log = &self.log;
        self.flows.entry(unit).or_insert_with_key(|unit| {
            let name = log.service.as_deref().unwrap_or_else(|| unit.strip_suffix(".service").unwrap_or(unit));
            let service = if name.is_empty() { OWN } else { hand.intake.service(Some(name), None) };
            Flow::new(service, unit.clone(), log.multiline)
        })
    }

    fn settle(&mut self, hand: &mut Hand<'_>) {
        let is_unclear = hand.now.duration_since(self.clear_at) >= UNCLEAR_MAX;
        for flow in self.flows.values_mut() {
            if is_unclear {
                flow.flush(hand);
            }
            flow.settle(hand);
        }
        if self.flows.values().all(|flow| flow.held_from().is_none()) {
            self.clear_at = hand.now;
            self.clear.clone_from(&self.last);
        }
        let ticks = hand.intake.ticks();
        if let Some((cursor, _)) = self.mark.take_if(|(_, tick)| ticks > *tick) {
            self.safe = Some(cursor);
            self.publish();
        }
        if self.mark.is_none() && self.clear != self.safe {
            self.mark = self.clear.clone().map(|cursor| (cursor, ticks));
        }
    }

    /// Puts the safe cursor where it is kept from.
    fn publish(&self) {
        let pattern = self.log.key();
        let mut cursors = self.cursors.borrow_mut();
        cursors.retain(|cursor| cursor.pattern != pattern);
        cursors.extend(self.safe.clone().map(|cursor| Cursor { pattern, cursor }));
    }
}

/// A field that is text; of one that occurs several times the first.
fn text<'a>(entry: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    match entry.get(name)? {
        Value::String(text) => Some(text),
        Value::Array(values) => values.first()?.as_str(),
        _ => None,
    }
}

/// A message: text, the numbers of its bytes when it is not UTF-8, several texts when the field occurs several times, or
/// nothing when it was too long.
fn message(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        Value::Array(values) if values.iter().all(Value::is_u64) => {
            values.iter().filter_map(|value| u8::try_from(value.as_u64()?).ok()).collect()
        }
        Value::Array(values) => {
            let texts: Vec<Vec<u8>> = values.iter().filter(|value| !value.is_u64()).map(message).collect();
            texts.join(&b'\n')
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
