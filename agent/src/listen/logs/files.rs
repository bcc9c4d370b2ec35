//! The files that are followed: found by patterns, kept over renames, read in turns.
//!
//! *Invariants:* a file is known by device and inode, so that a new name is no new file; one turn reads at most one buffer.
//! Bounded by [`FILES_MAX`].

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use tracing::{debug, info, warn};

use super::{
    Log, Start, What,
    docker::{self, Container},
    flow::{Flow, Hand},
    glob,
    lines::LINE_BYTES_MAX,
    positions::{Position, Positions, is_compressed},
    tail::{Content, FileId, Tail, Turn},
};
use crate::intake::{Intake, OWN};

/// Most files that are followed at once. Each is a descriptor and some kilobytes.
pub(super) const FILES_MAX: usize = 256;

/// Bytes that are read in one turn: more than the longest line, little enough that the agent's thread is back within a
/// millisecond or two.
const TURN_BYTES: usize = 2 * LINE_BYTES_MAX;

/// Where Docker keeps its containers.
const DOCKER_DIR: &str = "/var/lib/docker/containers";

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Files {
    logs: Vec<(String, PathBuf, Log)>,
    tails: Vec<Tail>,
    /// Where files were left by the run before, until they are found again.
    left: Vec<Position>,
    /// Patterns that the run before followed.
    known: Vec<String>,
    is_first: bool,
    is_full: bool,
    buffer: Vec<u8>,
}

impl Files {
    /// Takes those of the logs that are files. `place` puts a path below the root.
    pub(super) fn new(logs: &[Log], left: &Positions, place: impl Fn(&Path) -> PathBuf) -> Self {
        let files = logs.iter().filter_map(|log| {
            let pattern = match &log.what {
                What::Files(pattern) => PathBuf::from(pattern),
                What::Docker(directory) => match directory {
                    Some(directory) => directory.join("*/*-json.log"),
                    None => place(Path::new(DOCKER_DIR)).join("*/*-json.log"),
                },
                What::Journal(_) => return None,
            };
            Some((log.key(), pattern, log.clone()))
        });
        Self {
            logs: files.collect(),
            tails: Vec::new(),
            left: left.files.clone(),
            known: left.patterns.clone(),
            is_first: true,
            is_full: false,
            buffer: vec![0; TURN_BYTES],
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    /// Looks for new files, renamed ones and ones that are over.
    pub(super) fn scan(&mut self, hand: &mut Hand<'_>) {
        let mut present: HashMap<FileId, PathBuf> = HashMap::new();
        for index in 0..self.logs.len() {
            for path in glob::expand(&self.logs[index].1, FILES_MAX * 4) {
                let Ok(metadata) = std::fs::metadata(&path) else { continue };
                if !metadata.is_file() || is_compressed(&path) || is_older(&path) {
                    continue;
                }
                let id = FileId::of(&metadata);
                if present.insert(id, path.clone()).is_some() {
                    continue;
                }
                match self.tails.iter_mut().find(|tail| tail.id == id) {
                    Some(tail) if tail.is_rotated && tail.path != path => {}
                    Some(tail) => tail.path = path,
                    None => self.begin(index, &path, id, metadata.len(), hand.intake),
                }
            }
        }
        for tail in &mut self.tails {
            if !tail.is_rotated && present.get(&tail.id) != Some(&tail.path) {
                debug!(path = %tail.path.display(), "log file moved away, read to its end");
                tail.is_rotated = true;
            }
        }
        if std::mem::take(&mut self.is_first) {
            self.find_left(hand.intake);
        }
        self.end_old(hand);
    }

    /// Begins with a file that was not followed so far.
    fn begin(&mut self, index: usize, path: &Path, id: FileId, size: u64, intake: &mut Intake) {
        if self.tails.len() >= FILES_MAX {
            if !std::mem::replace(&mut self.is_full, true) {
                warn!(max = FILES_MAX, path = %path.display(), "too many log files, the rest is not followed");
            }
            return;
        }
        let (key, _, log) = &self.logs[index];
        let same = self.left.iter().position(|position| position.id() == id && position.fits(path));
        let offset = if let Some(found) = same {
            self.left.swap_remove(found).offset
        } else {
            // Of a pattern that was followed before, a file that is new is read whole.
            let is_known = !self.is_first || self.known.contains(key);
            if is_known || log.start == Start::Beginning { 0 } else { size }
        };
        self.open(index, path, offset, false, intake);
    }

    fn open(&mut self, index: usize, path: &Path, offset: u64, is_rotated: bool, intake: &mut Intake) {
        let content = self.content(index, path, intake);
        match Tail::open(path, index, offset, content) {
            Ok(mut tail) => {
                tail.is_rotated = is_rotated;
                info!(path = %path.display(), offset, "log file followed");
                self.tails.push(tail);
            }
            // It will be tried with the next scan; a lasting refusal is not worth a line each second.
            Err(error) => debug!(path = %path.display(), %error, "log file not opened"),
        }
    }

    fn content(&self, index: usize, path: &Path, intake: &mut Intake) -> Content {
        let log = &self.logs[index].2;
        let service = log.service.as_deref();
        if let What::Docker(_) = log.what {
            let name = docker::name(path);
            let service = intake.service(Some(service.unwrap_or(&name)), None);
            return Content::Docker(Box::new(Container::new(service, log.multiline)));
        }
        let service = service.map_or(OWN, |name| intake.service(Some(name), None));
        Content::Plain(Flow::new(service, path.to_string_lossy(), log.multiline))
    }

    /// Looks for what the run before left and was renamed, or copied and cut, meanwhile.
    fn find_left(&mut self, intake: &mut Intake) {
        for position in std::mem::take(&mut self.left) {
            let Some(index) = self.logs.iter().position(|(key, ..)| *key == position.pattern) else { continue };
            self.follow_moved(index, &position, intake);
        }
    }

    fn follow_moved(&mut self, index: usize, position: &Position, intake: &mut Intake) {
        let moved = position.find_moved(&|id| self.tails.iter().any(|tail| tail.id == id));
        if let Some(path) = moved.filter(|_| self.tails.len() < FILES_MAX) {
            self.open(index, &path, position.offset, true, intake);
        }
    }

    fn end_old(&mut self, hand: &mut Hand<'_>) {
        let Self { tails, buffer, .. } = self;
        tails.retain_mut(|tail| {
            let is_over = tail.is_over(hand.now);
            if is_over && let Err(error) = tail.finish(buffer, hand) {
                debug!(path = %tail.path.display(), %error, "log file not read to its end");
            }
            !is_over
        });
        self.is_full &= self.tails.len() >= FILES_MAX;
    }

    /// How many files there are to take turns at.
    pub(super) fn count(&self) -> usize {
        self.tails.len()
    }

    /// Reads one buffer of one file. Whether there may be more at once.
    pub(super) fn turn(&mut self, index: usize, hand: &mut Hand<'_>) -> bool {
        let Some(tail) = self.tails.get_mut(index) else { return false };
        match tail.turn(&mut self.buffer, hand) {
            Ok(Turn::More) => true,
            Ok(Turn::AtEnd) => false,
            Ok(Turn::Truncated) => {
                self.cut(index, hand);
                true
            }
            Err(error) => {
                debug!(path = %tail.path.display(), %error, "log file not read");
                false
            }
        }
    }

    /// A file was cut: what was not read of it may be in a copy beside it. Then it begins anew.
    fn cut(&mut self, index: usize, hand: &mut Hand<'_>) {
        let tail = &mut self.tails[index];
        let log = tail.log;
        let position = tail.restart(hand);
        debug!(path = %position.path.display(), "log file cut, read from its beginning");
        self.follow_moved(log, &position, hand.intake);
    }

    /// Hands in everything that is whole, when the agent stops.
    pub(super) fn stop(&mut self, hand: &mut Hand<'_>) {
        for tail in &mut self.tails {
            tail.flush(hand);
        }
    }

    /// Where everything was left, when the agent stops.
    pub(super) fn positions_at_stop(&mut self) -> (Vec<String>, Vec<Position>) {
        self.tails.iter_mut().for_each(Tail::confirm_all);
        self.all_positions()
    }

    /// Where everything was left, as far as ticks have taken it.
    pub(super) fn positions(&mut self, ticks: u64) -> (Vec<String>, Vec<Position>) {
        self.tails.iter_mut().for_each(|tail| tail.confirm(ticks));
        self.all_positions()
    }

    fn all_positions(&self) -> (Vec<String>, Vec<Position>) {
        let positions = self.tails.iter().map(|tail| tail.position(&self.logs[tail.log].0)).collect();
        (self.logs.iter().map(|(key, ..)| key.clone()).collect(), positions)
    }
}

/// Whether this is `app.log.1` beside `app.log`: an older part that was followed under its first name, or a copy of it.
fn is_older(path: &Path) -> bool {
    let is_number = path.extension().is_some_and(|end| !end.is_empty() && end.as_encoded_bytes().iter().all(u8::is_ascii_digit));
    is_number && path.with_extension("").exists()
}
