//! Docker's `json-file`: one JSON object a line, with long lines in pieces of 16 KiB.

use std::{borrow::Cow, fs::File, io::Read, path::Path};

use serde::Deserialize;

use super::{
    assemble::Stamp,
    flow::{Flow, Hand},
    lines::LINE_BYTES_MAX,
    time,
};
use crate::intake::ServiceId;

/// Most bytes of a container's description that are read; it has some ten kilobytes.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Length of a short container id.
const SHORT_ID: usize = 12;

/// One piece of a line as the engine wrote it.
#[derive(Debug, Deserialize)]
struct Piece<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
}

/// One of the two streams of a container.
#[derive(Debug)]
struct Stream {
    flow: Flow,
    /// Pieces of a line that has no end yet, and where its first piece stands.
    joined: String,
    from: Option<u64>,
    stamp: Stamp,
    is_cut: bool,
}

/// What a container writes.
#[derive(Debug)]
pub(super) struct Container {
    /// Standard output and standard error.
    streams: [Stream; 2],
}

impl Container {
    pub(super) fn new(service: ServiceId, is_multiline: bool) -> Self {
        let stream = |name: &str| Stream {
            flow: Flow::new(service, name, is_multiline),
            joined: String::new(),
            from: None,
            stamp: Stamp::default(),
            is_cut: false,
        };
        Self { streams: [stream("stdout"), stream("stderr")] }
    }

    /// Takes a line of the engine's file.
    pub(super) fn line(&mut self, line: &[u8], from: u64, hand: &mut Hand<'_>) {
        let Ok(piece) = serde_json::from_slice::<Piece<'_>>(line) else {
            hand.intake.drop_records("line", "malformed", 1);
            return;
        };
        self.streams[usize::from(piece.stream == "stderr")].take(&piece, from, hand);
    }

    pub(super) fn flows(&mut self) -> impl Iterator<Item = &mut Flow> {
        self.streams.iter_mut().map(|stream| &mut stream.flow)
    }

    pub(super) fn held_from(&self) -> Option<u64> {
        self.streams.iter().flat_map(|stream| [stream.from, stream.flow.held_from()]).flatten().min()
    }
}

impl Stream {
    fn take(&mut self, piece: &Piece<'_>, from: u64, hand: &mut Hand<'_>) {
        let end = piece.log.strip_suffix('\n');
        if self.from.is_none() {
            let written = time::leading(piece.time.as_bytes());
            self.stamp = Stamp { time_ms: written.map(|written| written.ms.min(hand.now_ms)), level: None };
            if let Some(line) = end {
                self.flow.line(line.trim_end_matches('\r').as_bytes(), from, self.stamp, hand);
                return;
            }
            self.from = Some(from);
        }
        let text = end.unwrap_or(&piece.log);
        if self.joined.len() + text.len() <= LINE_BYTES_MAX {
            self.joined.push_str(text);
        } else if !std::mem::replace(&mut self.is_cut, true) {
            hand.intake.drop_records("line", "oversize", 1);
        }
        if end.is_some() {
            self.flow.line(self.joined.as_bytes(), self.from.unwrap_or(from), self.stamp, hand);
            self.joined = String::new();
            (self.from, self.is_cut) = (None, false);
        }
    }
}

/// The name of the container whose log this is: as in `config.v2.json` beside it, else its short id.
pub(super) fn name(log: &Path) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Config {
        name: String,
    }
    let directory = log.parent();
    let read = directory.and_then(|directory| File::open(directory.join("config.v2.json")).ok()).and_then(|file| {
        let mut text = Vec::new();
        file.take(CONFIG_BYTES_MAX).read_to_end(&mut text).ok()?;
        serde_json::from_slice::<Config>(&text).ok()
    });
    let id = || directory.and_then(Path::file_name).unwrap_or_default().to_string_lossy().chars().take(SHORT_ID).collect();
    read.map(|config| config.name.trim_start_matches('/').to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(id)
}
