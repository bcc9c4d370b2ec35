//! Where listeners come in.

use axum::{
    extract::{Path, State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    http::Uri,
    response::{IntoResponse as _, Response},
};

use super::{Push, Room, connection};
use crate::{
    access::{Person, SocketPerson, View},
    problem::Problem,
};

/// Largest message of a listener, in bytes: a subscription to 64 rooms is 2 KiB, a token 1 KiB.
const MESSAGE_BYTES_MAX: usize = 16 << 10;

/// Read buffer of a connection, in bytes. The library's 128 KiB would be twenty times what a listener needs in all.
const READ_BUFFER_BYTES: usize = 512;

/// Most bytes that wait in a connection's write buffer: the whole overview of 20,000 resources. Only what is being sent
/// is held.
const WRITE_BUFFER_BYTES_MAX: usize = 16 << 20;

/// Bytes of messages that are gathered before the system is given them: what waits for one listener goes out together.
const WRITE_BUFFER_BYTES: usize = 4 << 10;

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

pub(crate) async fn plain(State(push): State<Push>, person: SocketPerson, upgrade: Upgrade) -> Result<Response, Problem> {
    open(&push, person, upgrade, None)
}

/// The address of a room that has no more to its name, such as `/ws/alerts`.
pub(crate) async fn room(
    State(push): State<Push>,
    uri: Uri,
    person: SocketPerson,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let name = uri.path().rsplit('/').next().unwrap_or_default();
    let room = Room::parse(name).ok_or_else(|| Problem::not_found("there is no such room"))?;
    open(&push, person, upgrade, Some(room))
}

pub(crate) async fn resource(
    State(push): State<Push>,
    Path(id): Path<String>,
    person: SocketPerson,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found("a resource has a number"))?;
    open(&push, person, upgrade, Some(Room::Resource(id)))
}

pub(crate) async fn service(
    State(push): State<Push>,
    Path(name): Path<String>,
    person: SocketPerson,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let room = Room::parse(&format!("service:{name}")).ok_or_else(|| Problem::not_found("no service has such a name"))?;
    open(&push, person, upgrade, Some(room))
}

pub(crate) async fn tenant(
    State(push): State<Push>,
    Path(id): Path<String>,
    person: SocketPerson,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let room = Room::parse(&format!("tenant:{id}")).ok_or_else(|| Problem::not_found("no tenant has such a name"))?;
    open(&push, person, upgrade, Some(room))
}

fn open(push: &Push, person: SocketPerson, upgrade: Upgrade, fixed: Option<Room>) -> Result<Response, Problem> {
    let SocketPerson(person) = person;
    if let Some(person) = &person {
        refuse(push, person, fixed.as_ref())?;
    }
    let upgrade = upgrade.map_err(|rejection| {
        let response = rejection.into_response();
        Problem::new(response.status(), "this address speaks WebSocket only")
    })?;
    let seat = push.seat().ok_or_else(|| Problem::unavailable("too many live pages are open", 5))?;
    Ok(upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| connection::serve(socket, seat, person, fixed)))
}

/// Refuses an address to somebody who is known already and may not listen there.
fn refuse(push: &Push, person: &Person, fixed: Option<&Room>) -> Result<(), Problem> {
    match fixed {
        Some(Room::System) => {
            person.require(push.0.access.monitoring_role())?;
            if person.view != View::Whole {
                return Err(Problem::forbidden("this is about the whole house; this account is bound to a tenant")
                    .code("bound_to_tenant"));
            }
        }
        Some(Room::Tenant(tenant)) if !person.view.sees(Some(tenant)) => {
            return Err(Problem::forbidden("this account is bound to another tenant").code("bound_to_tenant"));
        }
        _ => {}
    }
    Ok(())
}
