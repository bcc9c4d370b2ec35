//! TEMPORARY listen/logs
use serde::Deserialize;

use crate::{
    config::list::Item,
    listen::{Context, ListenError},
};

/// One.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// What.
    pub target: String,
}

impl Item for Log {
    fn from_word(word: &str) -> Result<Self, String> {
        Ok(Self { target: word.to_owned() })
    }
}

/// Serves.
///
/// # Errors
/// E.
pub async fn serve(logs: Vec<Log>, state_dir: Option<std::path::PathBuf>, mut context: Context) -> Result<(), ListenError> {
    drop((logs, state_dir));
    context.stop.stopped().await;
    Ok(())
}
