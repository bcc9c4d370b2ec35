//! The process's environment, the only place of the agent that reads it.

use std::env;

use farol_shared::config::Vars;

/// The variables that the process was started with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Environment;

impl Vars for Environment {
    fn var(&self, name: &str) -> Option<String> {
        // A value that is not UTF-8 cannot be a setting; it counts as unset.
        env::var_os(name)?.into_string().ok().filter(|value| !value.is_empty())
    }

    fn names(&self, prefix: &str) -> Vec<String> {
        env::vars_os().filter_map(|(name, _)| name.into_string().ok()).filter(|name| name.starts_with(prefix)).collect()
    }
}
