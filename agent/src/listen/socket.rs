//! The Unix datagram socket: each datagram one request, from the middlewares of this machine.
//!
//! A datagram costs its sender a few microseconds and never waits; when the agent is away or behind, it is the sender that
//! drops. In: the JSON of `POST /v1/requests`, one object or a list. Out: requests in the intake. What is malformed is
//! counted. Everybody on the machine may send (mode 0666), as everybody may to the loopback listeners.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tokio::net::UnixDatagram;
use tracing::info;

use super::{
    Context, ListenError,
    items::{self, Kind, Reading, Refused},
};

/// Largest datagram, in bytes.
pub const DATAGRAM_BYTES_MAX: usize = 64 << 10;

/// Most datagrams that are read before others on the thread have their turn: about a millisecond of work.
const BURST_MAX: usize = 256;

/// Serves one path until told to stop.
///
/// # Errors
/// [`ListenError`] when the socket cannot be made, or somebody else listens on it, or it cannot be read.
pub async fn serve(path: PathBuf, mut context: Context) -> Result<(), ListenError> {
    let bind = |source| ListenError::Bind { address: path.display().to_string(), source };
    let socket = open(&path).map_err(bind)?;
    info!(path = %path.display(), "socket listener started");
    // One byte more shows a datagram that was cut.
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX + 1];
    let ended = loop {
        tokio::select! {
            () = context.stop.stopped() => break Ok(()),
            readable = socket.readable() => if let Err(error) = readable { break Err(error) },
        }
        match take_burst(&socket, &mut buffer, &context) {
            // Others first, then the rest.
            Ok(()) => tokio::task::yield_now().await,
            Err(error) => break Err(error),
        }
    };
    // What is left for the next one is only a name; without it, it would have to be found stale.
    let (taken, removed) = (take_burst(&socket, &mut buffer, &context), fs::remove_file(&path));
    let failed = |source| ListenError::Failed { what: format!("cannot read from {}", path.display()), source };
    ended
        .and(taken)
        .and(removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }))
        .map_err(failed)
}

/// Makes the socket. One that nobody listens on any more is taken away first; anything else at that path is left alone.
fn open(path: &Path) -> io::Result<UnixDatagram> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            let is_alive = std::os::unix::net::UnixDatagram::unbound()?.connect(path).is_ok();
            if is_alive {
                return Err(io::Error::new(io::ErrorKind::AddrInUse, "somebody listens on it already"));
            }
            fs::remove_file(path)?;
        }
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is something else than a socket")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let socket = UnixDatagram::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
    Ok(socket)
}

/// Takes what has come, up to [`BURST_MAX`].
fn take_burst(socket: &UnixDatagram, buffer: &mut [u8], context: &Context) -> io::Result<()> {
    for _ in 0..BURST_MAX {
        match socket.try_recv(buffer) {
            Ok(length) => take(buffer.get(..length).unwrap_or_default(), context),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn take(datagram: &[u8], context: &Context) {
    let mut intake = context.inlet.open();
    if datagram.len() > DATAGRAM_BYTES_MAX {
        return intake.drop_records("request", "oversize", 1);
    }
    let reading = Reading { now_ms: context.clock.now_ms(), keeps_private: false };
    let text = std::str::from_utf8(datagram).unwrap_or_default();
    match items::read(Kind::Request, text, reading) {
        Ok(items) => {
            intake.received("socket", items.len() as u64);
            items.into_iter().for_each(|item| item.take(&mut intake));
        }
        Err(Refused::Item { count, .. }) => intake.drop_records("request", "malformed", count as u64),
        Err(Refused::Syntax(_) | Refused::Shape(_)) => intake.drop_records("request", "malformed", 1),
    }
}

#[cfg(test)]
mod tests;
