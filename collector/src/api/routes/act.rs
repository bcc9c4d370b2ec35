//! What changes another system.

use super::super::{
    act,
    route::{Answer, Least, Route, get, post, required, shape},
};
use crate::{access::Role, act as deeds};

pub(super) const ROWS: &[Route] = &[
    post(
        "/api/dashboard/redis/inspect_key",
        Role::Operator,
        "Looks at one key of a Redis, secrets masked: `{instance, key, db, unmask: [path]}`. `unmask` needs the role admin.",
        Answer::Json(shape::<deeds::inspect::Inspection>),
        serve!(act::inspect),
    )
    .takes(shape::<act::InspectBody>)
    .also(&[404, 409, 429, 502]),
    post(
        "/api/dashboard/redis/del_key",
        Role::Admin,
        "Deletes a key: `{instance, key, db, reason, include_queues}`. Or all of a pattern: first `{instance, pattern, db, preview: true}`, which counts, then `{instance, pattern, db, expected, confirm, reason, include_queues}`; 202 with its progress when there are many.",
        Answer::AnyJson,
        serve!(act::delete),
    )
    .takes(shape::<act::DeleteBody>)
    .also(&[404, 409, 429, 502]),
    post(
        "/api/dashboard/redis/flushall",
        Role::SuperAdmin,
        "Empties one database of a Redis, or all when `db` is absent: `{instance, db, confirm, reason}`. There is no way back.",
        Answer::Json(shape::<deeds::flush::Flushed>),
        serve!(act::flush),
    )
    .takes(shape::<act::FlushBody>)
    .also(&[404, 409, 429, 502]),
    post(
        "/api/dashboard/redis/undo",
        Role::Admin,
        "Restores what a deletion left, within 10 minutes: `{instance, undo}`.",
        Answer::Json(shape::<deeds::undo::Restored>),
        serve!(act::undo),
    )
    .takes(shape::<act::UndoBody>)
    .also(&[404, 409, 429, 502]),
    get(
        "/api/v1/actions/{id}",
        Least::Role(Role::Admin),
        "How far a deletion by pattern has come.",
        &[required("id", "What `job` said when it began.")],
        Answer::Json(shape::<deeds::Progress>),
        serve!(act::progress),
    ),
    post(
            "/api/v1/actions/{id}/cancel",
            Role::Admin,
            "Asks a deletion by pattern to stop; what is deleted is deleted.",
            Answer::Json(shape::<deeds::Progress>),
            serve!(act::cancel),
        )
    .parameters(&[required("id", "What `job` said when it began.")]),
];
