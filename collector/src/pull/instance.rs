//! One instance at work: polls within its time, whatever its system does.

use std::{fmt, time::Duration};

use farol_shared::config::Vars;
use tokio::time::timeout;

use super::{At, Declared, Integration, PollError, Reading, kind};

/// One instance of a kind.
pub struct Instance {
    /// As it was declared.
    pub declared: Declared,
    integration: Box<dyn Integration>,
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Instance").field(&self.declared.key()).finish()
    }
}

impl Instance {
    /// Makes an instance of what was declared.
    ///
    /// # Errors
    /// Says which key is wrong, and how.
    pub fn open(declared: Declared) -> Result<Self, String> {
        let integration = declared.open()?;
        Ok(Self { declared, integration })
    }

    /// Makes an instance of the keys of one table, as they stand in the configuration.
    ///
    /// # Errors
    /// Says which key is wrong, and how.
    pub fn from_toml(kind_name: &str, text: &str, vars: &dyn Vars) -> Result<Self, String> {
        let kind = kind(kind_name).ok_or_else(|| format!("there is no integration called {kind_name}"))?;
        let table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
        Self::open(Declared::read(kind, table, vars)?)
    }

    /// What it asks, for people.
    #[must_use]
    pub fn target(&self) -> String {
        self.integration.target()
    }

    /// Polls once.
    ///
    /// # Errors
    /// As [`Integration::poll`]; and when it took too long.
    pub async fn poll(&mut self, at: &At) -> Result<Reading, PollError> {
        let within = self.declared.given.timeout;
        timeout(within, self.integration.poll(at)).await.unwrap_or_else(|_| Err(late(within)))
    }
}

fn late(within: Duration) -> PollError {
    PollError::unreachable(format!("no answer within {} s", within.as_secs_f32()))
}
