//! A metric: what a quantity is called, in which unit it is measured, and how it behaves.

use serde::{Deserialize, Serialize};

/// How the values of a metric behave over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A value that goes up and down; the mean over a stretch is meaningful.
    Gauge,
    /// A running total that only grows, or starts again from zero. Stored raw; its rate is asked for.
    Counter,
}

impl Kind {
    /// The number that stands for the kind on the wire and on disk.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Gauge => 0,
            Self::Counter => 1,
        }
    }

    /// The kind that a number stands for, if any.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Gauge),
            1 => Some(Self::Counter),
            _ => None,
        }
    }
}

/// One row of the catalogue: everything that is known about a metric before it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Name after the OpenTelemetry semantic conventions where one exists; no unit in it.
    pub name: &'static str,
    /// Unit in UCUM notation (`By`, `s`, `1` for a ratio, `{process}` for a count).
    pub unit: &'static str,
    /// Gauge or counter.
    pub kind: Kind,
    /// Keys of the attributes that tell the series of one resource apart; empty when there is one series.
    pub attributes: &'static [&'static str],
    /// One sentence for people.
    pub description: &'static str,
}
