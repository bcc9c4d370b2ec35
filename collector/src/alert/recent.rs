//! Recent: the last half hour of what rules judged, for the small chart in a notice.
//!
//! Bounded: [`super::stage::REMEMBERED_MAX`] subjects, [`HISTORY_MAX`] values each; subjects that are judged no more are forgotten.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Rule, Subject, engine::Judgement, notice::Newest, stage::REMEMBERED_MAX, standing::Standings};
use crate::notify::HISTORY_MAX;

/// Distance of the values, in milliseconds: thirty of them are half an hour.
const EVERY_MS: i64 = 60_000;

/// What was judged lately. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Recent {
    remembered: Arc<Mutex<Remembered>>,
    standings: Standings,
}

#[derive(Debug, Default)]
struct Remembered {
    minute: i64,
    subjects: HashMap<(String, Subject), Values>,
}

#[derive(Debug, Default)]
struct Values {
    past: VecDeque<f64>,
    seen: i64,
}

impl Recent {
    /// Nothing was judged yet; the newest values are those that stand.
    #[must_use]
    pub fn new(standings: Standings) -> Self {
        Self { remembered: Arc::default(), standings }
    }

    /// Takes in what was judged last. One value a minute is kept.
    pub fn see<'a>(&self, judgements: impl Iterator<Item = (&'a Rule, Judgement<'a>)>, now_ms: i64) {
        let mut remembered = self.lock();
        let minute = now_ms.div_euclid(EVERY_MS);
        if remembered.minute == minute {
            return;
        }
        remembered.minute = minute;
        for (rule, judged) in judgements {
            let Some(value) = judged.value.filter(|value| value.is_finite()) else { continue };
            let is_full = remembered.subjects.len() >= REMEMBERED_MAX;
            let key = (rule.id.clone(), judged.subject.clone());
            if is_full && !remembered.subjects.contains_key(&key) {
                continue;
            }
            let known = remembered.subjects.entry(key).or_default();
            if known.past.len() >= HISTORY_MAX {
                known.past.pop_front();
            }
            known.past.push_back(value);
            known.seen = minute;
        }
        // Thirty minutes without a value: there is nothing to draw.
        let oldest = minute - i64::try_from(HISTORY_MAX).unwrap_or(0);
        remembered.subjects.retain(|_, known| known.seen > oldest);
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        // Values are added one by one: none is half written after a panic elsewhere.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Newest for Recent {
    fn value(&self, rule: &str, subject: &Subject) -> Option<f64> {
        let standing = self.standings.now();
        standing.firing.iter().find(|firing| firing.rule.id == rule && firing.subject == *subject)?.value
    }

    fn history(&self, rule: &str, subject: &Subject) -> Vec<f64> {
        let remembered = self.lock();
        let known = remembered.subjects.get(&(rule.to_owned(), subject.clone()));
        known.map(|known| known.past.iter().copied().collect()).unwrap_or_default()
    }
}
