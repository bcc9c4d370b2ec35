//! TEMPORARY http
use super::{Context, ListenError};

/// Serves.
///
/// # Errors
/// E.
pub async fn serve(_addr: std::net::SocketAddr, mut context: Context) -> Result<(), ListenError> {
    context.stop.stopped().await;
    Ok(())
}
