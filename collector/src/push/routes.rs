//! Where listeners come in.

use axum::{
    extract::{Path, State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    response::{IntoResponse as _, Response},
};

use super::{Push, Room, connection};
use crate::{access::SocketPerson, problem::Problem};

/// Largest message of a listener, in bytes: a subscription to 64 rooms is 2 KiB, a token 1 KiB.
const MESSAGE_BYTES_MAX: usize = 16 << 10;

/// Read buffer of a connection, in bytes. The library's 128 KiB would be twenty times what a listener needs in all.
const READ_BUFFER_BYTES: usize = 512;

/// Most bytes that wait in a connection's write buffer: the whole overview of 20,000 resources. Only what is being sent
/// is held.
const WRITE_BUFFER_BYTES_MAX: usize = 16 << 20;

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

pub(crate) async fn plain(State(push): State<Push>, person: SocketPerson, upgrade: Upgrade) -> Result<Response, Problem> {
    open(&push, person, upgrade, None)
}

pub(crate) async fn dashboard(State(push): State<Push>, person: SocketPerson, upgrade: Upgrade) -> Result<Response, Problem> {
    open(&push, person, upgrade, Some(Room::Overview))
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

pub(crate) async fn system(State(push): State<Push>, person: SocketPerson, upgrade: Upgrade) -> Result<Response, Problem> {
    open(&push, person, upgrade, Some(Room::System))
}

fn open(push: &Push, person: SocketPerson, upgrade: Upgrade, fixed: Option<Room>) -> Result<Response, Problem> {
    let SocketPerson(person) = person;
    if let (Some(Room::System), Some(person)) = (&fixed, &person) {
        person.require(push.0.access.monitoring_role())?;
    }
    let upgrade = upgrade.map_err(|rejection| {
        let response = rejection.into_response();
        Problem::new(response.status(), "this address speaks WebSocket only")
    })?;
    let seat = push.seat().ok_or_else(|| Problem::unavailable("too many live pages are open", 5))?;
    Ok(upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| connection::serve(socket, seat, person, fixed)))
}
