//! Alerts that come and go.

use super::*;
use crate::notify::route::tests::recipient;

#[test]
fn an_alert_that_comes_back_later_is_another_incident() {
    let mut world = World::new(vec![recipient("mail")]);
    world.fire("cpu", 1, Level::Warning);
    assert_eq!(world.pass(60), ["mail opened 1"]);
    assert_eq!(world.resolve("cpu", 1), ["mail resolved 1"]);
    world.pass(60);
    world.fire("cpu", 1, Level::Warning);
    assert_eq!(world.pass(60), ["mail opened 2"]);
}

#[test]
fn what_flaps_stays_one_incident_until_it_was_quiet_for_ten_minutes() {
    let mut world = World::new(vec![recipient("mail")]);
    let mut told = Vec::new();
    for _ in 0..20 {
        told.extend(world.fire("cpu", 1, Level::Warning));
        told.extend(world.pass(30));
        told.extend(world.resolve("cpu", 1));
        told.extend(world.pass(30));
    }
    // Two short incidents, then the one that stays: its begin, and news every five minutes.
    let count = |what: &str| told.iter().filter(|line| line.contains(what)).count();
    assert_eq!((count("opened"), count("resolved")), (3, 2), "{told:?}");
    assert!(count("updated") <= 4, "{told:?}");
    assert_eq!((world.only().firing, world.only().closed_ms), (0, None));
    assert_eq!(world.pass(9 * 60), [] as [&str; 0]);
    assert_eq!(world.pass(60), ["mail resolved 3"]);
    assert_eq!(world.sizes(), [] as [u64; 0]);
}

#[test]
fn what_flaps_for_long_is_not_kept_in_memory_for_ever() {
    let mut world = World::new(Vec::new());
    for _ in 0..200 {
        world.fire("cpu", 1, Level::Warning);
        world.pass(5);
        world.resolve("cpu", 1);
        world.pass(5);
    }
    let incident = world.only();
    assert!(incident.members.len() <= OVER_MAX && world.incidents.alerts().len() <= OVER_MAX);
    assert!(incident.alerts > 190);
}

#[test]
fn several_alerts_that_end_are_no_flapping() {
    let mut world = World::new(vec![recipient("mail")]);
    for rule in ["a", "b", "c", "d", "e", "f"] {
        world.fire(rule, 1, Level::Warning);
    }
    assert_eq!(world.pass(10), ["mail opened 1"]);
    for rule in ["a", "b", "c", "d", "e"] {
        assert_eq!(world.resolve(rule, 1), [] as [&str; 0]);
    }
    assert_eq!(world.resolve("f", 1), ["mail resolved 1"]);
}
