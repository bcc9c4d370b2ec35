//! Notices and channels for tests of what is rendered.

use serde_json::{Value, json};

use super::{
    Cause, CauseKind, Notice, NoticedAlert, Reason,
    channel::{Channel, Origin, Written},
    email::Mail,
    kind::Fault,
    request::{Answer, House, Outgoing, Request, Telling, Verdict},
    text::{Language, Reading, Text},
};
use crate::alert::Level;

/// 2026-11-22T00:16:10Z.
pub(super) const AT: i64 = 1_795_306_570_000;

/// Everything that could end a line, a string, an attribute or a mark-up, and a mention.
pub(super) const UGLY: &str = "we\"b\\<b>1</b>&\r\nBcc: x@y.z\u{202e}*_~`|@everyone <!channel> 🚨ção'";

pub(super) fn alert(name: &str, resource: &str) -> NoticedAlert {
    NoticedAlert {
        id: 71,
        rule: "cpu".to_owned(),
        name: name.to_owned(),
        level: Level::Critical,
        resource: resource.to_owned(),
        service: Some("checkout".to_owned()),
        tenant: Some("acme".to_owned()),
        environment: Some("production".to_owned()),
        attributes: vec![("cpu.mode".to_owned(), "user".to_owned())],
        metric: "system.cpu.utilization".to_owned(),
        unit: "1".to_owned(),
        value: Some(0.934),
        threshold: Some(0.9),
        is_below: false,
        onset_ms: AT - 300_000,
        resolved_ms: None,
        message: None,
        runbook: Some("https://wiki.example/cpu".to_owned()),
        history: (0..8_u8).map(|at| f64::from(at) / 7.0).collect(),
    }
}

/// A critical incident of one alert, with a cause.
pub(super) fn notice(reason: Reason) -> Notice {
    let mut alert = alert("CPU", "web-1");
    let closed_ms = (reason == Reason::Resolved).then_some(AT + 420_000);
    alert.resolved_ms = closed_ms;
    Notice {
        key: "7-2-ops".to_owned(),
        incident: 7,
        reason,
        level: Level::Critical,
        opened_ms: AT - 300_000,
        closed_ms,
        at_ms: closed_ms.unwrap_or(AT),
        alerts: vec![alert],
        more: 0,
        cause: Some(Cause {
            kind: CauseKind::Dependency,
            at_ms: AT - 307_000,
            resource: "redis-1".to_owned(),
            what: "memory at its limit".to_owned(),
            alert: Some(70),
        }),
        acknowledged_by: None,
    }
}

/// The same with the ugliest names there are.
pub(super) fn ugly() -> Notice {
    let mut notice = notice(Reason::Opened);
    let long = UGLY.repeat(200);
    notice.alerts = (0..12).map(|_| alert(&long, &long)).collect();
    for alert in &mut notice.alerts {
        alert.message = Some(long.clone());
        alert.service = Some(UGLY.to_owned());
        alert.attributes = vec![(UGLY.to_owned(), UGLY.to_owned())];
        alert.runbook = Some("https://wiki.example/\"><script>".to_owned());
        alert.unit = UGLY.to_owned();
        alert.value = Some(f64::NAN);
    }
    notice.more = 3_000;
    notice.acknowledged_by = Some(UGLY.to_owned());
    notice
}

pub(super) fn house() -> House {
    House { id: "abc123".to_owned(), public_url: Some("https://farol.example/".to_owned()) }
}

pub(super) fn channel(kind: &str, settings: Value) -> Result<Channel, Vec<Fault>> {
    let Value::Object(settings) = settings else { panic!("settings are an object") };
    let whole = json!({ "name": "ops", "kind": kind, "settings": settings });
    let written: Written = serde_json::from_value(whole).expect("a channel as people write it");
    Channel::check(written, Origin::Own)
}

fn outgoing(kind: &str, settings: Value, notice: &Notice, language: Language) -> Outgoing {
    let channel = channel(kind, settings).expect("settings that can be used");
    let (house, reading) = (house(), Reading { language, zone_min: language.usual_offset_min() });
    let text = Text::of(notice, reading, house.link(notice.incident));
    let telling = Telling { notice, text: &text, house: &house, channel: &channel.id, now_ms: AT };
    channel.medium.clone().expect("a checked channel works").render(&telling)
}

/// What a channel would send.
pub(super) fn request(kind: &str, settings: Value, notice: &Notice, language: Language) -> Request {
    match outgoing(kind, settings, notice, language) {
        Outgoing::Http(request) => request,
        Outgoing::Mail(_) => panic!("{kind} sends mail"),
    }
}

/// The same of its body, as JSON.
pub(super) fn body(kind: &str, settings: Value, notice: &Notice, language: Language) -> Value {
    serde_json::from_slice(&request(kind, settings, notice, language).body).expect("the body is JSON")
}

pub(super) fn mail(settings: Value, notice: &Notice, language: Language) -> Mail {
    match outgoing("email", settings, notice, language) {
        Outgoing::Mail(mail) => *mail,
        Outgoing::Http(_) => panic!("mail is sent by HTTP"),
    }
}

/// What a channel makes of an answer.
pub(super) fn verdict(kind: &str, settings: Value, status: u16, body: &str) -> Verdict {
    let answer = Answer { status, retry_after: None, body: body.to_owned() };
    channel(kind, settings).expect("settings that can be used").medium.expect("a checked channel works").verdict(&answer)
}

/// What is wrong with settings, in one text.
pub(super) fn faults(kind: &str, settings: Value) -> String {
    let faults = channel(kind, settings).map(drop).unwrap_err();
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

pub(super) fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.reveal())
}
