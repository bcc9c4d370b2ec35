//! Signing in, people, tokens, the audit log.

use super::super::{
    READ, act,
    route::{Answer, Least, Method, Parameter, Route, does, get, optional, shape},
};
use crate::{access, access::Role};

const BEFORE: Parameter = optional("before", "The page after the one whose `next` this is; the newest when absent.");

pub(super) const ROWS: &[Route] = &[
    get(
        "/api/v1/audit",
        Least::Role(Role::Admin),
        "The audit log: who did what to another system, newest first.",
        &[
            optional("limit", "Most lines, up to 1000; 50 when absent."),
            BEFORE,
            optional("action", "Only lines of this action, such as `redis.delete_key`."),
        ],
        Answer::Json(shape::<act::Audit>),
        serve!(act::audit),
    ),
    does(
        Method::Get,
        "/api/auth/state",
        Least::Nobody,
        "What the page must know before anybody is signed in.",
        Answer::Json(shape::<access::routes::SignInState>),
        handle!(access::routes::state),
    ),
    does(
        Method::Post,
        "/api/auth/setup",
        Least::Nobody,
        "Makes the first administrator with the one-time token; answers as login.",
        Answer::Json(shape::<access::routes::SignedIn>),
        handle!(access::routes::setup),
    )
    .takes(shape::<access::routes::SetUp>)
    .also(&[429]),
    does(
        Method::Post,
        "/api/auth/login",
        Least::Nobody,
        "Signs in: a bearer token for programs, and a session cookie for browsers.",
        Answer::Json(shape::<access::routes::SignedIn>),
        handle!(access::routes::login),
    )
    .takes(shape::<access::routes::Credentials>)
    .also(&[401, 429]),
    does(Method::Post, "/api/auth/logout", Least::Nobody, "Ends the session.", Answer::Nothing, handle!(access::routes::logout)),
    does(
        Method::Get,
        "/api/auth/me",
        READ,
        "Who is signed in.",
        Answer::Json(shape::<access::routes::Me>),
        handle!(access::routes::me),
    )
    .filtered(),
];
