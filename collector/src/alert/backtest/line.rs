//! Line: the judged value of the subject that went furthest, in bounded memory.

use std::{collections::HashMap, sync::Arc};

use farol_store::ResourceId;

use crate::alert::{Subject, rule::Comparison};

/// Most subjects whose line is kept, those that are seen first: a line is 8 KiB.
const SUBJECTS_MAX: usize = 500;

/// Resource, unit and points.
pub(super) type Furthest = (ResourceId, String, Vec<(i64, f64)>);

/// The lines of some subjects.
#[derive(Debug)]
pub(super) struct Lines {
    from_ms: i64,
    bucket_ms: i64,
    comparison: Comparison,
    lines: HashMap<Subject, Line>,
    /// Subjects beyond those whose line is kept.
    others: std::collections::HashSet<Subject>,
}

#[derive(Debug)]
struct Line {
    unit: Arc<str>,
    furthest: f64,
    points: Vec<(i64, f64)>,
}

impl Lines {
    pub(super) fn new(from_ms: i64, bucket_ms: i64, comparison: Comparison) -> Self {
        Self { from_ms, bucket_ms, comparison, lines: HashMap::new(), others: std::collections::HashSet::new() }
    }

    /// How many subjects had a value.
    pub(super) fn subjects(&self) -> usize {
        self.lines.len() + self.others.len()
    }

    pub(super) fn add(&mut self, subject: &Subject, unit: &Arc<str>, at_ms: i64, value: f64) {
        let further = |one: f64, other: f64| if self.comparison == Comparison::Above { one.max(other) } else { one.min(other) };
        let time_ms = self.from_ms + (at_ms - self.from_ms).div_euclid(self.bucket_ms) * self.bucket_ms;
        if let Some(line) = self.lines.get_mut(subject) {
            line.furthest = further(line.furthest, value);
            let is_full = line.points.len() >= super::POINTS_MAX;
            match line.points.last_mut() {
                // The last moment is the end of the last stretch.
                Some((last_ms, last)) if *last_ms == time_ms || is_full => *last = further(*last, value),
                _ => line.points.push((time_ms, value)),
            }
        } else if self.lines.len() < SUBJECTS_MAX {
            let line = Line { unit: Arc::clone(unit), furthest: value, points: vec![(time_ms, value)] };
            self.lines.insert(subject.clone(), line);
        } else if !self.others.contains(subject) {
            self.others.insert(subject.clone());
        }
    }

    /// Resource, unit and points of the subject that went furthest; of several the first.
    pub(super) fn furthest(self) -> Option<Furthest> {
        let is_above = self.comparison == Comparison::Above;
        let best = self.lines.into_iter().min_by(|(one, a), (other, b)| {
            let order = if is_above { b.furthest.total_cmp(&a.furthest) } else { a.furthest.total_cmp(&b.furthest) };
            order.then_with(|| one.cmp(other))
        });
        best.map(|(subject, line)| (subject.resource, line.unit.to_string(), line.points))
    }
}
