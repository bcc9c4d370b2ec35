//! Passing output on: byte for byte, by a thread for each stream, which also shows it to the logs.
//!
//! A thread, because whoever reads our output may be slow, and then the command must wait, and the agent must not.

use std::{
    fs::File,
    io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write},
    os::fd::{AsFd, OwnedFd},
    process::{ChildStderr, ChildStdout},
    sync::Arc,
    thread,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::oneshot;

use crate::listen::logs::stream::Stream;

/// What is read at once: the usual size of a pipe.
const CHUNK_BYTES: usize = 64 << 10;

/// What may still be read after the command's end: whatever others write into its pipes is not waited for.
const LAST_BYTES_MAX: usize = 1 << 20;

/// The thread needs little.
const STACK_BYTES: usize = 128 << 10;

/// One stream that is passed on.
#[derive(Debug)]
pub(super) struct Passing {
    /// Where the logs see it.
    pub(super) stream: Stream,
    /// Closed when the command has ended.
    end: Arc<PipeWriter>,
    done: oneshot::Receiver<()>,
}

impl Passing {
    /// Begins to pass on what is piped.
    pub(super) fn start(output: Option<ChildStdout>, errors: Option<ChildStderr>) -> io::Result<Vec<Self>> {
        let (ended, end) = io::pipe()?;
        let (ended, end) = (Arc::new(ended), Arc::new(end));
        let mut started = Vec::new();
        if let Some(output) = output {
            let to = File::from(io::stdout().as_fd().try_clone_to_owned()?);
            started.push(Self::one("stdout", File::from(OwnedFd::from(output)), to, &ended, &end)?);
        }
        if let Some(errors) = errors {
            let to = File::from(io::stderr().as_fd().try_clone_to_owned()?);
            started.push(Self::one("stderr", File::from(OwnedFd::from(errors)), to, &ended, &end)?);
        }
        Ok(started)
    }

    fn one(name: &'static str, from: File, to: File, ended: &Arc<PipeReader>, end: &Arc<PipeWriter>) -> io::Result<Self> {
        let stream = Stream::new(name);
        let (finished, done) = oneshot::channel();
        let (shown, ended) = (stream.clone(), Arc::clone(ended));
        thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES).spawn(move || {
            // When nobody reads our output any more, the command learns it as it would without us: its pipe is closed.
            drop(pass(from, to, &ended, &shown));
            shown.end();
            // Nobody waits when the agent has given up on us.
            finished.send(()).unwrap_or_default();
        })?;
        Ok(Self { stream, end: Arc::clone(end), done })
    }

    /// Waits until everything is passed on that the command wrote.
    pub(super) async fn finish(self) {
        drop(self.end);
        // An error says that the thread is gone, so it is done as well.
        drop(self.done.await);
    }
}

fn pass(mut from: File, mut to: File, ended: &PipeReader, shown: &Stream) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut last_bytes = 0;
    loop {
        let (is_readable, is_ended) = wait(&from, ended)?;
        if !is_readable || last_bytes > LAST_BYTES_MAX {
            return Ok(());
        }
        let length = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        write_all(&mut to, &buffer[..length])?;
        shown.put(&buffer[..length]);
        if is_ended {
            last_bytes += length;
        }
    }
}

/// Waits until there is something to read or the command has ended; whether either is so.
fn wait(from: &File, ended: &PipeReader) -> io::Result<(bool, bool)> {
    let mut waiting = [PollFd::new(from.as_fd(), PollFlags::POLLIN), PollFd::new(ended.as_fd(), PollFlags::POLLIN)];
    loop {
        match poll(&mut waiting, PollTimeout::NONE) {
            Ok(_) => {}
            Err(nix::errno::Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let is_set = |index: usize| waiting[index].any().unwrap_or(false);
        return Ok((is_set(0), is_set(1)));
    }
}

/// Writes everything, also where somebody made our output non-blocking.
fn write_all(to: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let mut waiting = [PollFd::new(to.as_fd(), PollFlags::POLLOUT)];
                if let Err(error) = poll(&mut waiting, PollTimeout::NONE)
                    && error != nix::errno::Errno::EINTR
                {
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
