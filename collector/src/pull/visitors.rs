//! People on a site now: what every tool of web analytics tells, in one table.

use farol_shared::catalog;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{PollError, Reading, parse};

/// Most pages that are listed.
const PAGES_MAX: usize = 50;

/// Longest path of a page, in bytes.
const PATH_BYTES_MAX: usize = 200;

/// People on a site now. Figures of different tools cannot be compared: each has its own window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Visitors {
    /// How many.
    pub count: u64,
    /// The stretch in which somebody must have been seen, in s; absent when the tool does not tell.
    pub window_s: Option<u32>,
    /// Who counts, and what.
    pub source: String,
    /// Where they are, most first, when the tool tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<Vec<VisitedPage>>,
}

/// How many people are on a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VisitedPage {
    /// Its path.
    pub path: String,
    /// How many.
    pub count: u64,
}

/// Sorts pages, most people first, and cuts what is too much.
#[must_use]
pub fn busiest(pages: impl Iterator<Item = (String, u64)>) -> Vec<VisitedPage> {
    let mut pages: Vec<VisitedPage> = pages
        .map(|(mut path, count)| {
            path.truncate(path.floor_char_boundary(PATH_BYTES_MAX));
            VisitedPage { path, count }
        })
        .collect();
    pages.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.path.cmp(&b.path)));
    pages.truncate(PAGES_MAX);
    pages
}

/// A count, or a refusal of what is none.
///
/// # Errors
/// [`PollError::bad_answer`], naming `what` was asked.
pub fn count(value: &Value, what: &str) -> Result<u64, PollError> {
    parse::whole(value).ok_or_else(|| PollError::bad_answer(format!("the answer to {what} holds no count of visitors")))
}

/// What a poll tells of them.
#[must_use]
pub fn reading(visitors: &Visitors) -> Reading {
    let mut reading = Reading::default();
    // Nobody has four thousand million visitors at a time; what had would be a mistake of the source.
    reading.set(&catalog::USERS_ONLINE, &[], u32::try_from(visitors.count).ok().map(f64::from));
    reading.snapshot("users", visitors);
    reading.say(format!("{} people on the site now, says {}", visitors.count, visitors.source));
    reading
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_the_busiest_and_bounded() {
        let pages = busiest((0..100).map(|n| (format!("/{n}{}", "é".repeat(200)), n)));
        assert_eq!((pages.len(), pages[0].count), (PAGES_MAX, 99));
        assert!(pages.iter().all(|page| page.path.len() <= PATH_BYTES_MAX));
    }
}
