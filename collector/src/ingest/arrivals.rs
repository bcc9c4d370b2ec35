//! Who came to the agents' door lately: which agents deliver with a token that somebody waits for, and who was turned away.
//!
//! In: a word about each request at the door. Out: what the page's "add an agent" shows while it waits.
//!
//! Bounded: [`AWAITED_MAX`] tokens, each for [`AWAITED_MS`] after it was last asked about, [`AGENTS_MAX`] agents a token;
//! [`TURNED_AWAY_MAX`] refusals. While nobody waits a delivery costs one look at a number. Nothing of a token but its fingerprint
//! and its length is kept.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use farol_store::ResourceId;

use crate::{access::token, state::Fingerprint};

/// Most tokens that are waited for at once.
pub const AWAITED_MAX: usize = 64;

/// How long a token is waited for after it was last asked about, in milliseconds. A page asks every second.
pub const AWAITED_MS: i64 = 120_000;

/// Most agents that are told of one token.
pub const AGENTS_MAX: usize = 20;

/// Most resources that are told of one agent.
pub const RESOURCES_MAX: usize = 50;

/// Most refusals that are remembered.
pub const TURNED_AWAY_MAX: usize = 100;

/// Longest reason that is remembered, in characters.
const REASON_CHARS_MAX: usize = 300;

/// What is known of the door.
#[derive(Debug, Default)]
pub struct Arrivals {
    /// How many tokens are waited for, so that nobody takes the lock while there are none.
    awaited: AtomicUsize,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    tokens: BTreeMap<i64, Awaited>,
    turned_away: VecDeque<TurnedAway>,
}

/// A token that somebody waits for.
#[derive(Debug, Clone, Default)]
struct Awaited {
    asked_ms: i64,
    told: Told,
}

/// What is known of one token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// When an agent only asked whether it would be let in, in ms since the epoch.
    pub checked_ms: Option<i64>,
    /// By name.
    pub agents: BTreeMap<String, Arrived>,
    /// The newest batch of it that was not taken.
    pub refused: Option<RefusedBatch>,
}

/// An agent that delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// When first, since somebody waits, in ms since the epoch.
    pub first_ms: i64,
    /// When last.
    pub last_ms: i64,
    /// How many batches.
    pub batches: u64,
    /// Numbers of its resources.
    pub resources: Vec<ResourceId>,
}

/// A batch that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedBatch {
    /// When, in ms since the epoch.
    pub at_ms: i64,
    /// HTTP status.
    pub status: u16,
    /// What was wrong with it.
    pub detail: String,
}

/// Somebody without an accepted token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnedAway {
    /// When, in ms since the epoch.
    pub at_ms: i64,
    /// From where.
    pub address: Option<IpAddr>,
    /// What is known of the token that came.
    pub token: Shown,
}

/// What is known of a token that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// None came.
    Missing,
    /// One for programs: agents have others.
    ForPrograms,
    /// It begins as ours do, but is longer or shorter.
    Cut,
    /// Ours by its look: revoked, or of another collector.
    Unknown(Fingerprint),
    /// Something else, such as a placeholder.
    Foreign,
}

impl Shown {
    /// What a token looks like.
    #[must_use]
    pub fn of(bearer: Option<&str>) -> Self {
        let Some(text) = bearer else { return Self::Missing };
        match token::fingerprint(text) {
            _ if text.starts_with(token::API_PREFIX) => Self::ForPrograms,
            _ if text.starts_with(token::PREFIX) && text.len() != token::AGENT_TOKEN_BYTES => Self::Cut,
            Some(fingerprint) if text.len() == token::AGENT_TOKEN_BYTES => Self::Unknown(fingerprint),
            _ => Self::Foreign,
        }
    }
}

impl Arrivals {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a token. From now on it is waited for.
    pub fn ask(&self, token_id: i64, now_ms: i64) -> Told {
        let mut book = self.book();
        book.tokens.retain(|_, awaited| now_ms.saturating_sub(awaited.asked_ms) < AWAITED_MS);
        if book.tokens.len() >= AWAITED_MAX && !book.tokens.contains_key(&token_id) {
            let oldest = book.tokens.iter().min_by_key(|(_, awaited)| awaited.asked_ms).map(|(id, _)| *id);
            oldest.and_then(|id| book.tokens.remove(&id));
        }
        let awaited = book.tokens.entry(token_id).or_default();
        awaited.asked_ms = now_ms;
        let told = awaited.told.clone();
        self.awaited.store(book.tokens.len(), Relaxed);
        told
    }

    /// Who was turned away since `from_ms`, the newest first.
    #[must_use]
    pub fn turned_away(&self, from_ms: i64) -> Vec<TurnedAway> {
        self.book().turned_away.iter().rev().filter(|one| one.at_ms >= from_ms).cloned().collect()
    }

    fn with(&self, token_id: i64, note: impl FnOnce(&mut Told)) {
        if self.awaited.load(Relaxed) == 0 {
            return;
        }
        if let Some(awaited) = self.book().tokens.get_mut(&token_id) {
            note(&mut awaited.told);
        }
    }

    /// An agent asked whether it would be let in.
    pub(super) fn checked(&self, token_id: i64, now_ms: i64) {
        self.with(token_id, |told| told.checked_ms = Some(now_ms));
    }

    /// A batch of an agent is on disk.
    pub(super) fn delivered(&self, token_id: i64, agent: &str, resources: impl Iterator<Item = ResourceId>, now_ms: i64) {
        self.with(token_id, |told| {
            if told.agents.len() >= AGENTS_MAX && !told.agents.contains_key(agent) {
                return;
            }
            let fresh = Arrived { first_ms: now_ms, last_ms: now_ms, batches: 0, resources: Vec::new() };
            let arrived = told.agents.entry(agent.to_owned()).or_insert(fresh);
            (arrived.last_ms, arrived.batches) = (now_ms, arrived.batches + 1);
            for resource in resources {
                if arrived.resources.len() < RESOURCES_MAX && !arrived.resources.contains(&resource) {
                    arrived.resources.push(resource);
                }
            }
        });
    }

    /// A batch was not taken.
    pub(super) fn refused(&self, token_id: i64, status: u16, detail: &str, now_ms: i64) {
        let detail = detail.chars().take(REASON_CHARS_MAX).collect();
        self.with(token_id, |told| told.refused = Some(RefusedBatch { at_ms: now_ms, status, detail }));
    }

    /// Somebody came without an accepted token.
    pub(super) fn turn_away(&self, address: Option<IpAddr>, bearer: Option<&str>, now_ms: i64) {
        let one = TurnedAway { at_ms: now_ms, address, token: Shown::of(bearer) };
        let mut book = self.book();
        // Who tries every half minute stands there once.
        book.turned_away.retain(|known| known.address != one.address || known.token != one.token);
        if book.turned_away.len() >= TURNED_AWAY_MAX {
            book.turned_away.pop_front();
        }
        book.turned_away.push_back(one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tokens_that_somebody_waits_for_are_noted_and_not_for_ever() {
        let arrivals = Arrivals::default();
        arrivals.delivered(1, "web-1", [7].into_iter(), 1_000);
        assert_eq!(arrivals.ask(1, 2_000), Told::default(), "nobody waited yet");
        arrivals.delivered(1, "web-1", [7, 8].into_iter(), 3_000);
        arrivals.delivered(2, "web-2", [9].into_iter(), 3_000);
        arrivals.delivered(1, "web-1", [8].into_iter(), 4_000);
        let told = arrivals.ask(1, 5_000);
        let expect = Arrived { first_ms: 3_000, last_ms: 4_000, batches: 2, resources: vec![7, 8] };
        assert_eq!(told.agents, BTreeMap::from([("web-1".to_owned(), expect)]));
        assert_eq!(arrivals.ask(2, 5_000 + AWAITED_MS), Told::default());
        assert_eq!(arrivals.ask(1, 5_000 + AWAITED_MS), Told::default(), "forgotten when nobody asks any more");
    }

    #[test]
    fn everything_is_bounded() {
        let arrivals = Arrivals::default();
        for id in 0..200 {
            arrivals.ask(id, id);
        }
        for index in 0..200_u32 {
            arrivals.delivered(199, &format!("agent-{index}"), 0..1_000, 200);
            arrivals.turn_away(None, Some(&"x".repeat(usize::try_from(index % 3).unwrap())), 200);
        }
        for octet in 0..=255 {
            arrivals.turn_away(Some(IpAddr::from([10, 0, 0, octet])), None, 201);
        }
        assert_eq!(arrivals.book().tokens.len(), AWAITED_MAX);
        let told = arrivals.ask(199, 201);
        assert_eq!((told.agents.len(), told.agents["agent-0"].resources.len()), (AGENTS_MAX, RESOURCES_MAX));
        assert_eq!(arrivals.turned_away(0).len(), TURNED_AWAY_MAX);
        assert_eq!(arrivals.turned_away(0)[0].address, Some(IpAddr::from([10, 0, 0, 255])), "the newest first");
        assert!(arrivals.turned_away(202).is_empty());
    }

    #[test]
    fn who_tries_again_and_again_stands_there_once() {
        let arrivals = Arrivals::default();
        for at_ms in [1, 2, 3] {
            arrivals.turn_away(None, Some("FAROL_TOKEN"), at_ms);
        }
        assert_eq!(arrivals.turned_away(0), [TurnedAway { at_ms: 3, address: None, token: Shown::Foreign }]);
    }

    #[test]
    fn a_token_is_known_by_its_look() {
        let good = token::new_agent_token().unwrap();
        assert_eq!(Shown::of(Some(&good)), Shown::Unknown(Fingerprint::of(&good)));
        for (text, expect) in [
            (None, Shown::Missing),
            (good.get(..40), Shown::Cut),
            (Some("farol_api_abc"), Shown::ForPrograms),
            (Some("$FAROL_TOKEN"), Shown::Foreign),
        ] {
            assert_eq!(Shown::of(text), expect, "{text:?}");
        }
    }
}
