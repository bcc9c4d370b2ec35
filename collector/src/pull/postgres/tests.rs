//! What is read out of rows, whatever they hold.

use proptest::prelude::*;

use super::{
    super::{Instance, Reading},
    statement::{self, Rare, Row, Statistics, Totals},
    view::{self, Cache},
};

fn row(values: &[&str]) -> Row {
    Row(values.iter().map(|value| (*value != "NULL").then(|| (*value).to_owned())).collect())
}

#[test]
fn states_are_counted_and_the_longest_are_found() {
    let by_state = [
        row(&["active", "2", "NULL"]),
        row(&["idle", "7", "NULL"]),
        row(&["idle in transaction", "1", "4.5"]),
        row(&["idle in transaction (aborted)", "1", "90.25"]),
        row(&["fastpath function call", "1", "NULL"]),
    ];
    let base = statement::base(&[row(&["15.8 (Debian)", "100", "f", "3600.5", "t"])]).unwrap();
    let mut found = Statistics::new(base);
    found.activity = Some(statement::activity(&by_state, &[row(&["12.5", "Lock"])]));
    let view = view::view(&found, &Rare::default(), (None, None));
    let states: Vec<(&str, f64)> = view.states.iter().flatten().map(|state| (state.state.as_str(), state.count)).collect();
    assert_eq!(states, [("active", 2.0), ("idle", 7.0), ("idle_in_transaction", 2.0), ("other", 1.0)]);
    assert_eq!((view.connections, view.connections_max, view.uptime_s), (Some(12.0), Some(100.0), Some(3600.5)));
    assert_eq!((view.longest_query_s, view.longest_idle_in_transaction_s), (Some(12.5), Some(90.25)));
    assert_eq!(view.longest_query_state.as_deref(), Some("active, waits for a lock"));
}

#[test]
fn a_quiet_server_has_no_long_query_and_a_blind_user_knows_of_none() {
    let mut found = Statistics { activity: Some(statement::activity(&[], &[])), ..Statistics::default() };
    assert_eq!(view::view(&found, &Rare::default(), (None, None)).longest_query_s, Some(0.0));
    found.activity = None;
    found.totals.connections = Some(5.0);
    let view = view::view(&found, &Rare::default(), (None, None));
    assert_eq!((view.longest_query_s, view.connections, view.states), (None, Some(5.0), None));
}

#[test]
fn the_cache_is_judged_by_the_last_interval_with_reads() {
    let totals = |hit: f64, read: f64| Totals { hit: Some(hit), read: Some(read), ..Totals::default() };
    let mut cache = Cache::default();
    assert_eq!((cache.follow(&totals(900.0, 100.0)), cache.ratio()), (None, (Some(0.9), Some(0.9))));
    assert_eq!(cache.follow(&totals(901.0, 103.0)), Some(0.25));
    assert_eq!((cache.follow(&totals(901.0, 103.0)), cache.ratio().0), (None, Some(0.25)), "nothing was read");
    assert_eq!((cache.follow(&totals(1.0, 1.0)), cache.ratio()), (None, (Some(0.5), Some(0.5))), "the statistics were reset");
    assert_eq!((cache.follow(&Totals::default()), cache.ratio().1), (None, None));
}

#[test]
fn a_replica_that_has_everything_is_not_behind() {
    let rows = [
        row(&["walreceiver", "streaming", "NULL", "0"]),
        row(&["walreceiver", "streaming", "0.25", "4096"]),
        row(&["walreceiver", "catchup", "NULL", "4096"]),
        row(&["blank", "NULL", "NULL", "NULL"]),
    ];
    let read = statement::replicas(&rows);
    let told: Vec<_> = read.iter().map(|replica| (replica.client.as_str(), replica.lag_s, replica.lag_bytes)).collect();
    assert_eq!(
        told,
        [
            ("walreceiver", Some(0.0), Some(0.0)),
            ("walreceiver 2", Some(0.25), Some(4096.0)),
            ("walreceiver 3", None, Some(4096.0)),
            ("blank", None, None)
        ]
    );
}

#[test]
fn a_database_that_may_not_be_measured_makes_the_sum_unknown() {
    let some = statement::sizes(&[row(&["app", "1000"]), row(&["secret", "NULL"])]);
    assert_eq!((some.size, some.sizes.get("app")), (None, Some(&1000.0)));
    assert_eq!(statement::sizes(&[row(&["app", "1000"]), row(&["b", "24"])]).size, Some(1024.0));
    assert_eq!(statement::sizes(&[]).size, None);
}

#[test]
fn another_server_is_not_taken_for_this_one() {
    assert!(statement::base(&[]).is_err() && statement::base(&[row(&["NULL"])]).is_err());
}

#[test]
fn what_is_written_wrong_is_told() {
    let none = std::collections::BTreeMap::new();
    let open = |toml: &str| Instance::from_toml("postgres", toml, &none).map(drop).unwrap_err();
    assert!(open("").contains("url is missing"));
    assert!(open("url = \"postgres://a@b\"\nsslmode = \"allow\"").contains("allow"));
    assert!(open("url = \"postgres://a@b\"\nuser = \"a\"").contains("user"));
    let secret = open("url = \"postgres://a:s3cr3t@b\"");
    assert!(secret.contains("password_env") && !secret.contains("s3cr3t"), "{secret}");
}

proptest! {
    #[test]
    fn any_rows_are_read(rows in prop::collection::vec(prop::collection::vec(prop::option::of("[-0-9.a-zNt]{0,6}"), 0..9), 0..5)) {
        let rows: Vec<Row> = rows.into_iter().map(Row).collect();
        let found = Statistics {
            base: statement::base(&rows).unwrap_or_default(),
            activity: Some(statement::activity(&rows, &rows)),
            databases: statement::databases(&rows),
            totals: statement::totals(&rows),
            replicas: statement::replicas(&rows),
            locks_waiting: None,
            replica_lag_s: None,
        };
        let mut rare = statement::sizes(&rows);
        rare.worst = statement::worst(&rows);
        let mut reading = Reading::default();
        let view = view::view(&found, &rare, (None, None));
        view::measure(&mut reading, &found, &view, None);
        prop_assert!(reading.now.values().all(|(_, value)| value.is_finite()));
    }
}
