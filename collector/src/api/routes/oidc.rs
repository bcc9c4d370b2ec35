//! Signing in from elsewhere, and the key that checks our tokens.

use super::super::{
    keys,
    route::{Answer, Least, Method, Route, does, get, required},
};
use crate::access;

pub(super) const ROWS: &[Route] = &[
    get(
        "/api/auth/jwks.json",
        Least::Nobody,
        "The public key that checks the tokens of `POST /api/auth/login` (RFC 7517).",
        &[],
        Answer::AnyJson,
        serve!(keys::published),
    ),
    does(
        Method::Get,
        "/api/auth/oidc/{name}",
        Least::Nobody,
        "Sends the browser to a provider of the configuration to sign in there.",
        Answer::Redirect,
        handle!(access::oidc::routes::begin),
    )
    .parameters(&[required("name", "Name of a provider, as `/api/auth/state` tells them.")]),
    does(
        Method::Get,
        "/api/auth/oidc/{name}/callback",
        Least::Nobody,
        "Takes the browser back from the provider: to the page with a session, or to its sign-in with what went wrong.",
        Answer::Redirect,
        handle!(access::oidc::routes::callback),
    )
    .parameters(&[required("name", "Name of a provider.")]),
];
