//! Tests of the check: what is wrong is named with its field and what to write instead.

use super::*;

fn rule(change: &str) -> Result<Rule, String> {
    let whole = r#"
        name = "Fila de pedidos cresce"
        warning = 80
        critical = 95
        [condition]
        type = "series"
        metric = "celery.queue.length"
        aggregate = "mean"
        window_s = 60
    "#;
    let mut table: toml::Table = toml::from_str(whole).unwrap();
    let changes: toml::Table = toml::from_str(change).unwrap();
    merge(&mut table, changes);
    Rule::from_table(&table).map_err(|error| error.to_string())
}

fn merge(into: &mut toml::Table, from: toml::Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(into)), toml::Value::Table(from)) => merge(into, from),
            (_, value) => drop(into.insert(key, value)),
        }
    }
}

fn fault(change: &str) -> String {
    let told = rule(change).unwrap_err();
    told.split_once("': ").unwrap().1.to_owned()
}

#[test]
fn a_rule_of_the_configuration_gets_an_id_of_its_name() {
    let rule = rule("").unwrap();
    assert_eq!(
        (rule.id.as_str(), rule.warning, rule.enabled, rule.window_ms()),
        ("fila-de-pedidos-cresce", Some(80.0), true, 60_000)
    );
    assert_eq!(
        (id_of("Ação: CPU > 80 %"), id_of("???"), id_of(&"x".repeat(100)).len()),
        ("acao-cpu-80".to_owned(), "rule".to_owned(), 64)
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    assert!(fault("wraning = 3").contains("wraning"), "{}", fault("wraning = 3"));
    assert!(fault("condition.agregate = 3").contains("agregate"), "{}", fault("condition.agregate = 3"));
    assert!(fault("condition.aggregate = 'median'").contains("median"));
    assert!(fault("condition.type = 'magic'").contains("magic"));
}

#[test]
fn every_fault_is_told_with_its_field() {
    for (change, expected) in [
        ("id = 'Has Space'", "id: must be 1 to 64 of a-z"),
        ("critical = 80", "critical: must be above warning (80)"),
        ("condition.comparison = 'below'", "critical: must be below warning (80)"),
        ("recovery = -1", "recovery: must be 0 or more"),
        ("warning = inf", "warning: must be a finite number"),
        ("for_s = 100000", "for_s: is 100000 s, at most 86400 s"),
        ("remind_s = 5", "remind_s: must be 0 (never) or at least 60 s"),
        ("no_data_s = 5", "no_data_s: is 5 s, must be 10 to 86400 s"),
        ("runbook = 'javascript:alert(1)'", "runbook: must be an address that begins with https://"),
        ("tenant = ''", "tenant: must be 1 to 128"),
        ("condition.window_s = 0", "condition.window_s: is 0 s, must be 1 to 21600 s"),
        ("condition.metric = 'has space'", "condition.metric: must be the name of a metric"),
        ("condition.attributes = ['state']", "condition.attributes: 'state' cannot be read: write key=value"),
        ("condition.aggregate = 'quantile'", "condition.quantile: is missing"),
        ("condition.quantile = 0.5", "condition.quantile: is only for the aggregate quantile"),
        ("condition.aggregate = 'until'\ncondition.window_s = 10", "condition.window_s: must be at least 60 s"),
        ("condition.against = 'usual'\ncondition.aggregate = 'count'", "condition.against: the past can be compared with by"),
        ("condition.resources.name = ''", "condition.resources.name: must be a pattern"),
    ] {
        assert!(fault(change).starts_with(expected), "{change}: {}", fault(change));
    }
    let both = fault("recovery = -1\nfor_s = 100000");
    assert!(both.contains("recovery: ") && both.contains("; for_s: "), "{both}");
}

#[test]
fn conditions_over_records_and_silence_are_checked_too() {
    let of = |condition: &str| {
        let text = format!(r#"{{"name":"n","warning":0,"condition":{condition}}}"#);
        let mut rule: Rule = serde_json::from_str(&text).unwrap();
        rule.complete().map_err(|faults| faults[0].field.clone())
    };
    assert_eq!(of(r#"{"type":"events","window_s":60}"#), Ok(()));
    assert_eq!(of(r#"{"type":"events","window_s":60,"words":[""]}"#), Err("condition.words".to_owned()));
    assert_eq!(of(r#"{"type":"logs","window_s":60}"#), Err("condition.words".to_owned()));
    assert_eq!(of(r#"{"type":"logs","window_s":60,"level":"loud"}"#), Err("condition.level".to_owned()));
    assert_eq!(of(r#"{"type":"silent"}"#), Ok(()));
    let mut silent: Rule = serde_json::from_str(r#"{"name":"n","no_data_s":60,"condition":{"type":"silent"}}"#).unwrap();
    assert_eq!(silent.complete().unwrap_err()[0].field, "no_data_s");
}
