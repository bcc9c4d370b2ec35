//! TEMPORARY statsd
use std::{net::SocketAddr, path::PathBuf};

use super::{Context, ListenError};

/// Where it listens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// UDP.
    pub address: Option<SocketAddr>,
    /// Unix datagram socket.
    pub socket: Option<PathBuf>,
}

impl Settings {
    /// Whether anything is listened to.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.address.is_some() || self.socket.is_some()
    }
}

/// Serves.
///
/// # Errors
/// E.
pub async fn serve(settings: Settings, mut context: Context) -> Result<(), ListenError> {
    drop(settings);
    context.stop.stopped().await;
    Ok(())
}
