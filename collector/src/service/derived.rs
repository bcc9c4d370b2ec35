//! What is derived from typed events: one table, from which the series of a service and the figures of the API are made.
//!
//! To derive another figure, add its row to the catalogue of metrics and one here. Agents check the fields of typed events; here
//! nothing is taken on trust: an event whose payload is not as expected counts in nothing but its type.
//!
//! Bounded: [`OPEN_MAX`] conversations and [`CAMPAIGNS_MAX`] campaigns a service; the oldest make room.

use std::collections::HashMap;

use farol_shared::{catalog, metric::Metric, record::Event};
use serde_json::Value;

/// For how long a conversation that does not end counts as active, in milliseconds.
pub const OPEN_FOR_MS: i64 = 30 * 60_000;

/// Most conversations of one service that are told apart: 24 bytes each.
pub const OPEN_MAX: usize = 10_000;

/// For how long the newest word of a campaign counts, in milliseconds.
pub const CAMPAIGN_FOR_MS: i64 = 7 * 86_400_000;

/// Most campaigns of one service that are told apart.
pub const CAMPAIGNS_MAX: usize = 1_000;

/// Statuses of a message that say that it was not sent.
const FAILED: &[&str] = &["failed", "failure", "error", "rejected", "undelivered", "undeliverable", "bounced", "expired"];

/// What must hold for an event of a type to count.
#[derive(Debug, Clone, Copy)]
enum When {
    /// A text field is one of these words, in any case.
    Is(&'static str, &'static [&'static str]),
    /// A text field is none of them.
    IsNot(&'static str, &'static [&'static str]),
    /// A field is `true` or `false`.
    Truth(&'static str),
    /// A field is `false`.
    False(&'static str),
    /// A field is a number and not negative.
    Number(&'static str),
}

/// A call of which both is known: whether it succeeded and how long it took.
const CALL: &[When] = &[When::Truth("success"), When::Number("response_time")];

/// Such a call that failed.
const FAILED_CALL: &[When] = &[When::False("success"), When::Number("response_time")];

/// What becomes of them.
#[derive(Debug, Clone, Copy)]
enum Fold {
    /// How many.
    Count,
    /// Sum of a field that is a number and not negative, times a factor.
    Sum(&'static str, f64),
    /// How many of this key began within [`OPEN_FOR_MS`] and did not end: ended by an event of the other type.
    Open { key: &'static str, end: &'static str },
    /// Sum over all keys of the newest value of a field.
    Newest { key: &'static str, field: &'static str },
}

/// One figure.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The metric that it is told as.
    pub metric: &'static Metric,
    event: &'static str,
    when: &'static [When],
    fold: Fold,
}

const fn row(metric: &'static Metric, event: &'static str, when: &'static [When], fold: Fold) -> Row {
    Row { metric, event, when, fold }
}

const fn campaign(metric: &'static Metric, field: &'static str) -> Row {
    row(metric, "CampaignUpdate", &[], Fold::Newest { key: "campaign_id", field })
}

/// Every figure that is derived from events.
pub const ROWS: &[Row] = &[
    row(&catalog::MESSAGES_SENT, "MessageSent", &[When::IsNot("status", FAILED)], Fold::Count),
    row(&catalog::MESSAGES_FAILED, "MessageSent", &[When::Is("status", FAILED)], Fold::Count),
    row(&catalog::MESSAGES_RECEIVED, "MessageReceived", &[], Fold::Count),
    row(
        &catalog::CONVERSATIONS_ACTIVE,
        "ConversationStarted",
        &[],
        Fold::Open { key: "conversation_id", end: "ConversationEnded" },
    ),
    row(&catalog::TICKETS_CREATED, "TicketCreated", &[], Fold::Count),
    row(&catalog::AI_INTERACTIONS, "AIInteraction", &[], Fold::Count),
    row(&catalog::AI_TOKENS, "AIInteraction", &[], Fold::Sum("tokens", 1.0)),
    row(&catalog::ERP_CALLS, "ERPCall", CALL, Fold::Count),
    row(&catalog::ERP_FAILED, "ERPCall", FAILED_CALL, Fold::Count),
    row(&catalog::ERP_TIME, "ERPCall", CALL, Fold::Sum("response_time", 1e-3)),
    campaign(&catalog::CAMPAIGNS_SENT, "sent"),
    campaign(&catalog::CAMPAIGNS_OPENED, "opened"),
    campaign(&catalog::CAMPAIGNS_CLICKED, "clicked"),
];

/// Types of events whose newest past must be known to tell a gauge: read again at a start.
#[must_use]
pub fn remembered() -> Vec<(String, i64)> {
    let mut types: Vec<(String, i64)> = Vec::new();
    for row in ROWS {
        match row.fold {
            Fold::Open { end, .. } => types.extend([(row.event.to_owned(), OPEN_FOR_MS), (end.to_owned(), OPEN_FOR_MS)]),
            Fold::Newest { .. } => types.push((row.event.to_owned(), CAMPAIGN_FOR_MS)),
            Fold::Count | Fold::Sum(..) => {}
        }
    }
    types.sort_unstable();
    types.dedup();
    types
}

/// Types of events that anything is derived from.
pub fn types() -> impl Iterator<Item = &'static str> {
    ROWS.iter().flat_map(|row| {
        let end = if let Fold::Open { end, .. } = row.fold { Some(end) } else { None };
        std::iter::once(row.event).chain(end)
    })
}

/// The state of one figure.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    /// A running total; nothing until the first event.
    Total(Option<f64>),
    /// When each conversation began or ended.
    Open(Kept<bool>),
    /// Newest value of each key.
    Newest(Kept<f64>),
}

/// A bounded map by key to (time, value), in which the newest time holds.
#[derive(Debug, Clone, PartialEq)]
struct Kept<V> {
    entries: HashMap<u64, (i64, V)>,
    max: usize,
    /// Whether there was ever one.
    is_used: bool,
}

impl<V: Copy> Kept<V> {
    fn new(max: usize) -> Self {
        Self { entries: HashMap::new(), max, is_used: false }
    }

    fn put(&mut self, key: u64, time_ms: i64, value: V, replaces: impl Fn(i64, V) -> bool) {
        self.is_used = true;
        if let Some((known_ms, known)) = self.entries.get_mut(&key) {
            if replaces(*known_ms, *known) {
                (*known_ms, *known) = (time_ms, value);
            }
            return;
        }
        if self.entries.len() >= self.max {
            self.make_room();
        }
        self.entries.insert(key, (time_ms, value));
    }

    /// Forgets the oldest tenth, so that a flood does not search for the oldest each time.
    fn make_room(&mut self) {
        let mut times: Vec<i64> = self.entries.values().map(|(time_ms, _)| *time_ms).collect();
        let (_, &mut limit_ms, _) = times.select_nth_unstable(self.max / 10);
        self.entries.retain(|_, (time_ms, _)| *time_ms > limit_ms);
    }
}

/// All derived figures of one service.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    cells: Vec<Cell>,
}

impl Default for Derived {
    fn default() -> Self {
        let cell = |row: &Row| match row.fold {
            Fold::Count | Fold::Sum(..) => Cell::Total(None),
            Fold::Open { .. } => Cell::Open(Kept::new(OPEN_MAX)),
            Fold::Newest { .. } => Cell::Newest(Kept::new(CAMPAIGNS_MAX)),
        };
        Self { cells: ROWS.iter().map(cell).collect() }
    }
}

impl Derived {
    /// Takes an event in.
    pub fn take(&mut self, event: &Event) {
        self.fold(event, true);
    }

    /// Takes an event of the past in, for what is told as a gauge: totals have counted it.
    pub fn remember(&mut self, event: &Event) {
        self.fold(event, false);
    }

    /// The figure of each row, in the order of [`ROWS`]: nothing where no event ever told of it.
    pub fn values(&self, now_ms: i64) -> impl Iterator<Item = (&'static Row, Option<f64>)> {
        ROWS.iter().zip(self.cells.iter().map(move |cell| cell.value(now_ms)))
    }

    /// Whether something began and has not ended.
    #[must_use]
    pub fn has_open(&self, now_ms: i64) -> bool {
        self.cells.iter().any(|cell| matches!(cell, Cell::Open(_)) && cell.value(now_ms).is_some_and(|count| count > 0.0))
    }

    /// Forgets what no longer counts.
    pub fn tidy(&mut self, now_ms: i64) {
        for cell in &mut self.cells {
            match cell {
                Cell::Total(_) => {}
                Cell::Open(kept) => kept.entries.retain(|_, (time_ms, _)| now_ms.saturating_sub(*time_ms) < OPEN_FOR_MS),
                Cell::Newest(kept) => kept.entries.retain(|_, (time_ms, _)| now_ms.saturating_sub(*time_ms) < CAMPAIGN_FOR_MS),
            }
        }
    }

    fn fold(&mut self, event: &Event, with_totals: bool) {
        let is_of = |row: &Row| row.event == event.kind || matches!(row.fold, Fold::Open { end, .. } if end == event.kind);
        if !ROWS.iter().any(is_of) {
            return;
        }
        let Ok(payload @ Value::Object(_)) = serde_json::from_str(&event.payload) else { return };
        for (row, cell) in ROWS.iter().zip(&mut self.cells).filter(|(row, _)| is_of(row)) {
            if row.when.iter().all(|when| when.holds(&payload)) {
                cell.fold(row, event, &payload, with_totals);
            }
        }
    }
}

impl When {
    fn holds(self, payload: &Value) -> bool {
        let is_in = |text: &str, words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
        match self {
            Self::Is(field, words) => payload[field].as_str().is_some_and(|text| is_in(text, words)),
            Self::IsNot(field, words) => payload[field].as_str().is_some_and(|text| !is_in(text, words)),
            Self::Truth(field) => payload[field].is_boolean(),
            Self::False(field) => payload[field] == Value::Bool(false),
            Self::Number(field) => number(&payload[field]).is_some(),
        }
    }
}

/// A number that is not negative.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| number.is_finite() && *number >= 0.0)
}

impl Cell {
    fn fold(&mut self, row: &Row, event: &Event, payload: &Value, with_totals: bool) {
        match (self, row.fold) {
            (Self::Total(total), Fold::Count) if with_totals => *total = Some(total.unwrap_or(0.0) + 1.0),
            (Self::Total(total), Fold::Sum(field, factor)) if with_totals => {
                if let Some(number) = number(&payload[field]) {
                    *total = Some(total.unwrap_or(0.0) + number * factor);
                }
            }
            (Self::Open(kept), Fold::Open { key, end }) => {
                let Some(key) = hash(&payload[key]) else { return };
                // An end holds against every earlier start, in whatever order the two arrive.
                let is_open = event.kind != end;
                kept.put(key, event.time_ms, is_open, |known_ms, known_open| {
                    event.time_ms > known_ms || (event.time_ms == known_ms && known_open)
                });
            }
            (Self::Newest(kept), Fold::Newest { key, field }) => {
                if let (Some(key), Some(number)) = (hash(&payload[key]), number(&payload[field])) {
                    kept.put(key, event.time_ms, number, |known_ms, _| event.time_ms >= known_ms);
                }
            }
            _ => {}
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "at most OPEN_MAX")]
    fn value(&self, now_ms: i64) -> Option<f64> {
        match self {
            Self::Total(total) => *total,
            Self::Open(kept) => kept.is_used.then(|| {
                let is_open = |(time_ms, is_open): &&(i64, bool)| *is_open && now_ms.saturating_sub(*time_ms) < OPEN_FOR_MS;
                kept.entries.values().filter(is_open).count() as f64
            }),
            Self::Newest(kept) => kept.is_used.then(|| kept.entries.values().map(|(_, number)| number).sum()),
        }
    }
}

/// A key as a number: text or a number in the payload; `None` when it is neither.
fn hash(key: &Value) -> Option<u64> {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    match key {
        Value::String(text) if !text.is_empty() => text.hash(&mut hasher),
        Value::Number(number) => number.to_string().hash(&mut hasher),
        _ => return None,
    }
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(time_ms: i64, kind: &str, payload: &str) -> Event {
        Event { time_ms, kind: kind.to_owned(), tenant: None, payload: payload.to_owned() }
    }

    fn value(derived: &Derived, metric: &Metric, now_ms: i64) -> Option<f64> {
        derived.values(now_ms).find(|(row, _)| row.metric == metric).and_then(|(_, value)| value)
    }

    #[test]
    fn nothing_is_told_before_the_first_event_of_its_type() {
        let derived = Derived::default();
        assert!(derived.values(0).all(|(_, value)| value.is_none()));
    }

    #[test]
    fn totals_are_derived_as_the_table_says() {
        let mut derived = Derived::default();
        for (kind, payload) in [
            ("MessageSent", r#"{"message_id":"1","status":"sent"}"#),
            ("MessageSent", r#"{"message_id":"2","status":"delivered"}"#),
            ("MessageSent", r#"{"message_id":"3","status":"Failed"}"#),
            ("MessageReceived", r"{}"),
            ("TicketCreated", r#"{"ticket_id":7}"#),
            ("AIInteraction", r#"{"tokens":120}"#),
            ("AIInteraction", r#"{"tokens":"many"}"#),
            ("AIInteraction", r#"{"tokens":-5}"#),
            ("ERPCall", r#"{"provider":"sap","response_time":250,"success":true}"#),
            ("ERPCall", r#"{"provider":"sap","response_time":750,"success":false}"#),
            ("ERPCall", r#"{"provider":"sap","response_time":"slow","success":false}"#),
            ("ERPCall", r#"{"provider":"sap","response_time":5}"#),
            ("MessageSent", r"{}"),
            ("OrderPlaced", r"{}"),
        ] {
            derived.take(&event(0, kind, payload));
        }
        for (metric, expect) in [
            (&catalog::MESSAGES_SENT, 2.0),
            (&catalog::MESSAGES_FAILED, 1.0),
            (&catalog::MESSAGES_RECEIVED, 1.0),
            (&catalog::TICKETS_CREATED, 1.0),
            (&catalog::AI_INTERACTIONS, 3.0),
            (&catalog::AI_TOKENS, 120.0),
            (&catalog::ERP_CALLS, 2.0),
            (&catalog::ERP_FAILED, 1.0),
            (&catalog::ERP_TIME, 1.0),
        ] {
            assert_eq!(value(&derived, metric, 0), Some(expect), "{}", metric.name);
        }
    }

    #[test]
    fn a_payload_that_is_no_object_counts_in_nothing() {
        let mut derived = Derived::default();
        for payload in ["", "[]", "null", "{", "\u{0}", "17", r#""MessageSent""#] {
            derived.take(&event(0, "MessageReceived", payload));
        }
        assert_eq!(derived, Derived::default());
    }

    #[test]
    fn a_conversation_is_active_until_it_ends_or_for_half_an_hour() {
        let mut derived = Derived::default();
        let active = |derived: &Derived, now_ms| value(derived, &catalog::CONVERSATIONS_ACTIVE, now_ms);
        let (start, end) = ("ConversationStarted", "ConversationEnded");
        derived.take(&event(1_000, start, r#"{"conversation_id":"a"}"#));
        derived.take(&event(1_000, start, r#"{"conversation_id":"b"}"#));
        derived.take(&event(1_000, start, r#"{"customer":"x"}"#));
        assert_eq!(active(&derived, 2_000), Some(2.0));
        derived.take(&event(3_000, end, r#"{"conversation_id":"a"}"#));
        assert_eq!(active(&derived, 4_000), Some(1.0));
        // The end arrives before its start.
        derived.take(&event(6_000, end, r#"{"conversation_id":"c"}"#));
        derived.take(&event(5_000, start, r#"{"conversation_id":"c"}"#));
        assert_eq!(active(&derived, 7_000), Some(1.0));
        derived.take(&event(8_000, start, r#"{"conversation_id":"a"}"#));
        assert_eq!(active(&derived, 8_000), Some(2.0), "it begins again");
        assert_eq!(active(&derived, 1_000 + OPEN_FOR_MS), Some(1.0));
        derived.tidy(8_000 + OPEN_FOR_MS);
        assert_eq!(active(&derived, 8_000 + OPEN_FOR_MS), Some(0.0));
    }

    #[test]
    fn of_each_campaign_the_newest_word_counts() {
        let mut derived = Derived::default();
        for (time_ms, payload) in [
            (1, r#"{"campaign_id":"a","sent":100,"opened":10,"clicked":1}"#),
            (5, r#"{"campaign_id":"a","sent":200,"opened":50,"clicked":5}"#),
            (3, r#"{"campaign_id":"a","sent":150,"opened":20,"clicked":2}"#),
            (4, r#"{"campaign_id":9,"sent":1000,"opened":0}"#),
        ] {
            derived.take(&event(time_ms, "CampaignUpdate", payload));
        }
        assert_eq!(value(&derived, &catalog::CAMPAIGNS_SENT, 9), Some(1_200.0));
        assert_eq!(value(&derived, &catalog::CAMPAIGNS_OPENED, 9), Some(50.0));
        assert_eq!(value(&derived, &catalog::CAMPAIGNS_CLICKED, 9), Some(5.0));
    }

    #[test]
    fn a_flood_of_conversations_stays_within_its_bound() {
        let mut derived = Derived::default();
        for number in 0..OPEN_MAX as i64 + 5_000 {
            derived.take(&event(number, "ConversationStarted", &format!(r#"{{"conversation_id":{number}}}"#)));
        }
        let active = value(&derived, &catalog::CONVERSATIONS_ACTIVE, 20_000).unwrap();
        assert!((OPEN_MAX as f64 * 0.89..=OPEN_MAX as f64).contains(&active), "{active}");
    }

    #[test]
    fn what_is_remembered_at_a_start_moves_no_total() {
        let mut derived = Derived::default();
        derived.remember(&event(0, "ConversationStarted", r#"{"conversation_id":"a"}"#));
        derived.remember(&event(0, "MessageReceived", r"{}"));
        assert_eq!(value(&derived, &catalog::CONVERSATIONS_ACTIVE, 0), Some(1.0));
        assert_eq!(value(&derived, &catalog::MESSAGES_RECEIVED, 0), None);
        let types: Vec<String> = remembered().into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(types, ["CampaignUpdate", "ConversationEnded", "ConversationStarted"]);
    }
}
