//! Alerts, incidents and silences.

use super::super::{
    READ,
    alerts::{incidents, list, pending, shapes, silences},
    route::{Answer, Method, Parameter, Route, does, get, optional, post, required, shape},
};
use crate::access::Role;

const INCIDENT: &[Parameter] = &[required("id", "Number of the incident.")];

pub(super) const ROWS: &[Route] = &[
    get(
        "/api/v1/alerts",
        READ,
        "Alerts of the rules: what fires, and what did.",
        &[
            optional("state", "`open`, `resolved` or `all`; all when absent."),
            optional("from", "Only those that went on at this instant or later."),
            optional("to", "Only those that began before this instant."),
            optional("level", "`warning` or `critical`."),
            optional("service", "Name of a service."),
            optional("resource", "Number of a resource."),
            optional("limit", "1 to 500; 100 when absent."),
            optional("before", "Number of the last alert of the page before."),
        ],
        Answer::Json(shape::<list::AlertPage>),
        serve!(list::list),
    )
    .filtered(),
    get(
        "/api/v1/alerts/pending",
        READ,
        "What is about to fire: conditions that hold, but not yet for long enough.",
        &[],
        Answer::Json(shape::<pending::PendingAlerts>),
        serve!(pending::pending),
    )
    .filtered(),
    get(
        "/api/v1/incidents",
        READ,
        "Incidents: alerts that belong together.",
        &[
            optional("state", "`open`, `closed` or `all`; all when absent."),
            optional("from", "Only those that went on at this instant or later."),
            optional("to", "Only those that began before this instant."),
            optional("limit", "1 to 200; 50 when absent."),
            optional("before", "Number of the last incident of the page before."),
        ],
        Answer::Json(shape::<incidents::IncidentPage>),
        serve!(incidents::list),
    )
    .filtered(),
    get(
        "/api/v1/incidents/{id}",
        READ,
        "An incident with its alerts, its timeline and what channels were told.",
        INCIDENT,
        Answer::Json(shape::<shapes::IncidentDetail>),
        serve!(incidents::one),
    )
    .filtered(),
    post(
        "/api/v1/incidents/{id}/acknowledge",
        Role::Operator,
        "Says that somebody looks at an incident: it is not told again, and not to a second channel; 409 with the code `closed` when it is over.",
        Answer::Json(shape::<shapes::IncidentEntry>),
        serve!(incidents::acknowledge),
    )
    .parameters(INCIDENT)
    .also(&[409])
    .filtered(),
    post(
        "/api/v1/incidents/{id}/unacknowledge",
        Role::Operator,
        "Takes that back; 409 with the code `closed` when it is over.",
        Answer::Json(shape::<shapes::IncidentEntry>),
        serve!(incidents::unacknowledge),
    )
    .parameters(INCIDENT)
    .also(&[409])
    .filtered(),
    get(
        "/api/v1/silences",
        READ,
        "Silences: those that are not over, and some that are.",
        &[],
        Answer::Json(shape::<silences::SilencePage>),
        serve!(silences::list),
    )
    .filtered(),
    post(
        "/api/v1/silences",
        Role::Operator,
        "Silences alerts for a time, or within a window of every week. They are kept and shown, but told to no channel.",
        Answer::Made(shape::<silences::SilenceEntry>),
        serve!(silences::create),
    )
    .takes(shape::<silences::NewSilence>)
    .also(&[409])
    .filtered(),
    does(
        Method::Delete,
        "/api/v1/silences/{id}",
        super::super::route::Least::Role(Role::Operator),
        "Ends a silence; what fires still is told then.",
        Answer::Nothing,
        serve!(silences::end),
    )
    .parameters(&[required("id", "Number of the silence.")])
    .filtered(),
];
