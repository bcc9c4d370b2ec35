//! Routing: which channels hear of an alert, and when they want their rest.

use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use crate::alert::{Level, weekly::Weekly};

/// After how long a critical incident that nobody acknowledged goes to the second channel, in milliseconds: 15 min.
pub const ESCALATE_AFTER_MS: i64 = 15 * 60_000;

/// A channel as far as routing needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The channel's word.
    pub id: String,
    /// Hears of this tenant only.
    pub tenant: Option<String>,
    /// Hears of what is at least so grave, unless a rule names it.
    pub min_level: Level,
    /// Whether it hears anything.
    pub is_enabled: bool,
    /// When it wants its rest.
    pub quiet: Option<Quiet>,
    /// The channel that is told when nobody acknowledges a critical incident.
    pub escalate_to: Option<String>,
    /// After how long, in milliseconds; [`ESCALATE_AFTER_MS`] by habit.
    pub escalate_after_ms: i64,
}

/// Quiet hours of a channel: what is told in them waits until they end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// When.
    #[serde(flatten)]
    pub window: Weekly,
    /// Whether what is critical waits too.
    #[serde(default)]
    pub holds_critical: bool,
}

impl Recipient {
    /// Whether it hears of an alert: a rule may name its channels, else the level decides. A channel of a tenant hears nothing of others.
    #[must_use]
    pub fn hears(&self, named: &[String], level: Level, tenant: Option<&str>) -> bool {
        let is_meant = if named.is_empty() { level >= self.min_level } else { named.contains(&self.id) };
        self.is_enabled && is_meant && self.may_know(tenant)
    }

    /// Whether something of an owner may be told to it.
    #[must_use]
    pub fn may_know(&self, tenant: Option<&str>) -> bool {
        self.tenant.is_none() || self.tenant.as_deref() == tenant
    }

    /// Until when something of a level must wait, in ms since the epoch; `None` when it may be told now.
    #[must_use]
    pub fn quiet_until_ms(&self, level: Level, now_ms: i64) -> Option<i64> {
        let quiet = self.quiet.as_ref()?;
        let is_held = level < Level::Critical || quiet.holds_critical;
        (is_held && quiet.window.holds(now_ms)).then(|| quiet.window.end_ms(now_ms))
    }
}

/// The channels as they are now: replaced as a whole when one is changed. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Recipients(Arc<RwLock<Arc<[Recipient]>>>);

impl Recipients {
    /// The channels.
    #[must_use]
    pub fn now(&self) -> Arc<[Recipient]> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces them.
    pub fn set(&self, recipients: Vec<Recipient>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = recipients.into();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn recipient(id: &str) -> Recipient {
        Recipient {
            id: id.to_owned(),
            tenant: None,
            min_level: Level::Warning,
            is_enabled: true,
            quiet: None,
            escalate_to: None,
            escalate_after_ms: ESCALATE_AFTER_MS,
        }
    }

    #[test]
    fn a_rule_names_its_channels_or_the_level_decides() {
        let pager = Recipient { min_level: Level::Critical, ..recipient("pager") };
        assert!(!pager.hears(&[], Level::Warning, None) && pager.hears(&[], Level::Critical, None));
        let named = ["pager".to_owned()];
        assert!(pager.hears(&named, Level::Warning, None), "named: whatever the level");
        assert!(!recipient("mail").hears(&named, Level::Critical, None));
        let off = Recipient { is_enabled: false, ..pager };
        assert!(!off.hears(&named, Level::Critical, None));
    }

    #[test]
    fn a_channel_of_a_tenant_hears_its_tenant_only_even_when_it_is_named() {
        let acme = Recipient { tenant: Some("acme".to_owned()), ..recipient("acme") };
        assert!(acme.hears(&[], Level::Warning, Some("acme")));
        assert!(!acme.hears(&[], Level::Critical, None) && !acme.hears(&["acme".to_owned()], Level::Critical, Some("other")));
        assert!(recipient("house").hears(&[], Level::Warning, Some("acme")));
    }

    #[test]
    fn warnings_wait_for_the_end_of_quiet_hours_and_what_is_critical_does_not() {
        let hour_ms = 3_600_000;
        let window = Weekly { days: Vec::new(), start: "22:00".to_owned(), end: "07:00".to_owned(), offset_min: 0 };
        let sleeper = Recipient { quiet: Some(Quiet { window, holds_critical: false }), ..recipient("phone") };
        assert_eq!(sleeper.quiet_until_ms(Level::Warning, 23 * hour_ms), Some(31 * hour_ms));
        assert_eq!(sleeper.quiet_until_ms(Level::Warning, 8 * hour_ms), None);
        assert_eq!(sleeper.quiet_until_ms(Level::Critical, 23 * hour_ms), None);
        let quiet = sleeper.quiet.clone().map(|quiet| Quiet { holds_critical: true, ..quiet });
        assert!(Recipient { quiet, ..sleeper }.quiet_until_ms(Level::Critical, 23 * hour_ms).is_some());
    }
}
