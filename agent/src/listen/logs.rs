//! Logs: files, containers, the journal and the output of a child, followed, put together, recognised and counted.
//!
//! In: bytes, in turns of bounded size so that a gigabyte of log holds up nobody. Out: warnings and worse whole to the
//! intake, which masks them and makes errors of exceptions; the rest as counts by level.
//!
//! *Invariants:* a position is kept only once a tick has taken what lies before it; a full intake drops and counts, reading
//! goes on. Bounded by [`files::FILES_MAX`], the longest line and the longest record.

use std::{
    cell::RefCell,
    fmt,
    path::{Path, PathBuf},
    rc::Rc,
};

use serde::Deserialize;
use tokio::{
    task::{JoinHandle, spawn_local, yield_now},
    time::{Duration, Instant, sleep},
};
use tracing::warn;

use crate::{
    config::list::Item,
    listen::{Context, ListenError},
};

mod assemble;
mod docker;
pub mod exception;
mod files;
mod flow;
mod glob;
mod journal;
pub mod level;
mod lines;
mod positions;
pub mod stream;
mod structured;
mod tail;
mod time;

use files::Files;
use flow::Hand;
use journal::Journal;
use positions::{Cursor, Keeper, Positions};
use stream::Stream;

/// Files are looked at this often; nothing is so urgent that it must be sooner.
const POLL: Duration = Duration::from_millis(250);

/// Patterns are expanded again and positions kept this often.
const SCAN: Duration = Duration::from_secs(1);

/// Turns at each file when the agent stops: what was written last is the most interesting, but stopping must not take long.
const LAST_TURNS: usize = 16;

/// Where to begin with a file that is seen for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// With what is written from now on.
    #[default]
    End,
    /// With its first line.
    Beginning,
}

/// What is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Files that a pattern stands for.
    Files(String),
    /// Docker's containers, in the directory where the engine keeps them; the usual one when none is named.
    Docker(Option<PathBuf>),
    /// The journal of systemd: of these units, of all when none is named.
    Journal(Vec<String>),
}

/// Logs to follow.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Log {
    /// What is followed.
    pub what: What,
    /// Name of the service that they are filed under; the agent's own for files, the container's or unit's name otherwise.
    pub service: Option<String>,
    /// Whether the lines of a stack trace are put together.
    pub multiline: bool,
    /// Where to begin with what is seen for the first time.
    pub start: Start,
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Files(pattern) => f.write_str(pattern)?,
            What::Docker(None) => f.write_str("docker")?,
            What::Docker(Some(directory)) => write!(f, "docker in {}", directory.display())?,
            What::Journal(units) if units.is_empty() => f.write_str("journald")?,
            What::Journal(units) => write!(f, "journald of {}", units.join(", "))?,
        }
        self.service.iter().try_for_each(|service| write!(f, ", as {service}"))
    }
}

/// A `[[logs]]` table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    path: Option<String>,
    docker: Option<String>,
    journald: Option<bool>,
    units: Option<Vec<String>>,
    service: Option<String>,
    multiline: Option<bool>,
    start: Start,
}

impl TryFrom<Written> for Log {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let is_journal = written.journald.unwrap_or(written.units.is_some());
        let what = match (written.path, written.docker, is_journal) {
            (Some(path), None, false) => files_of(&path)?,
            (None, Some(directory), false) => docker_of(&directory)?,
            (None, None, true) => journal_of(written.units.unwrap_or_default())?,
            _ => {
                return Err(
                    "logs need exactly one of: path (a pattern), docker (a directory, or \"\"), journald or units".to_owned()
                );
            }
        };
        Ok(Self { what, service: written.service, multiline: written.multiline.unwrap_or(true), start: written.start })
    }
}

fn files_of(path: &str) -> Result<What, String> {
    if !Path::new(path).is_absolute() {
        return Err(format!("'{path}' is not an absolute path, nor `docker:` or `journald:`"));
    }
    Ok(What::Files(path.to_owned()))
}

fn docker_of(directory: &str) -> Result<What, String> {
    match directory {
        "" => Ok(What::Docker(None)),
        path if Path::new(path).is_absolute() => Ok(What::Docker(Some(PathBuf::from(path)))),
        path => Err(format!("'{path}' is not an absolute path: write `docker:` for the usual directory of the engine")),
    }
}

fn journal_of(units: Vec<String>) -> Result<What, String> {
    // What begins with a hyphen would be taken for an option.
    let is_unit = |unit: &String| !unit.is_empty() && !unit.starts_with('-') && !unit.contains(char::is_whitespace);
    match units.iter().find(|unit| !is_unit(unit)) {
        Some(unit) => Err(format!("'{unit}' is not the name of a unit, such as app.service")),
        None => Ok(What::Journal(units)),
    }
}

impl Item for Log {
    fn from_word(word: &str) -> Result<Self, String> {
        let what = if let Some(directory) = word.strip_prefix("docker:") {
            docker_of(directory)?
        } else if let Some(rest) = word.strip_prefix("journald:") {
            let units = rest.split(';').map(str::trim).filter(|part| !part.is_empty());
            let units = units.map(|part| part.strip_prefix("unit=").map(str::to_owned));
            let units: Option<Vec<String>> = units.collect();
            journal_of(units.ok_or_else(|| format!("'{word}' is not of the form journald:unit=app.service;unit=other.service"))?)?
        } else {
            files_of(word)?
        };
        Ok(Self { what, service: None, multiline: true, start: Start::End })
    }
}

impl Log {
    /// What it is called in the file of positions.
    fn key(&self) -> String {
        match &self.what {
            What::Files(pattern) => pattern.clone(),
            What::Docker(directory) => format!("docker:{}", directory.as_deref().unwrap_or(Path::new("")).display()),
            What::Journal(units) => format!("journald:{}", units.join(";")),
        }
    }
}

/// Works for the intake for a moment, with the time of now.
fn with_hand<R>(context: &Context, work: impl FnOnce(&mut Hand<'_>) -> R) -> R {
    let mut intake = context.inlet.open();
    let mut hand = Hand { intake: &mut intake, now_ms: context.clock.now_ms(), now: Instant::now(), is_live: true };
    work(&mut hand)
}

/// Follows logs and streams until told to stop.
///
/// # Errors
/// None: what cannot be read is told of, and tried again.
pub async fn serve(
    logs: Vec<Log>,
    streams: Vec<Stream>,
    state_dir: Option<PathBuf>,
    mut context: Context,
) -> Result<(), ListenError> {
    let (keeper, left) = Keeper::open(state_dir);
    let cursors: Rc<RefCell<Vec<Cursor>>> = Rc::default();
    let mut tasks: Vec<JoinHandle<()>> = Vec::new();
    for log in &logs {
        if let What::Journal(units) = &log.what {
            let journal = Journal::new(log.clone(), units.clone(), &left, Rc::clone(&cursors));
            tasks.push(spawn_local(journal.serve(context.clone())));
        }
    }
    for stream in streams {
        tasks.push(spawn_local(stream.serve(context.clone())));
    }
    let files = Files::new(&logs, &left, |path| context.roots.path(path));
    let mut follower = Follower { files, keeper, cursors, scanned: None };
    let has_state = !follower.files.is_empty() || logs.iter().any(|log| matches!(log.what, What::Journal(_)));
    if has_state {
        follower.follow(&mut context).await;
    }
    for task in tasks {
        if let Err(error) = task.await
            && error.is_panic()
        {
            warn!(%error, "log source failed");
        }
    }
    if has_state {
        follower.keep(&context, true);
    }
    Ok(())
}

/// The task that reads files and keeps positions.
#[derive(Debug)]
struct Follower {
    files: Files,
    keeper: Keeper,
    cursors: Rc<RefCell<Vec<Cursor>>>,
    scanned: Option<Instant>,
}

impl Follower {
    async fn follow(&mut self, context: &mut Context) {
        while !context.stop.is_stopped() {
            if self.scanned.is_none_or(|at| at.elapsed() >= SCAN) {
                self.scanned = Some(Instant::now());
                with_hand(context, |hand| self.files.scan(hand));
                self.keep(context, false);
            }
            if !self.round(context).await {
                tokio::select! {
                    () = sleep(POLL) => {}
                    () = context.stop.stopped() => {}
                }
            }
        }
        with_hand(context, |hand| self.files.scan(hand));
        for _ in 0..LAST_TURNS {
            if !self.round(context).await {
                break;
            }
        }
        with_hand(context, |hand| self.files.stop(hand));
    }

    /// One turn at each file; whether there is more at once.
    async fn round(&mut self, context: &Context) -> bool {
        let mut has_more = false;
        let mut index = 0;
        while index < self.files.count() {
            let is_more = with_hand(context, |hand| self.files.turn(index, hand));
            has_more |= is_more;
            index += 1;
            if is_more {
                // A tick, a datagram or a request may be waiting.
                yield_now().await;
            }
        }
        has_more
    }

    fn keep(&mut self, context: &Context, is_last: bool) {
        let ticks = context.inlet.open().ticks();
        let (patterns, files) = if is_last { self.files.positions_at_stop() } else { self.files.positions(ticks) };
        self.keeper.write(Positions { patterns, files, cursors: self.cursors.borrow().clone() }, is_last);
    }
}

#[cfg(test)]
mod tests;
