//! The outbox: order, what is written together, what is told instead, and that nothing is told twice.

use serde_json::json;

use super::*;

fn db() -> (tempfile::TempDir, StateDb) {
    let dir = tempfile::tempdir().unwrap();
    let db = StateDb::open(&dir.path().join(super::super::FILE_NAME)).unwrap();
    for incident in 1..=3 {
        let sql = "INSERT INTO incident (id, tenant, level, opened_ms, body) VALUES (?1, ?2, 'critical', 1, '{}')";
        db.connection.execute(sql, (incident, if incident == 3 { Some("acme") } else { None })).unwrap();
    }
    (dir, db)
}

fn row(incident: i64, number: i64, channel: &str, next_ms: i64) -> NewDelivery {
    let key = format!("{incident}-{number}-{channel}");
    let notice = json!({ "key": key, "reason": "opened" }).to_string();
    NewDelivery { key, channel: channel.to_owned(), incident: Some(incident), notice, next_ms, created_ms: next_ms }
}

fn attempt(id: i64, at_ms: i64, end: End, instead: Option<&str>) -> Attempt {
    let instead = instead.map(str::to_owned);
    Attempt { id, at_ms, detail: "said".to_owned(), end, channel_name: "Ops".to_owned(), instead }
}

fn lines(db: &StateDb, incident: i64) -> Vec<(String, String)> {
    let sql = "SELECT kind, json_extract(body, '$.state') FROM incident_line WHERE incident = ?1 ORDER BY id";
    let mut select = db.connection.prepare(sql).unwrap();
    let rows = select.query_map([incident], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

fn keys(db: &StateDb, channel: &str) -> Vec<String> {
    let mut select = db.connection.prepare("SELECT key FROM delivery WHERE channel = ?1 ORDER BY id").unwrap();
    let rows = select.query_map([channel], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn a_row_is_written_once_under_its_key() {
    let (_dir, mut db) = db();
    assert!(db.enqueue(&row(1, 1, "ops", 5)).unwrap());
    assert!(!db.enqueue(&row(1, 1, "ops", 9)).unwrap());
    assert_eq!((db.due_channels(4).unwrap(), db.due_channels(5).unwrap()), (vec![], vec!["ops".to_owned()]));
}

#[test]
fn of_an_incident_nothing_is_told_before_what_came_before_it_and_other_incidents_do_not_wait() {
    let (_dir, mut db) = db();
    for new in [row(1, 1, "ops", 5), row(1, 2, "ops", 6), row(2, 1, "ops", 7)] {
        db.enqueue(&new).unwrap();
    }
    let first = db.next_due("ops", 9).unwrap().unwrap();
    assert_eq!(first.key, "1-1-ops");
    assert!(db.record_attempt(&attempt(first.id, 9, End::Again(60), None)).unwrap());
    let other = db.next_due("ops", 9).unwrap().unwrap();
    assert_eq!(other.key, "2-1-ops", "1-2 waits behind 1-1");
    assert!(db.record_attempt(&attempt(other.id, 9, End::Sent, None)).unwrap());
    assert_eq!(db.next_due("ops", 59).unwrap(), None);
    let again = db.next_due("ops", 60).unwrap().unwrap();
    assert_eq!((again.key.as_str(), again.attempts, again.tried_ms), ("1-1-ops", 1, Some(9)));
    db.record_attempt(&attempt(again.id, 61, End::Sent, None)).unwrap();
    assert_eq!(db.next_due("ops", 61).unwrap().unwrap().key, "1-2-ops");
}

#[test]
fn a_row_is_done_once_with_its_line() {
    let (_dir, mut db) = db();
    db.enqueue(&row(1, 1, "ops", 5)).unwrap();
    let due = db.next_due("ops", 5).unwrap().unwrap();
    for at in [6, 7] {
        db.record_attempt(&attempt(due.id, at, End::Again(at + 1), None)).unwrap();
    }
    assert!(db.record_attempt(&attempt(due.id, 8, End::Sent, None)).unwrap());
    assert!(!db.record_attempt(&attempt(due.id, 9, End::Dead, None)).unwrap(), "it is done already");
    let told = |kind: &str, state: &str| (kind.to_owned(), state.to_owned());
    assert_eq!(lines(&db, 1), [told("failed", WAITING), told("delivered", SENT)], "the second failure has no line of its own");
    let shown = db.deliveries(10, &DeliveryFilter::default()).unwrap();
    assert_eq!(
        (shown[0].state.as_str(), shown[0].attempts, shown[0].done_ms, shown[0].reason.as_str()),
        (SENT, 3, Some(8), "opened")
    );
    let standing = db.channel_standing("ops").unwrap();
    assert_eq!((standing.waiting, standing.last), (0, Some((SENT.to_owned(), 8, "said".to_owned()))));
}

#[test]
fn the_second_channel_is_told_once_what_the_first_could_not_be_and_what_waits_behind_it() {
    let (_dir, mut db) = db();
    for new in [row(1, 1, "ops", 5), row(1, 2, "ops", 6), row(2, 1, "ops", 6), row(1, 2, "both", 6)] {
        db.enqueue(&new).unwrap();
    }
    let due = db.next_due("ops", 9).unwrap().unwrap();
    for at in [700, 1_000] {
        db.record_attempt(&attempt(due.id, at, End::Again(at + 300), Some("mail"))).unwrap();
    }
    assert_eq!(keys(&db, "mail"), ["1-1-ops.mail", "1-2-ops.mail"], "once, in order, and of this incident only");
    let notice: Value = serde_json::from_str(&db.next_due("mail", 2_000).unwrap().unwrap().notice).unwrap();
    assert_eq!(notice["key"], "1-1-ops.mail");
    db.record_attempt(&attempt(due.id, 1_300, End::Again(1_600), Some("both"))).unwrap();
    assert_eq!(keys(&db, "both"), ["1-2-both", "1-1-ops.both"], "what a channel is told anyway it is not told for another");
    // Neither back to where it came from.
    let mail = db.next_due("mail", 2_000).unwrap().unwrap();
    db.record_attempt(&attempt(mail.id, 2_000, End::Dead, Some("ops"))).unwrap();
    assert_eq!(keys(&db, "ops").len(), 3);
}

#[test]
fn what_is_refused_for_good_takes_nothing_else_with_it() {
    let (_dir, mut db) = db();
    for new in [row(1, 1, "ops", 5), row(1, 2, "ops", 6)] {
        db.enqueue(&new).unwrap();
    }
    let due = db.next_due("ops", 9).unwrap().unwrap();
    db.record_attempt(&attempt(due.id, 9, End::Dead, Some("mail"))).unwrap();
    assert_eq!(keys(&db, "mail"), ["1-1-ops.mail"]);
    assert_eq!(db.next_due("ops", 9).unwrap().unwrap().key, "1-2-ops");
}

#[test]
fn a_channel_that_is_gone_is_told_nothing_more_and_one_that_was_mended_is_tried_at_once() {
    let (_dir, mut db) = db();
    for new in [row(1, 1, "ops", 5), row(2, 1, "ops", 900)] {
        db.enqueue(&new).unwrap();
    }
    let due = db.next_due("ops", 9).unwrap().unwrap();
    db.record_attempt(&attempt(due.id, 9, End::Again(500), None)).unwrap();
    db.retry_channel("ops", 10).unwrap();
    assert_eq!(db.next_due("ops", 10).unwrap().unwrap().id, due.id);
    assert_eq!(db.next_due("ops", 10).unwrap().map(|due| due.attempts), Some(1), "what waits for its hour still does");
    assert_eq!(db.give_up_channel("ops", "gone", 11).unwrap(), 2);
    assert_eq!(db.due_channels(i64::MAX).unwrap(), Vec::<String>::new());
}

#[test]
fn people_of_a_tenant_see_what_was_told_of_theirs() {
    let (_dir, mut db) = db();
    for new in [row(1, 1, "ops", 5), row(3, 1, "ops", 5), row(2, 1, "acme-mail", 5)] {
        db.enqueue(&new).unwrap();
    }
    let acme = Some(("acme".to_owned(), vec!["acme-mail".to_owned()]));
    let seen = db.deliveries(10, &DeliveryFilter { tenant: acme, ..DeliveryFilter::default() }).unwrap();
    assert_eq!(seen.iter().map(|row| row.incident.unwrap()).collect::<Vec<_>>(), [2, 3]);
    let of_one = DeliveryFilter { channel: Some("ops".to_owned()), incident: Some(3), ..DeliveryFilter::default() };
    assert_eq!(db.deliveries(10, &of_one).unwrap().len(), 1);
    let before = DeliveryFilter { before: Some(2), ..DeliveryFilter::default() };
    assert_eq!(db.deliveries(10, &before).unwrap().len(), 1);
}

#[test]
fn the_outbox_keeps_to_its_bounds() {
    let (_dir, mut db) = db();
    assert!(db.enqueue(&row(1, 1, "ops", 1)).unwrap());
    db.connection
        .execute(
            "WITH RECURSIVE numbers (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
             INSERT INTO delivery (key, channel, notice, state, next_ms, created_ms) SELECT 'k' || n, 'ops', '{}', 'waiting', n, n FROM numbers",
            [WAITING_MAX + 5],
        )
        .unwrap();
    assert_eq!(db.prune_outbox(9).unwrap(), 5, "the oldest give way");
    assert_eq!(db.channel_standing("ops").unwrap().waiting, WAITING_MAX);
    assert_eq!(db.prune_outbox(9).unwrap(), 0);
}
