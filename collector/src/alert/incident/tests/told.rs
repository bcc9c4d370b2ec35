//! Who is told what, and when.

use super::*;
use crate::{
    alert::weekly::Weekly,
    notify::route::{Quiet, tests::recipient},
};

#[test]
fn the_first_notice_waits_until_alerts_have_gathered() {
    let mut world = World::new(vec![recipient("mail")]);
    world.fire("cpu", 1, Level::Warning);
    assert_eq!(world.pass(5), [] as [&str; 0]);
    world.fire("memory", 1, Level::Warning);
    assert_eq!(world.pass(4), [] as [&str; 0]);
    world.now_ms += SECOND_MS;
    let told = world.step(&[], &[]);
    assert_eq!(words(&told), ["mail opened 1"]);
    assert_eq!((alert_ids(&told[0].notice), told[0].notice.key.as_str()), (vec![1, 2], "1-1-mail"));
}

#[test]
fn what_is_over_before_anybody_was_told_is_told_to_nobody() {
    let mut world = World::new(vec![recipient("mail")]);
    world.fire("cpu", 1, Level::Critical);
    world.pass(8);
    assert_eq!(world.resolve("cpu", 1), [] as [&str; 0]);
    assert_eq!(world.sizes(), [] as [u64; 0]);
    assert_eq!(world.lines.last().unwrap().kind, "closed");
}

#[test]
fn news_are_told_every_five_minutes_and_at_once_when_it_becomes_critical() {
    let mut world = World::new(vec![recipient("mail")]);
    world.fire("cpu", 1, Level::Warning);
    assert_eq!(world.pass(20), ["mail opened 1"]);
    world.fire("memory", 1, Level::Warning);
    assert_eq!(world.pass(280), [] as [&str; 0]);
    assert_eq!(world.pass(20), ["mail updated 1"]);
    assert_eq!(world.pass(1_000), [] as [&str; 0], "nothing new");
    assert_eq!(world.turn(&rule("cpu"), 1, Level::Warning, Level::Critical), ["mail updated 1"]);
    world.turn(&rule("cpu"), 1, Level::Critical, Level::Warning);
    assert_eq!(world.pass(600), [] as [&str; 0], "milder is no news");
}

#[test]
fn it_is_told_again_until_somebody_acknowledges() {
    let mut world = World::new(vec![recipient("mail")]);
    let often = Rule { remind_s: Some(600), ..rule("cpu") };
    world.turn(&often, 1, Level::Ok, Level::Warning);
    assert_eq!(world.pass(10), ["mail opened 1"]);
    assert_eq!(world.pass(1_200), ["mail reminder 1", "mail reminder 1"]);
    world.acknowledge(1);
    assert_eq!(world.pass(3_600), [] as [&str; 0]);
    assert_eq!(world.turn(&often, 1, Level::Warning, Level::Ok), ["mail resolved 1"]);
}

#[test]
fn the_houses_habit_is_four_hours_and_a_rule_may_say_never() {
    let mut world = World::new(vec![recipient("mail")]);
    let never = Rule { remind_s: Some(0), ..rule("disk") };
    world.turn(&never, 2, Level::Ok, Level::Warning);
    world.fire("cpu", 1, Level::Warning);
    assert_eq!(world.pass(10).len(), 2);
    assert_eq!(world.pass(4 * 3_600 - 1), [] as [&str; 0]);
    assert_eq!(world.pass(2), ["mail reminder 2"]);
}

#[test]
fn what_is_critical_and_acknowledged_by_nobody_goes_to_the_second_channel() {
    let pager = Recipient { min_level: Level::Critical, is_enabled: true, ..recipient("boss") };
    let first = Recipient { escalate_to: Some("boss".to_owned()), ..recipient("mail") };
    let named = Rule { channels: vec!["mail".to_owned()], ..rule("cpu") };
    let mut world = World::new(vec![first, pager]);
    world.turn(&named, 1, Level::Ok, Level::Critical);
    assert_eq!(world.pass(10), ["mail opened 1"]);
    assert_eq!(world.pass(899), [] as [&str; 0]);
    assert_eq!(world.pass(1), ["boss escalated 1"]);
    assert_eq!(world.pass(3_600), [] as [&str; 0], "once");
    assert_eq!(world.turn(&named, 1, Level::Critical, Level::Ok), ["boss resolved 1", "mail resolved 1"]);
}

#[test]
fn warnings_and_what_is_acknowledged_do_not_escalate() {
    let first = Recipient { escalate_to: Some("boss".to_owned()), ..recipient("mail") };
    let boss = Recipient { min_level: Level::Critical, ..recipient("boss") };
    let mut world = World::new(vec![first, boss]);
    world.fire("cpu", 1, Level::Warning);
    assert_eq!(world.pass(3_600), ["mail opened 1"]);
    world.fire("memory", 2, Level::Critical);
    world.acknowledge(2);
    assert_eq!(world.pass(3_600), ["mail opened 2", "boss opened 2"]);
}

#[test]
fn each_channel_hears_what_it_is_meant_to() {
    let pager = Recipient { min_level: Level::Critical, ..recipient("pager") };
    let acme = Recipient { tenant: Some("acme".to_owned()), ..recipient("acme") };
    let named = Rule { channels: vec!["pager".to_owned()], ..rule("named") };
    let mut world = World::new(vec![recipient("mail"), pager, acme]);
    world.fire("cpu", 21, Level::Warning);
    world.turn(&named, 23, Level::Ok, Level::Warning);
    assert_eq!(world.pass(10), ["mail opened 1", "acme opened 1", "pager opened 2"]);
    assert_eq!(
        world.turn(&rule("cpu"), 21, Level::Warning, Level::Critical),
        ["mail updated 1", "pager opened 1", "acme updated 1"],
        "who hears of critical ones only hears now"
    );
}

#[test]
fn a_channel_of_a_tenant_is_told_of_its_own_alerts_and_not_of_the_houses_cause() {
    let acme = Recipient { tenant: Some("acme".to_owned()), ..recipient("acme") };
    let mut world = World::new(vec![recipient("mail"), acme]);
    world.topology = Topology::of(
        &[
            info(1, "host:web-1", None, "web-1", &[]),
            info(2, "container:one", Some("host:web-1"), "web-1", &[("tenant", "acme")]),
            info(3, "container:two", Some("host:web-1"), "web-1", &[("tenant", "other")]),
        ],
        0,
    );
    let all: Vec<Change> =
        [1, 2, 3].map(|resource| change(&silent(), resource, Level::Ok, Level::Critical, world.now_ms)).to_vec();
    world.step(&all, &[]);
    world.now_ms += GROUP_WAIT_MS;
    let told = world.step(&[], &[]);
    assert_eq!(words(&told), ["mail opened 1", "acme opened 1"]);
    let (house, tenant) = (&told[0].notice, &told[1].notice);
    assert_eq!((house.alerts.len(), house.more, house.alerts[0].resource.as_str()), (1, 2, "web-1"));
    assert_eq!((tenant.alerts.len(), tenant.more, tenant.alerts[0].resource.as_str()), (1, 0, "one"));
    assert!(house.cause.is_some() && tenant.cause.is_none());
}

#[test]
fn warnings_wait_for_the_end_of_quiet_hours() {
    // Noon to one o'clock in UTC.
    let window = Weekly { days: Vec::new(), start: "09:00".to_owned(), end: "10:00".to_owned(), offset_min: -180 };
    let sleeper = Recipient { quiet: Some(Quiet { window, holds_critical: false }), ..recipient("phone") };
    let mut world = World::new(vec![sleeper]);
    world.fire("cpu", 1, Level::Warning);
    world.fire("cpu", 2, Level::Critical);
    assert_eq!(world.pass(30 * 60), ["phone opened 2"]);
    world.now_ms += 30 * MINUTE_MS;
    assert_eq!(world.pass(1), ["phone opened 1"]);
}

#[test]
fn the_end_of_a_warning_that_was_told_waits_in_the_outbox_until_quiet_hours_end() {
    let window = Weekly { days: Vec::new(), start: "12:30".to_owned(), end: "13:00".to_owned(), offset_min: 0 };
    let sleeper = Recipient { quiet: Some(Quiet { window, holds_critical: false }), ..recipient("phone") };
    let mut world = World::new(vec![sleeper]);
    world.fire("cpu", 1, Level::Warning);
    assert_eq!(world.pass(60), ["phone opened 1"]);
    world.now_ms = NOON_MS + 40 * MINUTE_MS;
    let over = change(&rule("cpu"), 1, Level::Warning, Level::Ok, world.now_ms);
    let told = world.step(&[over], &[]);
    assert_eq!((words(&told), told[0].not_before_ms), (vec!["phone resolved 1".to_owned()], NOON_MS + 60 * MINUTE_MS));
}

#[test]
fn a_notice_tells_the_cause_first_then_the_gravest_and_counts_the_rest() {
    let mut world = World::new(vec![recipient("mail")]);
    for (n, level) in (0..14).map(|n| (n, if n == 5 { Level::Critical } else { Level::Warning })) {
        let change = change(&rule(&format!("r{n}")), 1, Level::Ok, level, world.now_ms);
        world.step(&[change], &[]);
        world.now_ms += 500;
    }
    world.now_ms += GROUP_WAIT_MS;
    let told = world.step(&[], &[]);
    let notice = &told[0].notice;
    assert_eq!((notice.alerts.len(), notice.more, notice.level), (10, 4, Level::Critical));
    assert_eq!(alert_ids(notice)[..3], [1, 6, 2]);
    assert_eq!(notice.cause.as_ref().and_then(|cause| cause.alert), Some(1));
}

#[test]
fn alerts_whose_rule_is_gone_end() {
    let mut world = World::new(vec![recipient("mail")]);
    world.fire("cpu", 1, Level::Warning);
    world.fire("memory", 1, Level::Warning);
    assert_eq!(world.pass(10), ["mail opened 1"]);
    let topology = house();
    let mut step = world.incidents.end_of_rules(&|rule| rule == "cpu", &topology, world.now_ms);
    assert_eq!((world.only().firing, step.lines.len()), (1, 1));
    step = world.incidents.end_of_rules(&|_| false, &topology, world.now_ms);
    world.incidents.due(&world.recipients, &NothingNewer, world.now_ms, &mut step);
    assert_eq!(words(&step.notices), ["mail resolved 1"]);
}

#[test]
fn a_rule_whose_channels_are_all_gone_is_heard_by_those_whose_level_fits() {
    let mut world = World::new(vec![recipient("mail")]);
    let named = Rule { channels: vec!["gone".to_owned()], ..rule("cpu") };
    world.turn(&named, 1, Level::Ok, Level::Warning);
    assert_eq!(world.pass(10), ["mail opened 1"]);
}

#[test]
fn what_is_critical_again_waits_anew_for_somebody() {
    let first = Recipient { escalate_to: Some("boss".to_owned()), ..recipient("mail") };
    let named = Rule { channels: vec!["mail".to_owned()], ..rule("cpu") };
    let mut world = World::new(vec![first, recipient("boss")]);
    world.turn(&named, 1, Level::Ok, Level::Critical);
    assert_eq!(world.pass(600), ["mail opened 1"]);
    world.turn(&named, 1, Level::Critical, Level::Warning);
    assert_eq!(world.pass(600), [] as [&str; 0]);
    world.turn(&named, 1, Level::Warning, Level::Critical);
    assert_eq!(world.pass(899), [] as [&str; 0]);
    assert_eq!(world.pass(1), ["boss escalated 1"]);
}
