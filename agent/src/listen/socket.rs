//! TEMPORARY socket
use super::{Context, ListenError};

/// Serves.
///
/// # Errors
/// E.
pub async fn serve(path: std::path::PathBuf, mut context: Context) -> Result<(), ListenError> {
    drop(path);
    context.stop.stopped().await;
    Ok(())
}
