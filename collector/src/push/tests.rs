//! Tests of rooms and mailboxes; the connection itself is tested with the whole collector.

use super::*;

fn mailbox(rooms: &[Room]) -> Mailbox {
    let slot = |room: &Room| Slot { room: room.clone(), is_stale: false, waiting: VecDeque::new() };
    Mailbox { slots: Mutex::new(rooms.iter().map(slot).collect()), wake: Notify::new() }
}

fn texts(mailbox: &Mailbox) -> Vec<String> {
    std::iter::from_fn(|| mailbox.take())
        .map(|due| match due {
            Due::Message(text) => text.to_string(),
            Due::WholeOf(room) => format!("all of {room}"),
        })
        .collect()
}

#[test]
fn rooms_have_names_and_names_have_rooms() {
    let records = [Room::Events, Room::EventsOf("a:b".into()), Room::Checks, Room::Logs];
    for room in [Room::Overview, Room::Resource(12), Room::System].into_iter().chain(records) {
        assert_eq!(Room::parse(&room.to_string()), Some(room));
    }
    assert_eq!(Room::parse("dashboard"), Some(Room::Overview));
    for name in [
        "",
        "resource:",
        "resource:x",
        "resource:-1",
        "resource:4294967296",
        "Overview",
        "tenant:1",
        "event:",
        "event",
        "events:x",
    ] {
        assert_eq!(Room::parse(name), None, "{name}");
    }
}

#[test]
fn a_listener_that_keeps_up_gets_every_message() {
    let mailbox = mailbox(&[Room::Overview]);
    for text in ["1", "2"] {
        assert_eq!(mailbox.put(&Room::Overview, &Utf8Bytes::from_static(text)), 0);
    }
    assert_eq!(texts(&mailbox), ["1", "2"]);
}

#[test]
fn a_slow_listener_skips_to_the_newest_state_and_the_skipped_are_counted() {
    let mailbox = mailbox(&[Room::Overview, Room::Resource(1)]);
    let message = Utf8Bytes::from_static("old");
    let skipped: u64 = (0..WAITING_MAX + 10).map(|_| mailbox.put(&Room::Overview, &message)).sum();
    assert_eq!(skipped, WAITING_MAX as u64 + 1, "those that waited, and the one that found no room");
    mailbox.put(&Room::Resource(1), &Utf8Bytes::from_static("frame"));
    assert_eq!(texts(&mailbox), ["all of overview", "frame"]);
    mailbox.put(&Room::Overview, &Utf8Bytes::from_static("new"));
    assert_eq!(texts(&mailbox), ["new"]);
}

#[test]
fn a_message_of_another_room_is_not_put_in() {
    let mailbox = mailbox(&[Room::Resource(1)]);
    mailbox.put(&Room::Resource(2), &Utf8Bytes::from_static("x"));
    assert_eq!(texts(&mailbox), Vec::<String>::new());
}

#[test]
fn of_records_a_slow_listener_keeps_the_newest() {
    let mailbox = mailbox(&[Room::Events]);
    let skipped: u64 = (0..RECORDS_WAITING_MAX + 3).map(|n| mailbox.put(&Room::Events, &Utf8Bytes::from(n.to_string()))).sum();
    assert_eq!(skipped, 3);
    let kept: Vec<String> = (3..RECORDS_WAITING_MAX + 3).map(|n| n.to_string()).collect();
    assert_eq!(texts(&mailbox), kept);
}
