//! TEMPORARY probe
use serde::Deserialize;

use crate::{
    config::list::Item,
    listen::{Context, ListenError},
};

/// One.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// What.
    pub target: String,
}

impl Item for Probe {
    fn from_word(word: &str) -> Result<Self, String> {
        Ok(Self { target: word.to_owned() })
    }
}

/// Serves.
///
/// # Errors
/// E.
pub async fn serve(probe: Probe, mut context: Context) -> Result<(), ListenError> {
    drop(probe);
    context.stop.stopped().await;
    Ok(())
}
