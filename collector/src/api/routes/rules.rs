//! Rules of alerts, and what they would have done.

use super::super::{
    READ,
    route::{Answer, Method, Parameter, Route, does, get, post, required, shape},
    rules,
};
use crate::{
    access::Role,
    alert::{Rule, backtest::BackTest},
    api::route::Least,
};

const ID: &[Parameter] = &[required("id", "Id of a rule.")];

pub(super) const ROWS: &[Route] = &[
    get(
        "/api/v1/rules",
        READ,
        "Rules of alerts: built in, changed, of the configuration file and people's own, with how many subjects are pending and firing.",
        &[],
        Answer::Json(shape::<rules::RuleList>),
        serve!(rules::list),
    )
    .filtered(),
    post(
        "/api/v1/rules",
        Role::Admin,
        "Makes a rule; 409 with the code `exists` when its id is taken.",
        Answer::Made(shape::<rules::RuleEntry>),
        serve!(rules::create),
    )
    .takes(shape::<Rule>)
    .also(&[409])
    .filtered(),
    does(
        Method::Put,
        "/api/v1/rules/{id}",
        Least::Role(Role::Admin),
        "Changes a rule, a built-in one too; 409 with the code `changed` when somebody else did meanwhile, `file` when it is of the configuration.",
        Answer::Json(shape::<rules::RuleEntry>),
        serve!(rules::update),
    )
    .parameters(ID)
    .takes(shape::<rules::RuleUpdate>)
    .also(&[409])
    .filtered(),
    does(
        Method::Delete,
        "/api/v1/rules/{id}",
        Least::Role(Role::Admin),
        "Removes a rule; a changed built-in one is as it came again. 409 with the code `file` or `builtin` when it cannot be removed.",
        Answer::Nothing,
        serve!(rules::delete),
    )
    .parameters(ID)
    .also(&[409])
    .filtered(),
    post(
        "/api/v1/rules/back-test",
        Role::Viewer,
        "Tells what a rule would have done over the last days, by the engine that judges it live.",
        Answer::Json(shape::<BackTest>),
        serve!(rules::back_test),
    )
    .takes(shape::<rules::BackTestQuestion>)
    .also(&[503])
    .filtered(),
];
