//! TEMPORARY listen/scrape
use serde::Deserialize;

use crate::{
    config::list::Item,
    listen::{Context, ListenError},
};

/// One.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scrape {
    /// What.
    pub target: String,
}

impl Item for Scrape {
    fn from_word(word: &str) -> Result<Self, String> {
        Ok(Self { target: word.to_owned() })
    }
}

/// Serves.
///
/// # Errors
/// E.
pub async fn serve(scrape: Scrape, mut context: Context) -> Result<(), ListenError> {
    drop(scrape);
    context.stop.stopped().await;
    Ok(())
}
