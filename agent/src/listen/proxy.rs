//! TEMPORARY listen/proxy
use serde::Deserialize;

use crate::{
    config::list::Item,
    listen::{Context, ListenError},
};

/// One.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// What.
    pub target: String,
}

impl Item for Proxy {
    fn from_word(word: &str) -> Result<Self, String> {
        Ok(Self { target: word.to_owned() })
    }
}

/// Serves.
///
/// # Errors
/// E.
pub async fn serve(proxy: Proxy, mut context: Context) -> Result<(), ListenError> {
    drop(proxy);
    context.stop.stopped().await;
    Ok(())
}
