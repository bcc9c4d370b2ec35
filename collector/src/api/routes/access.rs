//! Signing in, people, tokens, the audit log.

use super::super::{
    READ, audit,
    route::{Answer, Least, Method, Parameter, Route, does, get, optional, post, required, shape},
};
use crate::access::{
    Role,
    routes::{self, arrivals, own, second_factor, tokens, users},
};

const ADMIN: Least = Least::Role(Role::Admin);
const SUPER_ADMIN: Least = Least::Role(Role::SuperAdmin);

const ACTION: Parameter = optional("action", "Only lines of this action, such as `login` or `redis.delete_key`.");
const BY: Parameter = optional("username", "Only lines of this person.");
const FROM: Parameter = optional("from", "Not before this instant: RFC 3339, or milliseconds since the epoch.");
const TO: Parameter = optional("to", "Before this instant.");
const USER: Parameter = required("username", "Name of the account.");
const SESSION: Parameter = required("id", "Number of the sign-in.");
const TOKEN: Parameter = required("id", "Number of the token.");

pub(super) const ROWS: &[Route] = &[
    get(
        "/api/v1/audit",
        ADMIN,
        "The audit log: who did what, newest first.",
        &[
            optional("limit", "Most lines, up to 1000; 50 when absent."),
            optional("before", "The page after the one whose `next` this is; the newest when absent."),
            ACTION,
            BY,
            FROM,
            TO,
        ],
        Answer::Json(shape::<audit::Audit>),
        serve!(audit::list),
    ),
    get(
        "/api/v1/audit/export",
        ADMIN,
        "The audit log as a file, newest first.",
        &[optional("format", "`csv` (the default), `ndjson` or `json`."), ACTION, BY, FROM, TO],
        Answer::File(&["text/csv", "application/x-ndjson", "application/json"]),
        serve!(audit::export),
    ),
    does(
        Method::Get,
        "/api/auth/state",
        Least::Nobody,
        "What the page must know before anybody is signed in.",
        Answer::Json(shape::<routes::SignInState>),
        handle!(routes::state),
    ),
    does(
        Method::Post,
        "/api/auth/setup",
        Least::Nobody,
        "Makes the first administrator with the one-time token; answers as login.",
        Answer::Json(shape::<routes::SignedIn>),
        handle!(routes::setup),
    )
    .takes(shape::<routes::SetUp>)
    .also(&[429]),
    does(
        Method::Post,
        "/api/auth/login",
        Least::Nobody,
        "Signs in: a bearer token for programs, and a session cookie for browsers. 401 with the code `second_factor_required` when `code` is missing, `second_factor_wrong` when it is wrong.",
        Answer::Json(shape::<routes::SignedIn>),
        handle!(routes::login),
    )
    .takes(shape::<routes::Credentials>)
    .also(&[401, 429]),
    does(Method::Post, "/api/auth/logout", Least::Nobody, "Ends the session.", Answer::Nothing, handle!(routes::logout))
        .also(&[403]),
    does(Method::Get, "/api/auth/me", READ, "Who is signed in.", Answer::Json(shape::<routes::Me>), handle!(routes::me))
        .filtered(),
    post(
        "/api/auth/password",
        Role::Viewer,
        "Changes one's own password; a new cookie, and every other sign-in ends. 403 with the code `wrong_password`.",
        Answer::Nothing,
        handle!(own::change_password),
    )
    .takes(shape::<own::PasswordChange>)
    .also(&[409, 429])
    .filtered(),
    get("/api/auth/sessions", READ, "Where one is signed in.", &[], Answer::Json(shape::<own::OwnSessions>), handle!(own::sessions))
        .filtered(),
    does(
        Method::Delete,
        "/api/auth/sessions/{id}",
        READ,
        "Ends one of one's own sign-ins.",
        Answer::Nothing,
        handle!(own::end_session),
    )
    .parameters(&[SESSION])
    .filtered(),
    post(
        "/api/auth/sessions/end-others",
        Role::Viewer,
        "Ends every other of one's own sign-ins.",
        Answer::Nothing,
        handle!(own::end_others),
    )
    .filtered(),
    post(
        "/api/auth/second-factor/begin",
        Role::Viewer,
        "Offers a secret for an app; it counts once its first code has come.",
        Answer::Json(shape::<second_factor::SecondFactorOffer>),
        handle!(second_factor::begin),
    )
    .takes(shape::<second_factor::SecondFactorBegin>)
    .also(&[409, 429])
    .filtered(),
    post(
        "/api/auth/second-factor/confirm",
        Role::Viewer,
        "Puts the second factor in force by its first code; a new cookie, and every other sign-in ends.",
        Answer::Json(shape::<second_factor::RecoveryCodes>),
        handle!(second_factor::confirm),
    )
    .takes(shape::<second_factor::SecondFactorCode>)
    .also(&[409, 429])
    .filtered(),
    post(
        "/api/auth/second-factor/recovery",
        Role::Viewer,
        "Replaces the recovery codes; a new cookie, and every other sign-in ends.",
        Answer::Json(shape::<second_factor::RecoveryCodes>),
        handle!(second_factor::recovery),
    )
    .takes(shape::<second_factor::PasswordAndCode>)
    .also(&[409, 429])
    .filtered(),
    post(
        "/api/auth/second-factor/disable",
        Role::Viewer,
        "Gives the second factor up; a new cookie, and every other sign-in ends.",
        Answer::Nothing,
        handle!(second_factor::disable),
    )
    .takes(shape::<second_factor::PasswordAndCode>)
    .also(&[409, 429])
    .filtered(),
    get("/api/v1/users", SUPER_ADMIN, "Every account.", &[], Answer::Json(shape::<users::UserList>), handle!(users::list)),
    post(
        "/api/v1/users",
        Role::SuperAdmin,
        "Makes an account; its password is made and shown once when none is given.",
        Answer::Made(shape::<users::MadeAccount>),
        handle!(users::create),
    )
    .takes(shape::<users::NewAccount>)
    .also(&[409]),
    does(
        Method::Patch,
        "/api/v1/users/{username}",
        SUPER_ADMIN,
        "Changes an account and ends its sign-ins. 409 with the code `last_super_admin`.",
        Answer::Json(shape::<users::UserEntry>),
        handle!(users::change),
    )
    .parameters(&[USER])
    .takes(shape::<users::AccountChange>)
    .also(&[409]),
    does(
        Method::Delete,
        "/api/v1/users/{username}",
        SUPER_ADMIN,
        "Removes an account. 409 with the code `last_super_admin`.",
        Answer::Nothing,
        handle!(users::delete),
    )
    .parameters(&[USER])
    .also(&[409]),
    does(
        Method::Delete,
        "/api/v1/users/{username}/sessions",
        SUPER_ADMIN,
        "Ends every sign-in of an account.",
        Answer::Nothing,
        handle!(users::end_sessions),
    )
    .parameters(&[USER]),
    get(
        "/api/v1/tokens",
        ADMIN,
        "Tokens of agents, revoked ones included.",
        &[],
        Answer::Json(shape::<tokens::AgentTokens>),
        handle!(tokens::agent_tokens),
    ),
    post(
        "/api/v1/tokens",
        Role::Admin,
        "Makes a token for agents, of one tenant or environment if they are named; it is shown once.",
        Answer::Made(shape::<tokens::MadeAgentToken>),
        handle!(tokens::create_agent_token),
    )
    .takes(shape::<tokens::NewAgentToken>)
    .also(&[409]),
    does(
        Method::Delete,
        "/api/v1/tokens/{id}",
        ADMIN,
        "Revokes a token of agents.",
        Answer::Nothing,
        handle!(tokens::revoke_agent_token),
    )
    .parameters(&[TOKEN]),
    does(
        Method::Get,
        "/api/v1/tokens/{id}/arrivals",
        ADMIN,
        "Which agents deliver with a token since it was first asked about, and who was turned away at the agents' door of late. Meant to be asked every second while somebody adds an agent: two minutes after the last question it is forgotten.",
        Answer::Json(shape::<arrivals::Arrivals>),
        handle!(arrivals::arrivals),
    )
    .parameters(&[TOKEN]),
    get(
        "/api/v1/api-tokens",
        READ,
        "Tokens by which programs act for one, ended ones included.",
        &[optional("all", "`true` for everybody's: administrators of the whole house.")],
        Answer::Json(shape::<tokens::ApiTokens>),
        handle!(tokens::api_tokens),
    )
    .filtered(),
    post(
        "/api/v1/api-tokens",
        Role::Viewer,
        "Makes a token by which a program acts for one, with at most one's own role; it is shown once.",
        Answer::Made(shape::<tokens::MadeApiToken>),
        handle!(tokens::create_api_token),
    )
    .takes(shape::<tokens::NewProgramToken>)
    .also(&[409])
    .filtered(),
    does(
        Method::Delete,
        "/api/v1/api-tokens/{id}",
        READ,
        "Revokes such a token: one's own, or any for administrators of the whole house.",
        Answer::Nothing,
        handle!(tokens::revoke_api_token),
    )
    .parameters(&[TOKEN])
    .filtered(),
];
