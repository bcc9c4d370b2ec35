//! Tests of the journal's entries as `journalctl -o json` writes them.

use farol_shared::record::Level;

use super::*;
use crate::intake::{Inlet, Settings};

fn journal() -> Journal {
    let log = Log { what: super::super::What::Journal(vec![]), service: None, multiline: true, start: Start::End };
    Journal::new(log, vec![], &Positions::default(), Rc::default())
}

/// What is handed in of some entries: services, levels and messages.
fn handed_in(lines: &[&str]) -> Vec<(Level, String, Option<String>)> {
    let inlet = Inlet::new(Settings { service: "own".to_owned(), environment: None, tenant: None, slow_s: 0.5 });
    let mut intake = inlet.open();
    let mut hand = Hand { intake: &mut intake, now_ms: 1_795_238_257_000, now: Instant::now(), is_live: true };
    let mut journal = journal();
    lines.iter().for_each(|line| journal.entry(line.as_bytes(), &mut hand));
    journal.flows.values_mut().for_each(|flow| flow.flush(&mut hand));
    let mut recorder = crate::recorder::Recorder::new();
    let own = recorder.resource(farol_shared::resource::Resource {
        key: "host:x".into(),
        kind: farol_shared::resource::ResourceKind::Host,
        parent: None,
        tenant: None,
        attributes: [].into(),
    });
    let groups = intake.drain(&mut recorder, own, true);
    let logs = groups.into_iter().flat_map(|group| group.logs);
    logs.map(|log| (log.level, log.message, log.exception)).collect()
}

#[test]
fn messages_of_every_shape_are_read() {
    let lines = [
        r#"{"__CURSOR":"a","__REALTIME_TIMESTAMP":"1795238250000000","PRIORITY":"3","_SYSTEMD_UNIT":"a.service","_TRANSPORT":"syslog","MESSAGE":"broke"}"#,
        r#"{"__CURSOR":"b","PRIORITY":"4","_SYSTEMD_UNIT":"a.service","MESSAGE":[104,105,255]}"#,
        r#"{"__CURSOR":"c","PRIORITY":"2","SYSLOG_IDENTIFIER":"k","MESSAGE":["one","two"]}"#,
        r#"{"__CURSOR":"d","PRIORITY":["3","4"],"MESSAGE":null}"#,
        r#"{"__CURSOR":"e","PRIORITY":"6","MESSAGE":"ERROR in the text of information"}"#,
        "broken",
        "[]",
    ];
    let mut found: Vec<(Level, String)> = handed_in(&lines).into_iter().map(|(level, message, _)| (level, message)).collect();
    let expected = [(Level::Error, "broke"), (Level::Warn, "hi\u{fffd}"), (Level::Fatal, "one\ntwo"), (Level::Error, "")];
    let mut expected: Vec<(Level, String)> = expected.iter().map(|(level, text)| (*level, (*text).to_owned())).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn what_units_print_line_by_line_is_put_together() {
    let entry = |unit: &str, text: &str| {
        serde_json::json!({"__CURSOR": "x", "PRIORITY": "6", "_TRANSPORT": "stdout", "_SYSTEMD_UNIT": unit, "MESSAGE": text})
            .to_string()
    };
    let lines = [
        entry("a.service", "Traceback (most recent call last):"),
        entry("b.service", "INFO fine"),
        entry("a.service", "  File \"a\""),
        entry("b.service", "WARN slow"),
        entry("a.service", "KeyError: 'k'"),
    ];
    let mut found = handed_in(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    found.sort();
    assert_eq!(found[0], (Level::Warn, "WARN slow".to_owned(), None));
    assert_eq!(found[1], (Level::Error, "KeyError: 'k'".to_owned(), Some("KeyError".to_owned())));
}

proptest::proptest! {
    #[test]
    fn any_entry_is_read_or_refused(text: String, priority: String, time: String) {
        handed_in(&[&text]);
        let entry = serde_json::json!({"MESSAGE": text, "PRIORITY": priority, "__REALTIME_TIMESTAMP": time, "_TRANSPORT": "stdout"});
        handed_in(&[&entry.to_string()]);
    }
}
