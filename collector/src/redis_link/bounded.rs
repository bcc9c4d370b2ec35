//! A stream that ends when more is read than any answer is long, and that remembers how it began.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::ANSWER_BYTES_MAX;

/// What the error says, by which it is known again.
pub(super) const TOO_LARGE: &str = "more was answered than is read";

/// How much of the beginning is remembered, in bytes: a server that turns clients away says why in one line.
const HEARD_BYTES_MAX: usize = 200;

/// The first bytes that a server sent.
pub(super) type Heard = Arc<Mutex<Vec<u8>>>;

/// A stream whose answers are bounded: the count begins anew with each write.
pub(super) struct Bounded<S> {
    stream: S,
    read: usize,
    heard: Heard,
}

impl<S> Bounded<S> {
    pub(super) fn of(stream: S) -> (Self, Heard) {
        let heard = Heard::default();
        (Self { stream, read: 0, heard: Arc::clone(&heard) }, heard)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        if self.read < HEARD_BYTES_MAX
            && let Ok(mut heard) = self.heard.lock()
        {
            let rest = HEARD_BYTES_MAX.saturating_sub(heard.len());
            heard.extend(new.iter().take(rest));
        }
        self.read = self.read.saturating_add(new.len());
        Poll::Ready(if self.read > ANSWER_BYTES_MAX { Err(io::Error::other(TOO_LARGE)) } else { Ok(()) })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.read = 0;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
