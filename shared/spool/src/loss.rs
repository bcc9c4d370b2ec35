//! Counts what was lost, by cause, until somebody asks.

use farol_shared::batch::LostCause;

use crate::format::Totals;

/// What tells one batch of an agent from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// Random number of the run that made it.
    pub boot: u64,
    /// Its number in that run.
    pub seq: u64,
}

/// Batches that will not be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// [`LostCause::SpoolFull`] for what made room, [`LostCause::SpoolDamaged`] for what cannot be read back.
    pub cause: LostCause,
    /// The oldest of them, where it is known.
    pub oldest: Option<Key>,
    /// How many batches.
    pub batches: u64,
    /// How many samples they carried, as far as it can be known.
    pub samples: u64,
}

/// Losses not yet reported; at most one entry a cause, so that reporting late costs no memory.
#[derive(Debug, Default)]
pub(crate) struct Losses(Vec<Dropped>);

impl Losses {
    /// Counts batches that made room.
    pub(crate) fn full(&mut self, lost: Totals, oldest: Option<Key>) {
        self.add(LostCause::SpoolFull, lost, oldest);
    }

    /// Counts batches that cannot be read back.
    pub(crate) fn damaged(&mut self, lost: Totals) {
        self.add(LostCause::SpoolDamaged, lost, None);
    }

    /// Hands out what was counted, and starts again from nothing.
    pub(crate) fn take(&mut self) -> Vec<Dropped> {
        std::mem::take(&mut self.0)
    }

    fn add(&mut self, cause: LostCause, lost: Totals, oldest: Option<Key>) {
        if lost == Totals::default() {
            return;
        }
        if let Some(entry) = self.0.iter_mut().find(|entry| entry.cause == cause) {
            entry.batches = entry.batches.saturating_add(lost.batches);
            entry.samples = entry.samples.saturating_add(lost.samples);
        } else {
            self.0.push(Dropped { cause, oldest, batches: lost.batches, samples: lost.samples });
        }
    }
}
