//! One followed file: what was read of it, and what of that is safe.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use tokio::time::{Duration, Instant};

use super::{
    assemble::Stamp,
    docker::Container,
    flow::{Flow, Hand},
    lines::Splitter,
    positions::{HEAD_BYTES, Position, fingerprint},
};

/// A file that was renamed is followed until nothing came for this long: its writer may not have noticed yet.
const ROTATED_KEPT: Duration = Duration::from_secs(60);

/// A file, whatever its name: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FileId {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl FileId {
    pub(super) fn of(metadata: &std::fs::Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// What the lines of a file are.
#[derive(Debug)]
pub(super) enum Content {
    /// Text.
    Plain(Flow),
    /// Docker's JSON.
    Docker(Box<Container>),
}

/// What one turn at a file came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// There may be more at once.
    More,
    /// Nothing more for now.
    AtEnd,
    /// It was cut or written anew: what was read is no longer at its beginning.
    Truncated,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    /// The pattern by which it was found: a place in the list of logs.
    pub(super) log: usize,
    pub(super) is_rotated: bool,
    file: File,
    content: Content,
    splitter: Splitter,
    /// Everything before was given to `content`.
    read: u64,
    /// Size when nothing more could be read.
    seen: u64,
    /// The first bytes, to notice another content at the same place.
    head: Vec<u8>,
    is_at_end: bool,
    quiet_since: Option<Instant>,
    /// Handed in at this tick up to this offset.
    mark: Option<(u64, u64)>,
    /// Handed in and taken by a tick.
    safe: u64,
}

impl Tail {
    /// Opens a file to read on from `offset`; from the next line if that is in the middle of one.
    pub(super) fn open(path: &Path, log: usize, offset: u64, content: Content) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let mut tail = Self {
            path: path.to_owned(),
            id: FileId::of(&metadata),
            log,
            is_rotated: false,
            file,
            content,
            splitter: Splitter::default(),
            read: offset,
            seen: 0,
            head: Vec::new(),
            is_at_end: false,
            quiet_since: None,
            mark: None,
            safe: offset,
        };
        tail.learn_head()?;
        let mut before = [b'\n'];
        if offset > 0 {
            tail.file.read_exact_at(&mut before, offset - 1)?;
        }
        if before != [b'\n'] {
            tail.splitter.skip_to_next();
        }
        Ok(tail)
    }

    /// Reads at most one buffer of lines.
    pub(super) fn turn(&mut self, buffer: &mut [u8], hand: &mut Hand<'_>) -> io::Result<Turn> {
        let size = self.file.metadata()?.size();
        if size < self.read || (size != self.seen && !self.is_head_unchanged()?) {
            return Ok(Turn::Truncated);
        }
        if size == self.seen {
            self.is_at_end = true;
            self.settle(hand);
            self.quiet_since.get_or_insert(hand.now);
            return Ok(Turn::AtEnd);
        }
        hand.is_live = self.is_at_end;
        self.quiet_since = None;
        let length = self.file.read_at(buffer, self.read)?;
        let done = self.give(&buffer[..length], hand);
        self.read += to_u64(done);
        if self.head.len() < HEAD_BYTES {
            self.learn_head()?;
        }
        self.is_at_end = self.read + to_u64(length - done) >= size;
        self.seen = if self.is_at_end { size } else { self.read };
        self.settle(hand);
        Ok(if self.is_at_end { Turn::AtEnd } else { Turn::More })
    }

    fn give(&mut self, bytes: &[u8], hand: &mut Hand<'_>) -> usize {
        let content = &mut self.content;
        self.splitter.split(bytes, self.read, &mut |line, from| match content {
            Content::Plain(flow) => flow.line(line, from, Stamp::default(), hand),
            Content::Docker(container) => container.line(line, from, hand),
        })
    }

    fn flows(&mut self, each: impl FnMut(&mut Flow)) {
        match &mut self.content {
            Content::Plain(flow) => std::iter::once(flow).for_each(each),
            Content::Docker(container) => container.flows().for_each(each),
        }
    }

    fn settle(&mut self, hand: &mut Hand<'_>) {
        let oversize = self.splitter.take_oversize();
        if oversize > 0 {
            hand.intake.drop_records("line", "oversize", oversize);
        }
        self.flows(|flow| flow.settle(hand));
    }

    /// Hands in what is held; a line without an end stays.
    pub(super) fn flush(&mut self, hand: &mut Hand<'_>) {
        self.flows(|flow| flow.flush(hand));
        self.settle(hand);
    }

    /// Hands in everything, for a file to which nothing more is written: its last line may have no end.
    pub(super) fn finish(&mut self, buffer: &mut [u8], hand: &mut Hand<'_>) -> io::Result<()> {
        let length = self.file.read_at(buffer, self.read)?;
        if length > 0 && !buffer[..length].contains(&b'\n') {
            // The end that it lacks, in the place of a byte that lies beyond the longest line.
            let length = length.min(buffer.len() - 1);
            buffer[length] = b'\n';
            self.give(&buffer[..=length], hand);
            self.read += to_u64(length);
        }
        self.flush(hand);
        Ok(())
    }

    /// Begins again, after the content was replaced. Answers where the old content was left.
    pub(super) fn restart(&mut self, hand: &mut Hand<'_>) -> Position {
        self.flush(hand);
        let before = Position { offset: self.read, ..self.position("") };
        (self.splitter, self.read, self.seen, self.safe, self.mark) = (Splitter::default(), 0, 0, 0, None);
        self.head.clear();
        before
    }

    /// Whether it was renamed and is done with.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        let is_quiet = self.quiet_since.is_some_and(|since| now.duration_since(since) >= ROTATED_KEPT);
        self.is_rotated && is_quiet && self.safe == self.handed()
    }

    /// Everything before was handed in.
    pub(super) fn handed(&self) -> u64 {
        let held = match &self.content {
            Content::Plain(flow) => flow.held_from(),
            Content::Docker(container) => container.held_from(),
        };
        held.map_or(self.read, |from| from.min(self.read))
    }

    /// Moves on what counts as safe: what was handed in before the last tick.
    pub(super) fn confirm(&mut self, ticks: u64) {
        if let Some((offset, _)) = self.mark.take_if(|(_, tick)| ticks > *tick) {
            self.safe = offset;
        }
        let handed = self.handed();
        if self.mark.is_none() && handed != self.safe {
            self.mark = Some((handed, ticks));
        }
    }

    /// Takes everything handed in for safe: the agent stops, and its last batch holds it.
    pub(super) fn confirm_all(&mut self) {
        self.safe = self.handed();
    }

    /// Where to read on after a restart.
    pub(super) fn position(&self, pattern: &str) -> Position {
        Position {
            pattern: pattern.to_owned(),
            path: self.path.clone(),
            device: self.id.device,
            inode: self.id.inode,
            offset: self.safe,
            head_bytes: self.head.len(),
            head: fingerprint(&self.head),
        }
    }

    fn learn_head(&mut self) -> io::Result<()> {
        let mut head = vec![0; HEAD_BYTES];
        let length = read_full(&self.file, &mut head)?;
        head.truncate(length.min(usize::try_from(self.read).unwrap_or(HEAD_BYTES)));
        self.head = head;
        Ok(())
    }

    fn is_head_unchanged(&self) -> io::Result<bool> {
        let mut head = [0; HEAD_BYTES];
        let head = &mut head[..self.head.len()];
        Ok(read_full(&self.file, head)? == head.len() && *head == self.head[..])
    }
}

/// Reads the beginning of a file, as much as there is.
pub(super) fn read_full(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut at = 0;
    while at < buffer.len() {
        match file.read_at(&mut buffer[at..], to_u64(at))? {
            0 => break,
            length => at += length,
        }
    }
    Ok(at)
}

fn to_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
