//! Sign-ins that wait for a browser to come back from its provider.
//!
//! Bounded: [`EACH_MAX`] an address, [`ALL_MAX`] in all; the oldest goes, so that nobody can fill the room for others.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest;
use subtle::ConstantTimeEq as _;

use crate::state::Fingerprint;

/// How long a person may take at the provider, in milliseconds: time to look for a second factor.
pub(super) const WITHIN_MS: i64 = 10 * 60 * 1_000;

/// Most sign-ins under way: about 600 bytes each.
const ALL_MAX: usize = 5_000;

/// Most from one address: an office behind one may sign in at the same time.
const EACH_MAX: usize = 200;

/// One sign-in under way.
pub(super) struct Begun {
    /// Name of the provider.
    pub(super) provider: Arc<str>,
    /// Of the cookie that the browser was given.
    pub(super) browser: Fingerprint,
    /// What the token must say.
    pub(super) nonce: String,
    /// What proves that we began (PKCE).
    pub(super) verifier: String,
    /// Address to which the browser comes back.
    pub(super) back: String,
    /// Where the browser is.
    pub(super) address: Option<IpAddr>,
    /// When it began, in ms since the epoch.
    pub(super) began_ms: i64,
}

/// Sign-ins under way, by the fingerprint of their state.
#[derive(Default)]
pub(super) struct Pending(Mutex<HashMap<Fingerprint, Begun>>);

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pending")
    }
}

impl Pending {
    pub(super) fn add(&self, state: &str, begun: Begun, now_ms: i64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, one| one.is_waiting(now_ms));
        let of_address = all.values().filter(|one| one.address == begun.address).count();
        let is_crowded = |one: &Begun| of_address < EACH_MAX || one.address == begun.address;
        if of_address >= EACH_MAX || all.len() >= ALL_MAX {
            let oldest = all.iter().filter(|(_, one)| is_crowded(one)).min_by_key(|(_, one)| one.began_ms).map(|(key, _)| *key);
            oldest.and_then(|key| all.remove(&key));
        }
        all.insert(Fingerprint::of(state), begun);
    }

    /// Takes the sign-in of a state out, once, when the browser that began it asks. Another browser leaves it where it is.
    pub(super) fn take(&self, state: &str, browser: &str, provider: &str, now_ms: i64) -> Option<Begun> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Fingerprint::of(state);
        let one = all.get(&key)?;
        let is_same = bool::from(one.browser.0.ct_eq(&Fingerprint::of(browser).0)) && *one.provider == *provider;
        if !is_same {
            return None;
        }
        all.remove(&key).filter(|one| one.is_waiting(now_ms))
    }
}

impl Begun {
    fn is_waiting(&self, now_ms: i64) -> bool {
        // A clock set back must not make it last.
        (0..WITHIN_MS).contains(&now_ms.saturating_sub(self.began_ms))
    }
}

/// What the provider is told of the verifier (RFC 7636, `S256`).
pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(address: u8, began_ms: i64) -> Begun {
        Begun {
            provider: "house".into(),
            browser: Fingerprint::of("browser"),
            nonce: String::new(),
            verifier: String::new(),
            back: String::new(),
            address: Some([192, 0, 2, address].into()),
            began_ms,
        }
    }

    #[test]
    fn a_state_is_taken_once_by_its_own_browser_in_time() {
        let pending = Pending::default();
        pending.add("state", begun(1, 0), 0);
        assert!(pending.take("state", "another", "house", 1).is_none());
        assert!(pending.take("state", "browser", "other", 1).is_none());
        assert!(pending.take("wrong", "browser", "house", 1).is_none());
        assert!(pending.take("state", "browser", "house", 1).is_some());
        assert!(pending.take("state", "browser", "house", 1).is_none(), "a state works once");
        pending.add("late", begun(1, 0), 0);
        assert!(pending.take("late", "browser", "house", WITHIN_MS).is_none());
        pending.add("back", begun(1, 1_000), 1_000);
        assert!(pending.take("back", "browser", "house", 0).is_none(), "the clock was set back");
    }

    #[test]
    fn a_flood_from_one_address_pushes_out_its_own() {
        let pending = Pending::default();
        pending.add("mine", begun(1, 0), 0);
        for number in 0..EACH_MAX * 2 {
            pending.add(&format!("flood {number}"), begun(2, 1), 1);
        }
        assert!(pending.0.lock().unwrap().len() <= EACH_MAX + 1);
        assert!(pending.take("mine", "browser", "house", 2).is_some());
    }

    #[test]
    fn the_room_is_bounded_whoever_comes() {
        let pending = Pending::default();
        for number in 0..ALL_MAX + 50 {
            pending.add(&format!("flood {number}"), begun(u8::try_from(number % 250).unwrap(), 1), 1);
        }
        assert_eq!(pending.0.lock().unwrap().len(), ALL_MAX);
    }

    #[test]
    fn the_challenge_is_that_of_the_standards_example() {
        assert_eq!(challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
