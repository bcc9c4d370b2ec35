//! What follows from what a channel answers: pauses, the second channel, giving up.

use serde_json::json;

use super::*;
use crate::notify::fixture;

fn channel(fallback: Option<&str>) -> Channel {
    let mut channel = fixture::channel("ntfy", json!({ "topic": "t" })).unwrap();
    channel.fallback = fallback.map(str::to_owned);
    channel
}

fn due(attempts: u32, tried_ms: Option<i64>) -> Due {
    Due { id: 1, key: "7-1-ops".to_owned(), incident: Some(7), notice: String::new(), attempts, tried_ms }
}

fn again(after_s: Option<u64>) -> Verdict {
    Verdict::Again { why: "503".to_owned(), after: after_s.map(Duration::from_secs) }
}

#[test]
fn pauses_double_to_a_minute_and_then_last_five() {
    let pauses: Vec<i64> = (0..9).map(pause_s).collect();
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 300, 300]);
}

#[test]
fn a_channel_that_stays_down_hands_over_after_ten_minutes_and_is_given_up_after_a_day() {
    let with = channel(Some("mail"));
    // All attempts of a message to a channel that is down from 0 on.
    let (mut at_ms, mut tried_ms, mut attempts, mut first_instead, mut ends) = (0, None, 0, None, Vec::new());
    while ends.len() < 400 {
        let made = judge(&with, &due(attempts, tried_ms), &again(None), at_ms);
        tried_ms.get_or_insert(at_ms);
        if made.instead.is_some() {
            first_instead.get_or_insert(at_ms);
        }
        ends.push(made.end);
        attempts += 1;
        match made.end {
            End::Again(next_ms) => at_ms = next_ms,
            _ => break,
        }
    }
    assert_eq!(first_instead, Some(INSTEAD_AFTER_MS), "not at the end of a long pause");
    assert_eq!(ends.last(), Some(&End::Failed));
    assert!((TRY_FOR_MS..TRY_FOR_MS + 300_000).contains(&at_ms), "{at_ms}");
    assert!((290..310).contains(&ends.len()), "{}", ends.len());
}

#[test]
fn what_a_channel_asks_for_is_obeyed() {
    let made = judge(&channel(None), &due(0, None), &again(Some(30)), 1_000);
    assert_eq!(made.end, End::Again(31_000));
    let made = judge(&channel(None), &due(6, Some(0)), &again(Some(30)), 1_000);
    assert_eq!(made.end, End::Again(65_000), "the longer of both");
}

#[test]
fn a_refusal_for_good_is_told_elsewhere_at_once_and_a_success_nowhere() {
    let dead = judge(&channel(Some("mail")), &due(0, None), &Verdict::Dead("404: no_service".to_owned()), 5);
    assert_eq!((dead.end, dead.instead.as_deref(), dead.detail.as_str()), (End::Dead, Some("mail"), "404: no_service"));
    let sent = judge(&channel(Some("mail")), &due(3, Some(0)), &Verdict::Told("200: ok".to_owned()), 900_000);
    assert_eq!((sent.end, sent.instead), (End::Sent, None));
}
