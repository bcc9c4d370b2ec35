//! One listener: from its upgrade to its close.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use tokio::{
    sync::watch,
    time::{Instant, Interval, MissedTickBehavior, interval_at, timeout, timeout_at},
};

use super::{Due, ROOMS_MAX, Room, Seat, message};
use crate::access::Person;

/// How long a listener may take to say who it is.
const AUTH_WITHIN: Duration = Duration::from_secs(5);

/// How often the collector gives a sign of life, and asks for one.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(15);

/// A listener that gave no sign of life for this long, or took nothing for this long, is gone.
const DEAD_AFTER: Duration = Duration::from_secs(60);

/// Most messages that a listener may send in a minute.
const MESSAGES_A_MINUTE_MAX: u32 = 100;

/// Close codes: the standard ones, and ours for "sign in".
mod code {
    pub(super) const GOING_AWAY: u16 = 1001;
    pub(super) const POLICY: u16 = 1008;
    pub(super) const SIGN_IN: u16 = 4401;
}

/// Why a connection ends.
enum End {
    /// It is gone, or takes nothing more.
    Gone,
    /// It is told why.
    Close(u16, &'static str),
}

struct Connection {
    socket: WebSocket,
    seat: Seat,
    /// The room that belongs to the address; kept whatever else is subscribed.
    fixed: Option<Room>,
    heard_at: Instant,
    /// Start of the running minute and messages in it.
    minute: (Instant, u32),
}

/// Serves one listener until it leaves.
pub(super) async fn serve(socket: WebSocket, seat: Seat, person: Option<Person>, fixed: Option<Room>) {
    let now = Instant::now();
    let mut connection = Connection { socket, seat, fixed, heard_at: now, minute: (now, 0) };
    let end = match connection.sign_in(person).await {
        Ok(person) => connection.talk(&person).await,
        Err(end) => end,
    };
    if let End::Close(code, reason) = end {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        // The other side may be gone already: there is nobody to tell.
        drop(timeout(AUTH_WITHIN, connection.socket.send(Message::Close(Some(frame)))).await);
    }
}

impl Connection {
    async fn sign_in(&mut self, person: Option<Person>) -> Result<Person, End> {
        if let Some(person) = person {
            return Ok(person);
        }
        const SAY_WHO: &str = "send Auth with a token first";
        let deadline = Instant::now() + AUTH_WITHIN;
        loop {
            let received = timeout_at(deadline, self.socket.recv()).await;
            let Ok(received) = received else { return Err(End::Close(code::SIGN_IN, SAY_WHO)) };
            let Some(Ok(received)) = received else { return Err(End::Gone) };
            let Some(text) = self.text(&received)? else { continue };
            return match message::parse(text) {
                Ok(message::Inbound::Auth { token }) => {
                    let known = self.seat.push.0.access.person_by_token(&token);
                    known.ok_or(End::Close(code::SIGN_IN, "this token is not accepted"))
                }
                Ok(_) | Err(_) => Err(End::Close(code::SIGN_IN, SAY_WHO)),
            };
        }
    }

    async fn talk(&mut self, person: &Person) -> End {
        if let Err(end) = self.subscribe(person, &[]).await {
            return end;
        }
        let mut closing = self.seat.push.0.closing.subscribe();
        let mut heartbeat = heartbeat();
        let mailbox = std::sync::Arc::clone(&self.seat.mailbox);
        loop {
            let step = tokio::select! {
                () = asked(&mut closing) => Err(End::Close(code::GOING_AWAY, "the collector is stopping")),
                received = self.socket.recv() => match received {
                    Some(Ok(received)) => self.hear(person, &received).await,
                    Some(Err(_)) | None => Err(End::Gone),
                },
                () = mailbox.wake.notified() => self.deliver().await,
                _ = heartbeat.tick() => self.beat(person).await,
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn hear(&mut self, person: &Person, received: &Message) -> Result<(), End> {
        let Some(text) = self.text(received)? else { return Ok(()) };
        match message::parse(text) {
            Ok(message::Inbound::Subscription { rooms }) => self.subscribe(person, &rooms).await,
            // A client that has a cookie may still introduce itself.
            Ok(message::Inbound::Auth { .. } | message::Inbound::Heartbeat) => Ok(()),
            Err(error) => self.complain(&error.to_string()).await,
        }
    }

    async fn subscribe(&mut self, person: &Person, names: &[String]) -> Result<(), End> {
        // Whoever introduced himself by a message was not known when the connection was opened.
        let monitoring = self.seat.push.0.access.monitoring_role();
        let may_stay = |room: &Room| *room != Room::System || person.role >= monitoring;
        let mut rooms: Vec<Room> = self.fixed.clone().filter(may_stay).into_iter().collect();
        let mut faults = Vec::new();
        for name in names.iter().take(ROOMS_MAX + 1) {
            match self.room(person, name) {
                Ok(room) if rooms.contains(&room) => {}
                Ok(_) if rooms.len() >= ROOMS_MAX => faults.push(format!("more than {ROOMS_MAX} rooms: {name} was left out")),
                Ok(room) => rooms.push(room),
                Err(fault) => faults.push(fault),
            }
        }
        self.seat.listen(&rooms);
        for fault in faults {
            self.complain(&fault).await?;
        }
        Ok(())
    }

    fn room(&self, person: &Person, name: &str) -> Result<Room, String> {
        let shown: String = name.chars().take(64).collect();
        match Room::parse(name) {
            Some(Room::System) if person.role < self.seat.push.0.access.monitoring_role() => {
                Err(format!("the room system needs the role {}", self.seat.push.0.access.monitoring_role()))
            }
            Some(Room::Resource(id)) if self.seat.push.0.live.newest(id).is_none() => Err(format!("there is no resource {id}")),
            Some(room) => Ok(room),
            None => Err(format!("there is no room {shown}: write overview, resource:ID, events, event:TYPE, checks or logs")),
        }
    }

    /// Sends what waits. What comes while it is being sent waits for the next turn.
    async fn deliver(&mut self) -> Result<(), End> {
        while let Some(due) = self.seat.mailbox.take() {
            let text = match due {
                Due::Message(text) => Some(text),
                Due::WholeOf(room) => self.seat.push.whole(&room),
            };
            if let Some(text) = text {
                self.seat.push.0.sent.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                self.send(Message::Text(text)).await?;
            }
        }
        Ok(())
    }

    async fn beat(&mut self, person: &Person) -> Result<(), End> {
        if self.heard_at.elapsed() > DEAD_AFTER {
            return Err(End::Gone);
        }
        if !self.seat.push.0.access.is_still_valid(person) {
            return Err(End::Close(code::SIGN_IN, "the sign-in has ended"));
        }
        let now_ms = self.seat.push.0.clock.now_ms();
        self.send(Message::Text(message::heartbeat(now_ms))).await?;
        // Browsers answer a ping by themselves, also when the page's script sends nothing.
        self.send(Message::Ping(axum::body::Bytes::new())).await
    }

    async fn complain(&mut self, detail: &str) -> Result<(), End> {
        let now_ms = self.seat.push.0.clock.now_ms();
        self.send(Message::Text(message::error(detail, now_ms))).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(DEAD_AFTER, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }

    /// The text of a message, after counting it.
    fn text<'m>(&mut self, received: &'m Message) -> Result<Option<&'m str>, End> {
        self.heard_at = Instant::now();
        let text = match received {
            Message::Text(text) => text.as_str(),
            Message::Binary(_) => return Err(End::Close(code::POLICY, "messages are JSON text")),
            Message::Ping(_) | Message::Pong(_) => return Ok(None),
            Message::Close(_) => return Err(End::Gone),
        };
        if self.minute.0.elapsed() >= Duration::from_secs(60) {
            self.minute = (self.heard_at, 0);
        }
        self.minute.1 += 1;
        if self.minute.1 > MESSAGES_A_MINUTE_MAX {
            return Err(End::Close(code::POLICY, "too many messages in a minute"));
        }
        Ok(Some(text))
    }
}

/// Resolves when every connection is asked to close.
async fn asked(closing: &mut watch::Receiver<bool>) {
    // The other end is gone only when the process ends.
    drop(closing.wait_for(|closing| *closing).await);
}

fn heartbeat() -> Interval {
    let mut interval = interval_at(Instant::now() + HEARTBEAT_EVERY, HEARTBEAT_EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
