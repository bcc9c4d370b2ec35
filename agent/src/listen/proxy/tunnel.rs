//! A connection after an upgrade: bytes both ways until both ends have said that they are done.
//!
//! An idle tunnel holds no buffer: bytes rest on the stack between a read and a write, and on the heap only while the
//! reader of the other side is slow, at most [`CHUNK`] bytes a direction.

use std::{
    future::poll_fn,
    io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Most bytes that are read at a time.
const CHUNK: usize = 8 << 10;

/// Passes bytes both ways until both directions have ended.
///
/// # Errors
/// What the system says when either end breaks.
pub(super) async fn run<A, B>(mut one: A, mut other: B) -> io::Result<()>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (mut there, mut back) = (Pipe::default(), Pipe::default());
    poll_fn(|cx| {
        let sent = there.poll(cx, &mut one, &mut other)?;
        let received = back.poll(cx, &mut other, &mut one)?;
        if sent.is_ready() && received.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}

/// One direction.
#[derive(Debug, Default)]
struct Pipe {
    /// What was read and not yet written; empty most of the time.
    rest: Vec<u8>,
    written: usize,
    is_ended: bool,
    is_closed: bool,
}

impl Pipe {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        loop {
            if self.is_closed {
                return Poll::Ready(Ok(()));
            }
            if let Some(rest) = self.rest.get(self.written..).filter(|rest| !rest.is_empty()) {
                let count = ready!(Pin::new(&mut *to).poll_write(cx, rest))?;
                if count == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.written += count;
                continue;
            }
            (self.rest, self.written) = (Vec::new(), 0);
            if self.is_ended {
                ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                self.is_closed = true;
                continue;
            }
            let mut stack = [MaybeUninit::uninit(); CHUNK];
            let mut buffer = ReadBuf::uninit(&mut stack);
            ready!(Pin::new(&mut *from).poll_read(cx, &mut buffer))?;
            let bytes = buffer.filled();
            self.is_ended = bytes.is_empty();
            let count = if self.is_ended {
                0
            } else {
                match Pin::new(&mut *to).poll_write(cx, bytes) {
                    Poll::Ready(count) => count?,
                    Poll::Pending => 0,
                }
            };
            self.rest.extend_from_slice(bytes.get(count..).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn bytes_pass_both_ways_through_small_pipes_and_ends_are_passed_on() {
        let (mut client, near) = duplex(100);
        let (far, mut server) = duplex(77);
        let sent: Vec<u8> = (0..200_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        let echo = async {
            let mut all = Vec::new();
            let mut chunk = vec![0; 1000];
            loop {
                let count = server.read(&mut chunk).await.unwrap();
                if count == 0 {
                    break;
                }
                all.extend_from_slice(&chunk[..count]);
            }
            server.write_all(&all).await.unwrap();
            server.shutdown().await.unwrap();
            all.len()
        };
        let ask = async {
            client.write_all(&sent).await.unwrap();
            client.shutdown().await.unwrap();
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            answer
        };
        let (passed, length, answer) = tokio::join!(run(near, far), echo, ask);
        passed.unwrap();
        assert_eq!(length, sent.len());
        assert!(answer == sent, "the echo differs");
    }
}
