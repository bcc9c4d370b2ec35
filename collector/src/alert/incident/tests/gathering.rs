//! Which alerts become one incident, what they follow from, and what caused them.

use super::*;
use crate::notify::route::tests::recipient;

#[test]
fn a_dead_host_is_one_incident_that_holds_back_what_runs_on_it() {
    let mut world = World::new(vec![recipient("mail")]);
    let all: Vec<Change> =
        [11, 12, 1].map(|resource| change(&silent(), resource, Level::Ok, Level::Critical, world.now_ms)).to_vec();
    assert_eq!(world.step(&all, &[]), []);
    assert_eq!((world.only().alerts, world.only().firing, world.only().held), (3, 3, 2));
    assert_eq!(world.cause(), Some((CauseKind::Host, "web-1".to_owned())));
    assert_eq!(world.only().title.resource, "web-1");
    world.now_ms += GROUP_WAIT_MS;
    let told = world.step(&[], &[]);
    assert_eq!(words(&told), ["mail opened 1"]);
    let notice = &told[0].notice;
    assert_eq!((notice.alerts.len(), notice.more), (1, 2), "the host is told, its containers are counted");
    assert_eq!(notice.alerts[0].resource, "web-1");
}

#[test]
fn a_container_that_fell_silent_before_its_host_was_seen_to_be_goes_into_the_incident_of_the_host() {
    let mut world = World::new(vec![recipient("mail")]);
    for resource in [11, 12] {
        world.turn(&silent(), resource, Level::Ok, Level::Critical);
    }
    assert_eq!(world.sizes(), [1, 1]);
    world.pass(3);
    world.turn(&silent(), 1, Level::Ok, Level::Critical);
    assert_eq!((world.only().alerts, world.only().held), (3, 2));
    assert_eq!(world.pass(20), ["mail opened 1"]);
    assert!(world.lines.iter().any(|line| line.kind == "cause"));
}

#[test]
fn what_still_is_wrong_when_its_host_is_back_is_told() {
    let mut world = World::new(vec![recipient("mail")]);
    let all: Vec<Change> = [1, 11].map(|resource| change(&silent(), resource, Level::Ok, Level::Critical, world.now_ms)).to_vec();
    world.step(&all, &[]);
    assert_eq!(world.pass(60), ["mail opened 1"]);
    world.turn(&silent(), 1, Level::Critical, Level::Ok);
    assert_eq!((world.only().held, world.only().firing), (0, 1));
    assert_eq!(world.pass(600), ["mail updated 1"]);
    assert_eq!(world.turn(&silent(), 11, Level::Critical, Level::Ok), ["mail resolved 1"]);
}

#[test]
fn a_dead_broker_explains_its_queues() {
    let mut world = World::new(vec![recipient("mail")]);
    let grows = Rule { for_s: 40, ..rule("queue_growing") };
    world.fire("integration_failing", 31, Level::Critical);
    world.pass(20);
    for celery in [32, 33] {
        world.turn(&grows, celery, Level::Ok, Level::Warning);
    }
    assert_eq!(world.only().alerts, 3);
    assert_eq!(world.cause(), Some((CauseKind::Dependency, "mq".to_owned())), "though the queues began to grow earlier");
    assert_eq!(world.only().title.resource, "mq");
    world.pass(20 * 60);
    world.fire("workers_gone", 32, Level::Warning);
    assert_eq!(world.only().alerts, 4, "whatever the time, while the broker is dead");
}

#[test]
fn slow_requests_after_redis_reached_its_memory_limit_are_explained_by_redis() {
    let mut world = World::new(Vec::new());
    world.fire("redis_memory", 30, Level::Warning);
    world.pass(7);
    world.fire("p95", 20, Level::Critical);
    assert_eq!(world.cause(), Some((CauseKind::Dependency, "cache".to_owned())));
    assert_eq!((world.only().level, world.only().alerts), (Level::Critical, 2));
}

#[test]
fn a_deployment_eight_minutes_before_is_the_cause() {
    let mut world = World::new(vec![recipient("mail")]);
    world.happen(HappeningKind::Deploy, 11, 8 * 60);
    world.fire("p95", 20, Level::Warning);
    assert_eq!(world.cause(), Some((CauseKind::Deploy, "shop".to_owned())));
    world.now_ms += GROUP_WAIT_MS;
    let told = world.step(&[], &[]);
    assert_eq!(told[0].notice.cause.as_ref().unwrap().what, "v2");
}

#[test]
fn what_happened_and_is_told_a_little_late_is_the_cause_all_the_same() {
    let mut world = World::new(Vec::new());
    world.fire("p95", 20, Level::Warning);
    assert_eq!(world.cause(), None);
    world.pass(4);
    world.happen(HappeningKind::Oom, 11, 5);
    assert_eq!(world.cause(), Some((CauseKind::Oom, "shop".to_owned())));
}

#[test]
fn most_agents_silent_at_once_are_one_incident_of_the_network() {
    let mut world = World::new(vec![recipient("mail")]);
    for host in [3, 1] {
        world.turn(&silent(), host, Level::Ok, Level::Critical);
        world.pass(2);
    }
    assert_eq!(world.sizes(), [1, 1], "half is not most");
    world.turn(&silent(), 4, Level::Ok, Level::Critical);
    assert_eq!(world.cause(), Some((CauseKind::Network, "farol-collector".to_owned())));
    world.turn(&silent(), 11, Level::Ok, Level::Critical);
    world.turn(&silent(), 2, Level::Ok, Level::Critical);
    assert_eq!((world.only().alerts, world.only().held), (5, 5));
    assert_eq!(world.pass(60), ["mail opened 1"]);
    assert_eq!(world.only().network.unwrap().silent, 4);
    for resource in [1, 2, 3, 4, 11] {
        world.turn(&silent(), resource, Level::Critical, Level::Ok);
    }
    assert_eq!(world.sizes(), [] as [u64; 0]);
}

#[test]
fn who_was_told_of_one_agent_is_told_of_the_network_in_the_same_incident() {
    let mut world = World::new(vec![recipient("mail")]);
    world.turn(&silent(), 1, Level::Ok, Level::Critical);
    assert_eq!(world.pass(12), ["mail opened 1"]);
    let rest: Vec<Change> = [2, 3].map(|host| change(&silent(), host, Level::Ok, Level::Critical, world.now_ms)).to_vec();
    assert_eq!(words(&world.step(&rest, &[])), ["mail updated 1"], "at once");
    assert_eq!(world.only().alerts, 3);
}

#[test]
fn the_last_of_many_agents_that_does_not_come_back_is_told_by_itself() {
    let mut world = World::new(vec![recipient("mail")]);
    let all: Vec<Change> = [1, 2, 3].map(|host| change(&silent(), host, Level::Ok, Level::Critical, world.now_ms)).to_vec();
    world.step(&all, &[]);
    assert_eq!(world.pass(60), ["mail opened 1"]);
    world.turn(&silent(), 1, Level::Critical, Level::Ok);
    world.turn(&silent(), 2, Level::Critical, Level::Ok);
    assert_eq!((world.only().held, world.only().network.unwrap().is_over), (0, true));
    assert_eq!(world.pass(600), ["mail updated 1"]);
}

#[test]
fn agents_that_fall_silent_one_after_the_other_are_several_incidents() {
    let mut world = World::new(Vec::new());
    for host in 1..=4 {
        world.turn(&silent(), host, Level::Ok, Level::Critical);
        world.pass(61);
    }
    assert_eq!(world.sizes(), [1, 1, 1, 1]);
}

#[test]
fn alerts_of_one_tenant_join_within_five_minutes_and_others_do_not() {
    let mut world = World::new(Vec::new());
    world.fire("p95", 21, Level::Warning);
    world.pass(200);
    world.fire("errors", 22, Level::Warning);
    world.fire("errors", 23, Level::Warning);
    assert_eq!(world.sizes(), [2, 1]);
    world.pass(200);
    world.fire("hits", 22, Level::Warning);
    assert_eq!(world.sizes(), [3, 1], "the same resource counts from its newest alert");
    world.pass(200);
    world.fire("cpu", 21, Level::Warning);
    assert_eq!(world.sizes(), [4, 1]);
    world.pass(301);
    world.fire("memory", 21, Level::Warning);
    assert_eq!(world.sizes(), [4, 1, 1]);
}

#[test]
fn the_tenant_of_an_incident_is_that_of_all_its_alerts() {
    let mut world = World::new(Vec::new());
    world.fire("p95", 21, Level::Warning);
    assert_eq!((world.only().tenant.as_deref(), world.only().is_mixed), (Some("acme"), false));
    let of_globex = Rule { tenant: Some("globex".to_owned()), ..rule("x") };
    let mut incident =
        Incident::new(1, &Kept::new(1, &change(&of_globex, 99, Level::Ok, Level::Warning, 0), &Topology::default()));
    incident.join(&kept(2, "x"));
    assert_eq!((incident.tenant.as_deref(), incident.is_mixed), (None, true));
}

#[test]
fn a_change_that_says_what_is_known_changes_nothing() {
    let mut world = World::new(Vec::new());
    world.fire("cpu", 1, Level::Warning);
    let before = world.only().clone();
    world.fire("cpu", 1, Level::Warning);
    assert_eq!(*world.only(), before);
    world.resolve("memory", 1);
    assert_eq!(*world.only(), before);
    world.fire("cpu", 1, Level::Critical);
    assert_eq!((world.only().level, world.only().alerts), (Level::Critical, 1));
}

#[test]
fn more_alerts_than_the_most_are_left_out_and_counted() {
    let mut world = World::new(Vec::new());
    let many = u32::try_from(OPEN_MAX).unwrap() + 5;
    let all: Vec<Change> = (0..many)
        .map(|n| change(&rule("cpu"), 1_000 + n % 3, Level::Ok, Level::Warning, world.now_ms))
        .enumerate()
        .map(with_attribute)
        .collect();
    let mut next = world.incidents.clone();
    let step = next.take(&all, &world.topology, &[], world.now_ms);
    assert_eq!((step.left_out, next.firing().count()), (5, OPEN_MAX));
    world.incidents = next;
    assert_eq!(world.incidents.incidents().len(), 3);
}

fn with_attribute((n, change): (usize, Change)) -> Change {
    let attributes = vec![("n".to_owned(), n.to_string())].into();
    Change { subject: Subject { attributes, ..change.subject }, ..change }
}

#[test]
fn many_alerts_at_once_that_have_nothing_in_common_are_as_many_incidents() {
    let mut world = World::new(Vec::new());
    let all: Vec<Change> =
        (1_000..4_000).map(|resource| change(&rule("cpu"), resource, Level::Ok, Level::Warning, world.now_ms)).collect();
    world.step(&all, &[]);
    assert_eq!(world.incidents.incidents().len(), 3_000);
}
