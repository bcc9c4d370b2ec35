//! The body of an export: written beside the runtime, slice by slice, as fast as it is read and no faster.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::body::{Body, Bytes};
use farol_shared::report;
use futures_util::{StreamExt as _, stream};
use tokio::{sync::mpsc, time::timeout};

use super::{CHUNK_BYTES, CHUNKS_WAITING_MAX, ExportError, Place, STALLED_AFTER, Source};
use crate::api::Turns;

/// How an export ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Everything was written and handed on.
    Whole,
    /// The reader went away.
    HungUp,
    /// The reader read nothing for [`STALLED_AFTER`].
    Stalled,
    /// History could not be read, or the collector stops.
    Failed,
}

impl End {
    /// The word for it in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "done",
            Self::HungUp | Self::Stalled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

/// Begins to write and answers the body. `ended` is called once, with the end and the number of rows.
pub fn body<S: Source, E>(source: S, turns: Turns, place: Place, ended: E) -> Body
where
    E: FnOnce(End, u64) + Send + 'static,
{
    let (pieces, waiting) = mpsc::channel(CHUNKS_WAITING_MAX);
    let is_whole = Arc::new(AtomicBool::new(false));
    let writer = Writer { turns, place, pieces, is_whole: Arc::clone(&is_whole) };
    tokio::spawn(async move {
        let (end, rows) = writer.run(source).await;
        if end != End::Whole {
            tracing::warn!(target: "export", end = end.as_str(), rows, "export not written to its end");
        }
        ended(end, rows);
    });
    // Who compresses it asks once more after the end.
    Body::from_stream(stream::unfold(Some((waiting, is_whole)), next).fuse())
}

type Reader = (mpsc::Receiver<Bytes>, Arc<AtomicBool>);

/// The next piece. When the writer is gone before its end, an error: the connection is cut, and the reader sees it.
async fn next(state: Option<Reader>) -> Option<(Result<Bytes, io::Error>, Option<Reader>)> {
    let (mut waiting, is_whole) = state?;
    match waiting.recv().await {
        Some(piece) => Some((Ok(piece), Some((waiting, is_whole)))),
        None if is_whole.load(Ordering::Acquire) => None,
        None => Some((Err(io::Error::other("the export could not be written to its end")), None)),
    }
}

struct Writer {
    turns: Turns,
    place: Place,
    pieces: mpsc::Sender<Bytes>,
    is_whole: Arc<AtomicBool>,
}

impl Writer {
    async fn run<S: Source>(self, mut source: S) -> (End, u64) {
        let mut rows = 0;
        loop {
            if self.place.is_closed() {
                return (End::Failed, rows);
            }
            // A turn a slice: between two of them the page's questions come first.
            let turn = self.turns.patiently(move || {
                let mut out = Vec::with_capacity(CHUNK_BYTES + 4_096);
                let told = source.next(&mut out);
                (source, out, told)
            });
            let (out, told): (Vec<u8>, Result<bool, ExportError>);
            tokio::select! {
                done = turn => match done {
                    Ok((back, written, answer)) => (source, out, told) = (back, written, answer),
                    // A panic, which the log tells of.
                    Err(_) => return (End::Failed, rows),
                },
                () = self.pieces.closed() => return (End::HungUp, rows),
            }
            rows = source.rows();
            let has_more = match told {
                Ok(has_more) => has_more,
                Err(error) => {
                    tracing::error!(target: "export", error = %report::chain(&error), "export failed");
                    return (End::Failed, rows);
                }
            };
            if !out.is_empty() {
                match timeout(STALLED_AFTER, self.pieces.send(out.into())).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return (End::HungUp, rows),
                    Err(_) => return (End::Stalled, rows),
                }
            }
            if !has_more {
                self.is_whole.store(true, Ordering::Release);
                return (End::Whole, rows);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, atomic::AtomicUsize};

    use http_body_util::BodyExt as _;

    use super::*;
    use crate::export::Exports;

    /// So many pieces, of which it counts those that were asked for; the last one may fail.
    struct Pieces {
        made: Arc<AtomicUsize>,
        left: usize,
        fails: bool,
    }

    impl Source for Pieces {
        fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, ExportError> {
            self.made.fetch_add(1, Ordering::SeqCst);
            out.resize(CHUNK_BYTES, b'x');
            self.left -= 1;
            if self.left == 0 && self.fails { Err(ExportError::TooDense(0)) } else { Ok(self.left > 0) }
        }

        fn rows(&self) -> u64 {
            self.made.load(Ordering::SeqCst) as u64
        }
    }

    type Ended = Arc<Mutex<Option<(End, u64)>>>;

    fn begin(exports: &Exports, left: usize, fails: bool) -> (Body, Arc<AtomicUsize>, Ended) {
        let (made, ended) = (Arc::new(AtomicUsize::new(0)), Ended::default());
        let told = Arc::clone(&ended);
        let source = Pieces { made: Arc::clone(&made), left, fails };
        let place = exports.begin().unwrap();
        let body = body(source, Turns::default(), place, move |end, rows| *told.lock().unwrap() = Some((end, rows)));
        (body, made, ended)
    }

    async fn until(ended: &Ended) -> (End, u64) {
        loop {
            if let Some(end) = *ended.lock().unwrap() {
                return end;
            }
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn all_pieces_arrive_and_the_end_is_told() {
        let (body, made, ended) = begin(&Exports::default(), 20, false);
        let bytes = body.collect().await.unwrap().to_bytes();
        assert_eq!((bytes.len(), made.load(Ordering::SeqCst)), (20 * CHUNK_BYTES, 20));
        assert_eq!(until(&ended).await, (End::Whole, 20));
    }

    #[tokio::test]
    async fn what_fails_amid_is_seen_by_its_reader() {
        let (body, _, ended) = begin(&Exports::default(), 3, true);
        assert!(body.collect().await.is_err(), "a short file must not look whole");
        assert_eq!(until(&ended).await.0, End::Failed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_reads_nothing_holds_a_few_pieces_and_is_given_up() {
        let exports = Exports::default();
        let (body, made, ended) = begin(&exports, 1_000, false);
        assert_eq!(until_paused(&ended).await.0, End::Stalled);
        assert_eq!(made.load(Ordering::SeqCst), CHUNKS_WAITING_MAX + 1, "what waits, and the one that found no room");
        assert!(body.collect().await.is_err(), "who reads again later sees that it is cut off");
        let all: Vec<Place> = (0..crate::export::EXPORTS_MAX).map(|_| exports.begin().unwrap()).collect();
        assert!(exports.begin().is_none() && all.len() == crate::export::EXPORTS_MAX, "its place is free again");
    }

    /// Lets paused time run on.
    async fn until_paused(ended: &Ended) -> (End, u64) {
        loop {
            if let Some(end) = *ended.lock().unwrap() {
                return end;
            }
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    }

    #[tokio::test]
    async fn a_reader_that_hangs_up_ends_it() {
        let (body, made, ended) = begin(&Exports::default(), 1_000_000, false);
        drop(body);
        assert_eq!(until(&ended).await.0, End::HungUp);
        assert!(made.load(Ordering::SeqCst) <= CHUNKS_WAITING_MAX + 2);
    }

    #[tokio::test]
    async fn a_collector_that_stops_ends_it() {
        let exports = Exports::default();
        let (body, _, ended) = begin(&exports, 1_000_000, false);
        exports.close();
        assert!(body.collect().await.is_err());
        assert_eq!(until(&ended).await.0, End::Failed);
        assert!(exports.begin().is_none());
    }
}
