//! What silences hold.

use super::*;
use crate::{
    alert::{
        silence::{Silence, SilenceBody},
        weekly::Weekly,
    },
    notify::route::tests::recipient,
};

fn silence(id: i64, matcher: &str, from_ms: i64, until_ms: i64) -> Silence {
    let body = SilenceBody { matchers: vec![matcher.to_owned()], ..SilenceBody::default() };
    Silence { id, tenant: None, from_ms, until_ms, body }
}

#[test]
fn what_is_silenced_is_kept_and_told_when_the_silence_ends() {
    let mut world = World::new(vec![recipient("mail")]);
    world.incidents.set_silences(vec![silence(7, "rule=cpu", 0, NOON_MS + 5 * MINUTE_MS)]);
    world.fire("cpu", 1, Level::Critical);
    assert_eq!(world.pass(299), [] as [&str; 0]);
    assert!(world.only().is_silenced);
    assert_eq!(world.pass(1), ["mail opened 1"]);
    assert!(!world.only().is_silenced);
}

#[test]
fn a_silence_counts_what_it_held_once() {
    let mut world = World::new(Vec::new());
    world.incidents.set_silences(vec![silence(7, "rule=*", 0, i64::MAX), silence(8, "rule=cpu", 0, i64::MAX)]);
    let changes = ["cpu", "memory"].map(|id| change(&rule(id), 1, Level::Ok, Level::Warning, world.now_ms));
    let mut next = world.incidents.clone();
    let step = next.take(&changes, &world.topology, &[], world.now_ms);
    assert_eq!(step.silenced, BTreeMap::from([(7, 2)]));
    let step = next.take(&changes, &world.topology, &[], world.now_ms + 1);
    assert_eq!(step.silenced, BTreeMap::new());
    next.set_silences(vec![silence(8, "rule=cpu", 0, i64::MAX)]);
    let step = next.take(&[], &world.topology, &[], world.now_ms + 2);
    assert_eq!(step.silenced, BTreeMap::from([(8, 1)]));
}

#[test]
fn a_silence_that_begins_later_stops_reminders_but_not_the_end() {
    let mut world = World::new(vec![recipient("mail")]);
    let often = Rule { remind_s: Some(60), ..rule("cpu") };
    world.turn(&often, 1, Level::Ok, Level::Warning);
    assert_eq!(world.pass(10), ["mail opened 1"]);
    world.incidents.set_silences(vec![silence(7, "resource=web-1", 0, i64::MAX)]);
    assert_eq!(world.pass(600), [] as [&str; 0]);
    assert_eq!(world.turn(&often, 1, Level::Warning, Level::Ok), ["mail resolved 1"]);
}

#[test]
fn a_silenced_host_that_is_down_keeps_quiet_about_what_runs_on_it() {
    let mut world = World::new(vec![recipient("mail")]);
    world.incidents.set_silences(vec![silence(7, "resource=web-1", 0, i64::MAX)]);
    let all: Vec<Change> =
        [1, 11, 12].map(|resource| change(&silent(), resource, Level::Ok, Level::Critical, world.now_ms)).to_vec();
    world.step(&all, &[]);
    assert_eq!(world.pass(60), [] as [&str; 0]);
}

#[test]
fn a_maintenance_window_comes_back_every_week_in_the_time_of_its_place() {
    // Mondays from 09:05 to 09:10 in São Paulo: five past noon in UTC.
    let weekly = Weekly { days: vec![1], start: "09:05".to_owned(), end: "09:10".to_owned(), offset_min: -180 };
    let mut window = silence(7, "rule=*", 0, i64::MAX);
    window.body.weekly = Some(weekly);
    let mut world = World::new(vec![recipient("mail")]);
    world.incidents.set_silences(vec![window]);
    for week in 0..2 {
        world.now_ms = NOON_MS + week * 7 * 24 * 60 * MINUTE_MS;
        world.fire("cpu", 1, Level::Warning);
        assert_eq!(world.pass(60), [format!("mail opened {}", week * 2 + 1)], "before it");
        world.resolve("cpu", 1);
        world.now_ms = NOON_MS + week * 7 * 24 * 60 * MINUTE_MS + 6 * MINUTE_MS;
        world.fire("memory", 1, Level::Warning);
        assert_eq!(world.pass(200), [] as [&str; 0], "within it");
        assert_eq!(world.pass(60), [format!("mail opened {}", week * 2 + 2)], "after it");
        world.resolve("memory", 1);
    }
}
