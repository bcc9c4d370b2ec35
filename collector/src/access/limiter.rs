//! Slows guessing of passwords and codes: a few attempts at once, then one every few seconds, per address and per account.
//!
//! Nobody is locked out for longer than a fraction of a minute, so that an attacker cannot keep the owner away; and who comes
//! from an address at which the account is signed in is not slowed by what strangers do. Bounded: the map holds [`KEYS_MAX`]
//! keys, beyond it the keys that would be free soonest are forgotten; counts of failures are kept of accounts that exist.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
};

use crate::state::Fingerprint;

/// Most keys that are remembered: 100 bytes each, about 1 MiB.
const KEYS_MAX: usize = 10_000;

/// So many attempts at once, then one each so many milliseconds.
#[derive(Debug, Clone, Copy)]
struct Pace {
    burst: i64,
    each_ms: i64,
}

/// One account from one address: five attempts a minute.
const PAIR: Pace = Pace { burst: 5, each_ms: 12_000 };

/// All accounts from one address. Wider, as a whole office may come through one.
const ADDRESS: Pace = Pace { burst: 30, each_ms: 2_000 };

/// One account from all addresses: slows a guess from many machines, and delays the owner by seconds at most.
const ACCOUNT: Pace = Pace { burst: 30, each_ms: 3_000 };

/// Codes for one account, by somebody who knows its password: at this pace guessing one takes years.
const CODE: Pace = Pace { burst: 10, each_ms: 30_000 };

/// After so many failures in a row the audit log is told, and again each time they have doubled.
const TOLD_FAILURES: u32 = 3;

/// Most accounts whose failures are counted: as many as there may be.
const COUNTED_MAX: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Pair(Option<IpAddr>, Fingerprint),
    Address(Option<IpAddr>),
    Account(Fingerprint),
    /// Of an address at which the account is signed in, or of all others together.
    Code(Option<IpAddr>, Fingerprint),
}

/// Who tries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt<'a> {
    /// Where it comes from, when that is known.
    pub(super) address: Option<IpAddr>,
    /// Name of the account, as it was given.
    pub(super) account: &'a str,
    /// Whether the account is signed in at this address.
    pub(super) is_known: bool,
}

/// Attempts of late.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    /// When each key would have been used up to now if its attempts had come at their pace, in ms since the epoch.
    due_ms: Mutex<HashMap<Key, i64>>,
    /// Failures in a row of accounts that exist.
    failures: Mutex<HashMap<Fingerprint, u32>>,
}

/// Too many attempts; the next may come in this many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooOften {
    pub(super) retry_after_s: u64,
}

impl Limiter {
    /// Counts one attempt from where nobody is known, or refuses it.
    pub(super) fn attempt(&self, address: Option<IpAddr>, account: &str, now_ms: i64) -> Result<(), TooOften> {
        self.attempt_of(&Attempt { address, account, is_known: false }, now_ms)
    }

    /// Counts one attempt, or refuses it.
    pub(super) fn attempt_of(&self, attempt: &Attempt<'_>, now_ms: i64) -> Result<(), TooOften> {
        let [pair, address, account] = keys(attempt.address, attempt.account);
        if attempt.is_known { self.take(&[pair], now_ms) } else { self.take(&[pair, address, account], now_ms) }
    }

    /// Counts one code that comes after the right password, or refuses it.
    pub(super) fn code(&self, attempt: &Attempt<'_>, now_ms: i64) -> Result<(), TooOften> {
        let address = attempt.address.filter(|_| attempt.is_known).map(network);
        self.take(&[(Key::Code(address, Fingerprint::of(&attempt.account.to_lowercase())), CODE)], now_ms)
    }

    fn take(&self, keys: &[(Key, Pace)], now_ms: i64) -> Result<(), TooOften> {
        let mut due_ms = self.due_ms.lock().unwrap_or_else(PoisonError::into_inner);
        let wait_ms = keys.iter().map(|(key, pace)| pace.wait_ms(due_ms.get(key).copied(), now_ms)).max().unwrap_or(0);
        if wait_ms > 0 {
            return Err(TooOften { retry_after_s: u64::try_from(wait_ms).unwrap_or(0).div_ceil(1_000) });
        }
        for (key, pace) in keys {
            if due_ms.len() >= KEYS_MAX && !due_ms.contains_key(key) {
                make_room(&mut due_ms, now_ms);
            }
            let due = due_ms.entry(*key).or_insert(now_ms);
            *due = pace.bounded(*due, now_ms) + pace.each_ms;
        }
        Ok(())
    }

    /// Counts a failure of an account that exists. Answers how many there were in a row when that is to be told.
    pub(super) fn failed(&self, account: &str) -> Option<u32> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= COUNTED_MAX {
            failures.clear();
        }
        let count = failures.entry(Fingerprint::of(&account.to_lowercase())).or_default();
        *count = count.saturating_add(1);
        (count.is_multiple_of(TOLD_FAILURES) && (*count / TOLD_FAILURES).is_power_of_two()).then_some(*count)
    }

    /// Forgives the attempts of somebody who got in.
    pub(super) fn forgive(&self, address: Option<IpAddr>, account: &str) {
        let name = Fingerprint::of(&account.to_lowercase());
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        let mut due_ms = self.due_ms.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, pace) in keys(address, account) {
            if matches!(key, Key::Pair(..)) {
                due_ms.remove(&key);
            } else if let Some(due) = due_ms.get_mut(&key) {
                *due -= pace.each_ms;
            }
        }
    }

    /// Forgives the codes of somebody whose code was right.
    pub(super) fn forgive_codes(&self, address: Option<IpAddr>, account: &str) {
        let name = Fingerprint::of(&account.to_lowercase());
        let mut due_ms = self.due_ms.lock().unwrap_or_else(PoisonError::into_inner);
        for key in [Key::Code(None, name), Key::Code(address.map(network), name)] {
            due_ms.remove(&key);
        }
    }
}

impl Pace {
    /// `due` within what this pace can have caused: a clock set back must not lock anybody out.
    fn bounded(self, due_ms: i64, now_ms: i64) -> i64 {
        due_ms.clamp(now_ms, now_ms + self.burst * self.each_ms)
    }

    fn wait_ms(self, due_ms: Option<i64>, now_ms: i64) -> i64 {
        due_ms.map_or(0, |due| self.bounded(due, now_ms) + self.each_ms - now_ms - self.burst * self.each_ms)
    }
}

fn keys(address: Option<IpAddr>, account: &str) -> [(Key, Pace); 3] {
    let address = address.map(network);
    let account = Fingerprint::of(&account.to_lowercase());
    [(Key::Pair(address, account), PAIR), (Key::Address(address), ADDRESS), (Key::Account(account), ACCOUNT)]
}

/// One IPv6 customer has 2^64 addresses at least: they count as one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

/// Forgets every key that is free, else the calmest quarter: one by one would search the whole map at each attempt.
fn make_room(due_ms: &mut HashMap<Key, i64>, now_ms: i64) {
    due_ms.retain(|_, due| *due > now_ms);
    if due_ms.len() >= KEYS_MAX {
        let mut all: Vec<i64> = due_ms.values().copied().collect();
        let (_, quarter, _) = all.select_nth_unstable(KEYS_MAX / 4);
        let quarter = *quarter;
        let mut room = KEYS_MAX / 4;
        due_ms.retain(|_, due| {
            let goes = *due <= quarter && room > 0;
            room -= usize::from(goes);
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));

    fn address(n: u32) -> Option<IpAddr> {
        Some(IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n)))
    }

    #[test]
    fn the_sixth_attempt_in_a_row_waits_and_says_how_long() {
        let limiter = Limiter::default();
        for _ in 0..5 {
            limiter.attempt(HOME, "ana", 0).unwrap();
        }
        assert_eq!(limiter.attempt(HOME, "Ana", 0), Err(TooOften { retry_after_s: 12 }));
        assert_eq!(limiter.attempt(HOME, "ana", 11_999), Err(TooOften { retry_after_s: 1 }));
        limiter.attempt(HOME, "ana", 12_000).unwrap();
        limiter.attempt(HOME, "bob", 12_000).unwrap();
    }

    #[test]
    fn the_right_password_makes_earlier_mistakes_forgotten() {
        let limiter = Limiter::default();
        for _ in 0..20 {
            limiter.attempt(HOME, "ana", 0).unwrap();
            limiter.forgive(HOME, "ana");
        }
    }

    #[test]
    fn an_attack_from_many_addresses_is_slowed_but_locks_nobody_out() {
        let limiter = Limiter::default();
        let mut now_ms = 0;
        for n in 0..10_000 {
            limiter.attempt(address(n), "ana", now_ms).ok();
            now_ms += 1;
        }
        let refused = limiter.attempt(HOME, "ana", now_ms).unwrap_err();
        assert!(refused.retry_after_s <= 3, "{refused:?}");
        let free_ms = now_ms + i64::try_from(refused.retry_after_s).unwrap() * 1_000;
        limiter.attempt(HOME, "ana", free_ms).unwrap();
    }

    #[test]
    fn who_is_signed_in_at_an_address_does_not_wait_for_strangers() {
        let limiter = Limiter::default();
        let stranger = |n| limiter.attempt(address(n), "ana", 0);
        while (0..1_000).any(|n| stranger(n).is_ok()) {}
        assert!(limiter.attempt(HOME, "ana", 0).is_err(), "elsewhere somebody must wait");
        let known = Attempt { address: HOME, account: "ana", is_known: true };
        limiter.attempt_of(&known, 0).unwrap();
        let stranger = Attempt { address: address(1), account: "ana", is_known: false };
        while limiter.code(&stranger, 0).is_ok() {}
        assert!(limiter.code(&Attempt { address: address(2), ..stranger }, 0).is_err(), "all strangers share one pace");
        limiter.code(&known, 0).unwrap();
    }

    #[test]
    fn a_guess_of_codes_would_take_years() {
        let limiter = Limiter::default();
        let day_ms = 86_400_000;
        let tried = (0..day_ms / 1_000)
            .filter(|second| {
                let attempt = Attempt { address: address(u32::try_from(*second).unwrap()), account: "ana", is_known: false };
                limiter.code(&attempt, second * 1_000).is_ok()
            })
            .count();
        // Each guess fits one of three codes in a million.
        assert!(tried < 2_900, "{tried}");
    }

    #[test]
    fn failures_are_told_after_three_and_then_ever_more_seldom() {
        let limiter = Limiter::default();
        let told: Vec<u32> = (0..100).filter_map(|_| limiter.failed("ana")).collect();
        assert_eq!(told, [3, 6, 12, 24, 48, 96]);
        limiter.forgive(HOME, "Ana");
        assert_eq!((limiter.failed("ana"), limiter.failed("ana"), limiter.failed("ana")), (None, None, Some(3)));
    }

    #[test]
    fn one_address_cannot_try_account_after_account() {
        let limiter = Limiter::default();
        let tried = (0..100).filter(|n| limiter.attempt(HOME, &format!("user{n}"), 0).is_ok()).count();
        assert_eq!(tried, 30);
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_count_as_one() {
        let one = |text: &str| network(text.parse().unwrap());
        assert_eq!(one("2001:db8:1:2::1"), one("2001:db8:1:2:ffff::9"));
        assert_ne!(one("2001:db8:1:2::1"), one("2001:db8:1:3::1"));
        assert_eq!(one("::ffff:192.0.2.1"), HOME.unwrap());
    }

    #[test]
    fn the_map_stays_bounded_and_a_clock_set_back_locks_nobody_out() {
        let limiter = Limiter::default();
        for n in 0..12_000 {
            limiter.attempt(address(n), &format!("user{n}"), 1_000_000_000).ok();
        }
        assert!(limiter.due_ms.lock().unwrap().len() <= KEYS_MAX);
        for _ in 0..5 {
            limiter.attempt(HOME, "ana", 1_000_000_000).ok();
        }
        let refused = limiter.attempt(HOME, "ana", 0).unwrap_err();
        assert!(refused.retry_after_s <= 60, "{refused:?}");
    }
}
