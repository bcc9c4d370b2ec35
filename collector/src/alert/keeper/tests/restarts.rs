//! A start between any two steps changes nothing: neither the incidents nor what is told of them.

use super::*;
use crate::{
    alert::{silence::SilenceBody, weekly::Weekly},
    notify::route::Quiet,
};

/// Something that happens.
#[derive(Debug, Clone)]
enum Deed {
    Turn { rule: usize, resource: u32, to: Level },
    Pass { seconds: i64 },
    Happen { resource: u32, is_deploy: bool },
    Acknowledge { incident: i64, is_taken_back: bool },
    Silence { rule: usize, seconds: i64 },
}

const RESOURCES: &[u32] = &[1, 2, 3, 4, 11, 12, 20, 21, 22, 30, 31, 32];

fn rules() -> Vec<Rule> {
    vec![
        silent(),
        rule("cpu"),
        Rule { remind_s: Some(120), for_s: 30, ..rule("p95") },
        Rule { channels: vec!["boss".to_owned()], ..rule("named") },
    ]
}

fn people() -> Vec<Recipient> {
    let window = Weekly { days: Vec::new(), start: "12:05".to_owned(), end: "12:15".to_owned(), offset_min: 0 };
    vec![
        Recipient { escalate_to: Some("boss".to_owned()), escalate_after_ms: 3 * MINUTE_MS, ..recipient("mail") },
        Recipient { min_level: Level::Critical, ..recipient("boss") },
        Recipient { tenant: Some("acme".to_owned()), quiet: Some(Quiet { window, holds_critical: false }), ..recipient("acme") },
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    let level = prop_oneof![2 => Just(Level::Ok), 2 => Just(Level::Warning), 2 => Just(Level::Critical)];
    let seconds = prop_oneof![4 => 1_i64..15, 2 => 15_i64..120, 1 => 120_i64..900];
    let resource = || prop::sample::select(RESOURCES);
    prop_oneof![
        8 => (0..4_usize, resource(), level).prop_map(|(rule, resource, to)| Deed::Turn { rule, resource, to }),
        6 => seconds.prop_map(|seconds| Deed::Pass { seconds }),
        1 => (resource(), any::<bool>()).prop_map(|(resource, is_deploy)| Deed::Happen { resource, is_deploy }),
        1 => (1_i64..4, any::<bool>()).prop_map(|(incident, is_taken_back)| Deed::Acknowledge { incident, is_taken_back }),
        1 => (0..4_usize, 10_i64..400).prop_map(|(rule, seconds)| Deed::Silence { rule, seconds }),
    ]
}

fn act(disk: &mut Disk, deed: &Deed, rules: &[Rule]) {
    match deed {
        Deed::Turn { rule, resource, to } => {
            disk.turn(&rules[*rule], *resource, Level::Ok, *to);
        }
        Deed::Pass { seconds } => {
            // In steps of some seconds: enough to meet every time that matters, in reach of a disk.
            for _ in 0..seconds / 5 {
                disk.now_ms += 5 * SECOND_MS;
                disk.take(Vec::new());
            }
            disk.now_ms += seconds % 5 * SECOND_MS;
            disk.take(Vec::new());
        }
        Deed::Happen { resource, is_deploy } => {
            let kind = if *is_deploy { HappeningKind::Deploy } else { HappeningKind::Restart };
            let happening = Happening { at_ms: disk.now_ms - SECOND_MS, resource: *resource, kind, what: String::new() };
            disk.try_take(Vec::new(), &[happening]).unwrap();
        }
        Deed::Acknowledge { incident, is_taken_back } => {
            let (id, by, now_ms) = (*incident, (!is_taken_back).then_some("ana"), disk.now_ms);
            disk.in_state(move |db| db.acknowledge(id, by, "ana", now_ms));
        }
        Deed::Silence { rule, seconds } => {
            let body = SilenceBody { matchers: vec![format!("rule={}", rules[*rule].id)], ..SilenceBody::default() };
            let row = silence_row(serde_json::to_string(&body).unwrap(), disk.now_ms, disk.now_ms + seconds * SECOND_MS);
            disk.in_state(move |db| db.add_silence(&row));
        }
    }
}

/// Everything that is on disk about alerts.
fn all(disk: &Disk) -> Vec<String> {
    let db = disk.db();
    let mut all: Vec<String> = disk.keys();
    all.extend(db.incidents(1_000, &IncidentFilter::default()).unwrap().iter().map(|row| format!("{row:?}")));
    all.extend(db.alerts(1_000, &AlertFilter::default()).unwrap().iter().map(|row| format!("{row:?}")));
    for incident in 1..50 {
        let lines = db.incident_lines(incident).unwrap();
        all.extend(lines.iter().map(|line| format!("{incident} {} {} {}", line.time_ms, line.kind, line.body)));
    }
    all.extend(db.silences(None, 0, 1_000).unwrap().iter().map(|row| format!("{} {}", row.id, row.held)));
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_start_between_any_two_steps_changes_nothing(deeds in prop::collection::vec((deed(), any::<bool>()), 1..25)) {
        let rules = rules();
        let (mut one, mut other) = (Disk::new(people()), Disk::new(people()));
        for (deed, is_restarted) in &deeds {
            act(&mut one, deed, &rules);
            act(&mut other, deed, &rules);
            if *is_restarted {
                let firing: Vec<OpenAlert> = other.restart();
                prop_assert_eq!(firing.len(), one.keeper().incidents().firing().count());
            }
        }
        prop_assert_eq!(all(&one), all(&other));
        let mut keys = one.keys();
        let told = keys.len();
        keys.sort();
        keys.dedup();
        prop_assert_eq!(keys.len(), told, "nothing is told twice");
    }
}
