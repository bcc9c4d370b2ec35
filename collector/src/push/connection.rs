//! One listener: from its upgrade to its close.
//!
//! Invariants: what a listener named as heard, and what a snapshot told it, is not told again; nothing is told before it is known
//! who listens.

use std::{collections::HashMap, sync::Arc, sync::atomic::Ordering, time::Duration};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes};
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use tokio::{
    sync::watch,
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout, timeout_at},
};

use super::{
    ROOMS_MAX, Room,
    mailbox::{Seat, State},
    message::{self, Inbound, Wanted},
    owners::sees,
    rate::{A_MINUTE_MAX, Rate, Verdict},
    room::meaning,
    snapshot::Of,
};
use crate::access::{Person, View};

/// How long a listener may take to say who it is.
const AUTH_WITHIN: Duration = Duration::from_secs(5);

/// How often the collector gives a sign of life, and asks for one.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(15);

/// A listener that gave no sign of life for this long, or took nothing for this long, is gone: seen at the next heartbeat, so
/// within a minute.
const DEAD_AFTER: Duration = Duration::from_secs(45);

/// For how long records wait after the sign-in for the first subscription, which may say where they go on.
const SUBSCRIBE_WITHIN: Duration = Duration::from_millis(500);

/// Messages are handed to the system when so many bytes are together, or when nothing more waits: a packet is what costs.
const PACKET_BYTES: usize = 3 << 10;

/// Most types of a subscription's filter, in bytes each.
const TYPE_BYTES_MAX: usize = farol_shared::limit::VALUE_BYTES_MAX;

/// For how long what a snapshot told is remembered: what was on disk when it was made is in the rings by then.
const ECHO_WITHIN: Duration = Duration::from_secs(30);

/// Close codes: the standard ones, and ours for "sign in".
mod code {
    pub(super) const GOING_AWAY: u16 = 1001;
    pub(super) const POLICY: u16 = 1008;
    pub(super) const SIGN_IN: u16 = 4401;
}

/// Why a connection ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// It is gone, or takes nothing more.
    Gone,
    /// It is told why.
    Close(u16, &'static str),
}

/// The two ways of a socket.
pub(super) trait Socket:
    Stream<Item = Result<Message, axum::Error>> + Sink<Message, Error = axum::Error> + Unpin + Send
{
}

impl<S: Stream<Item = Result<Message, axum::Error>> + Sink<Message, Error = axum::Error> + Unpin + Send> Socket for S {}

struct Connection<S> {
    socket: S,
    seat: Seat,
    /// The room that belongs to the address; kept whatever else is subscribed.
    fixed: Option<Room>,
    heard_at: Instant,
    rate: Rate,
    /// Until when records wait for the first subscription; unset once it came.
    held_until: Option<Instant>,
    /// What is subscribed now, and what became of it.
    wanted: Wanted,
    rooms: Vec<Room>,
    view: View,
    /// What snapshots told, and until when that matters.
    echoes: Option<(Instant, HashMap<u64, u32>)>,
    /// Bytes that were given to the socket since it was flushed.
    given: usize,
}

/// Serves one listener until it leaves.
pub(super) async fn serve<S: Socket>(socket: S, seat: Seat, person: Option<Person>, fixed: Option<Room>) {
    let now = Instant::now();
    let rate = Rate::new(now);
    let mut connection = Connection {
        socket,
        seat,
        fixed,
        heard_at: now,
        rate,
        held_until: None,
        wanted: Wanted::default(),
        rooms: Vec::new(),
        view: View::Whole,
        echoes: None,
        given: 0,
    };
    let end = match Box::pin(connection.sign_in(person)).await {
        Ok(person) => connection.talk(&person).await,
        Err(end) => end,
    };
    if let End::Close(code, reason) = end {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        // The other side may be gone already: there is nobody to tell.
        drop(timeout(AUTH_WITHIN, connection.socket.send(Message::Close(Some(frame)))).await);
    }
}

impl<S: Socket> Connection<S> {
    async fn sign_in(&mut self, person: Option<Person>) -> Result<Person, End> {
        if let Some(person) = person {
            return Ok(person);
        }
        const SAY_WHO: &str = "send Auth with a token first";
        let deadline = Instant::now() + AUTH_WITHIN;
        loop {
            let received = timeout_at(deadline, self.socket.next()).await;
            let Ok(received) = received else { return Err(End::Close(code::SIGN_IN, SAY_WHO)) };
            let Some(Ok(received)) = received else { return Err(End::Gone) };
            let Some(text) = self.text(&received).await? else { continue };
            return match message::parse(text) {
                Ok(Inbound::Auth { token }) => {
                    let access = self.seat.push.0.access.clone();
                    let known = access.person_by_bearer(&token).await;
                    known.ok_or(End::Close(code::SIGN_IN, "this token is not accepted"))
                }
                Ok(_) | Err(_) => Err(End::Close(code::SIGN_IN, SAY_WHO)),
            };
        }
    }

    async fn talk(&mut self, person: &Person) -> End {
        if let Some(Room::Tenant(tenant)) = &self.fixed
            && !person.view.sees(Some(tenant))
        {
            return End::Close(code::POLICY, "this account is bound to another tenant");
        }
        self.held_until = Some(Instant::now() + SUBSCRIBE_WITHIN);
        // What is wrong with the room of the address is told when the listener asks for something: until then nobody listens to that.
        drop(self.subscribe(person, Wanted::default()));
        let mut closing = self.seat.push.0.closing.subscribe();
        let mut heartbeat = heartbeat();
        let mailbox = Arc::clone(&self.seat.mailbox);
        loop {
            let held_until = self.held_until;
            let step = tokio::select! {
                () = asked(&mut closing) => Err(End::Close(code::GOING_AWAY, "the collector is stopping")),
                received = self.socket.next() => match received {
                    // Boxed: what is rare need not make every listener's task larger.
                    Some(Ok(received)) => Box::pin(self.hear(person, &received)).await,
                    Some(Err(_)) | None => Err(End::Gone),
                },
                () = mailbox.wake.notified() => self.deliver().await,
                () = sleep_until(held_until.unwrap_or_else(Instant::now)), if held_until.is_some() => {
                    self.held_until = None;
                    self.deliver().await
                }
                _ = heartbeat.tick() => Box::pin(self.beat(person)).await,
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn hear(&mut self, person: &Person, received: &Message) -> Result<(), End> {
        let Some(text) = self.text(received).await? else { return Ok(()) };
        match message::parse(text) {
            Ok(Inbound::Subscription(wanted)) => self.subscribed(person, wanted).await,
            // A client that has a cookie may still introduce itself.
            Ok(Inbound::Auth { .. } | Inbound::Heartbeat) => Ok(()),
            Err(error) => self.complain(&error.to_string()).await,
        }
    }

    /// Takes what a listener asks for, and tells it what it gets.
    async fn subscribed(&mut self, person: &Person, wanted: Wanted) -> Result<(), End> {
        let was_held = self.held_until.take().is_some();
        let has_heard = !was_held && !super::lock(&self.seat.mailbox.waiting).interest.is_empty();
        if has_heard {
            // What waits is told as it was asked for.
            self.deliver().await?;
        }
        let (after, stream) = (wanted.after, wanted.stream.clone());
        let faults = match self.subscribe(person, wanted) {
            Ok(faults) => faults,
            Err(fault) => return self.complain(&fault).await,
        };
        let is_held = match after {
            Some(after) if !has_heard => self.go_on(after, stream.as_deref()),
            _ => true,
        };
        self.send(Message::Text(self.told())).await?;
        if after.is_some() && has_heard {
            self.complain("after belongs into the first Subscription of a connection: this one has missed nothing").await?;
        }
        for fault in faults {
            self.complain(&fault).await?;
        }
        if !is_held {
            self.catch_up().await?;
        }
        self.deliver().await
    }

    /// Lets records go on after the one that the listener saw last. Answers whether all since then are held.
    fn go_on(&self, after: u64, stream: Option<&str>) -> bool {
        let mut waiting = super::lock(&self.seat.mailbox.waiting);
        let rings = self.seat.push.0.rings();
        let is_held = stream.is_none_or(|stream| stream == rings.stream()) && rings.holds(after, &waiting.interest);
        waiting.heard = if is_held { after } else { rings.newest() };
        is_held
    }

    /// Makes these the rooms. Answers what is wrong with some of them.
    fn subscribe(&mut self, person: &Person, wanted: Wanted) -> Result<Vec<String>, String> {
        let view = self.view(person, wanted.tenant_id.as_deref())?;
        let (rooms, faults) = self.rooms(person, &view, &wanted.rooms);
        let types = wanted.event_types.iter().filter(|kind| kind.len() <= TYPE_BYTES_MAX);
        let types: Vec<Box<str>> = types.map(|kind| kind.as_str().into()).collect();
        let (topics, interest) = meaning(&rooms, &view, types);
        self.seat.listen(&topics, interest);
        (self.wanted, self.rooms, self.view) = (wanted, rooms, view);
        Ok(faults)
    }

    /// What the listener is told from now on, and the number of the record after which it goes on.
    fn told(&self) -> Utf8Bytes {
        let inner = &self.seat.push.0;
        let heard = {
            let waiting = super::lock(&self.seat.mailbox.waiting);
            if waiting.interest.is_empty() { inner.newest_record() } else { waiting.heard }
        };
        let (stream, _) = inner.position();
        message::subscribed(&self.rooms, &self.view, &self.wanted.event_types, (&stream, heard), inner.clock.now_ms())
    }

    /// What the listener sees: its own part, narrowed by the address and by what it asks for.
    fn view(&self, person: &Person, tenant: Option<&str>) -> Result<View, String> {
        let of_address = if let Some(Room::Tenant(tenant)) = &self.fixed { Some(&**tenant) } else { None };
        match (of_address, tenant) {
            (Some(one), Some(other)) if one != other => Err(format!("this address is that of the tenant {one}")),
            (one, other) => match one.or(other) {
                Some(tenant) if !person.view.sees(Some(tenant)) => {
                    Err("this account is bound to another tenant: leave tenant_id out".to_owned())
                }
                Some(tenant) => Ok(View::Tenant(tenant.into())),
                None => Ok(person.view.clone()),
            },
        }
    }

    /// The rooms of these names, with that of the address, and what is wrong with the others.
    fn rooms(&self, person: &Person, view: &View, names: &[String]) -> (Vec<Room>, Vec<String>) {
        let (mut rooms, mut faults) = (Vec::new(), Vec::new());
        if let Some(fixed) = &self.fixed {
            // Whoever introduced himself by a message was not known when the connection was opened.
            match self.allowed(person, view, fixed.clone()) {
                Ok(room) => rooms.push(room),
                Err(fault) => faults.push(fault),
            }
        }
        for name in names.iter().take(ROOMS_MAX + 1) {
            let shown: String = name.chars().take(64).collect();
            let room = Room::parse(name).ok_or_else(|| {
                format!("there is no room {shown}: the documentation of live data lists them, such as dashboard, events or resource:ID")
            });
            match room.and_then(|room| self.allowed(person, view, room)) {
                Ok(room) if rooms.contains(&room) => {}
                Ok(_) if rooms.len() >= ROOMS_MAX => faults.push(format!("more than {ROOMS_MAX} rooms: {shown} was left out")),
                Ok(room) => rooms.push(room),
                Err(fault) => faults.push(fault),
            }
        }
        (rooms, faults)
    }

    fn allowed(&self, person: &Person, view: &View, room: Room) -> Result<Room, String> {
        let push = &self.seat.push.0;
        match &room {
            Room::System if person.role < push.access.monitoring_role() => {
                Err(format!("the room system needs the role {}", push.access.monitoring_role()))
            }
            Room::System if person.view != View::Whole => {
                Err("the room system is about the whole house; this account is bound to a tenant".to_owned())
            }
            Room::Resource(id) if push.live.newest(*id).is_none() || !self.sees(view, *id) => {
                Err(format!("there is no resource {id}"))
            }
            Room::Tenant(tenant) if !view.sees(Some(tenant)) => {
                Err("a listener that is bound to a tenant hears of no other".to_owned())
            }
            _ => Ok(room),
        }
    }

    fn sees(&self, view: &View, resource: u32) -> bool {
        let push = &self.seat.push.0;
        *view == View::Whole || sees(view, &push.owners.with(std::iter::once(resource), push.clock.now_ms()), resource)
    }

    /// Sends what waits. What comes while it is being sent waits for the next turn.
    async fn deliver(&mut self) -> Result<(), End> {
        let mut sent = 0;
        while let Some(due) = self.seat.mailbox.take() {
            let text = match due {
                State::Message(text) => Some(text),
                State::WholeOf(topic) => self.seat.push.whole(&topic),
            };
            if let Some(text) = text {
                sent += 1;
                self.give(text).await?;
            }
        }
        while self.held_until.is_none() {
            let Some(records) = self.seat.push.records(&self.seat.mailbox) else {
                self.seat.push.0.skipped.fetch_add(1, Ordering::Relaxed);
                Box::pin(self.catch_up()).await?;
                continue;
            };
            if records.is_empty() {
                break;
            }
            for (mark, text) in records {
                if !self.is_echo(mark) {
                    sent += 1;
                    self.give(text).await?;
                }
            }
        }
        self.seat.push.0.sent.fetch_add(sent, Ordering::Relaxed);
        self.flush().await
    }

    /// Sends the newest records of every room from history: what lies between cannot be told any more.
    async fn catch_up(&mut self) -> Result<(), End> {
        let (rooms, event_types) = {
            let waiting = super::lock(&self.seat.mailbox.waiting);
            (waiting.interest.rooms.clone(), waiting.interest.event_types.clone())
        };
        let (mut upto, mut marks) = (None::<u64>, HashMap::new());
        for (room, view) in rooms {
            let of = Of { room, view, event_types: event_types.clone() };
            let Some(snapshot) = self.seat.push.snapshot(of).await else { continue };
            upto = Some(upto.map_or(snapshot.upto, |known| known.min(snapshot.upto)));
            snapshot.marks.iter().for_each(|mark| *marks.entry(*mark).or_insert(0) += 1);
            self.give(snapshot.message).await?;
        }
        if let Some(upto) = upto {
            super::lock(&self.seat.mailbox.waiting).heard = upto;
            self.echoes = Some((Instant::now() + ECHO_WITHIN, marks));
        }
        self.flush().await
    }

    /// Whether a record was told by a snapshot already.
    fn is_echo(&mut self, mark: u64) -> bool {
        let Some((until, marks)) = &mut self.echoes else { return false };
        if Instant::now() > *until {
            self.echoes = None;
            return false;
        }
        match marks.get_mut(&mark) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }

    async fn beat(&mut self, person: &Person) -> Result<(), End> {
        if self.heard_at.elapsed() > DEAD_AFTER {
            return Err(End::Gone);
        }
        if !self.seat.push.0.access.is_still_valid(person) {
            return Err(End::Close(code::SIGN_IN, "the sign-in has ended"));
        }
        self.look_again(person).await?;
        let now_ms = self.seat.push.0.clock.now_ms();
        self.give(message::heartbeat(now_ms)).await?;
        // Browsers answer a ping by themselves, also when the page's script sends nothing.
        self.send(Message::Ping(axum::body::Bytes::new())).await
    }

    /// Leaves the rooms of resources that have come to another tenant.
    async fn look_again(&mut self, person: &Person) -> Result<(), End> {
        let is_lost = |room: &Room| matches!(room, Room::Resource(id) if !self.sees(&self.view, *id));
        if !self.rooms.iter().any(is_lost) {
            return Ok(());
        }
        let wanted = self.wanted.clone();
        let faults = self.subscribe(person, wanted).unwrap_or_default();
        for fault in faults {
            self.complain(&fault).await?;
        }
        Ok(())
    }

    async fn complain(&mut self, detail: &str) -> Result<(), End> {
        let now_ms = self.seat.push.0.clock.now_ms();
        self.send(Message::Text(message::error(detail, now_ms))).await
    }

    /// Gives a text to the socket, which may keep it until the next flush.
    async fn give(&mut self, text: Utf8Bytes) -> Result<(), End> {
        self.given += text.as_str().len();
        let fed = timeout(DEAD_AFTER, self.socket.feed(Message::Text(text))).await;
        fed.map_err(|_| End::Gone)?.map_err(|_| End::Gone)?;
        if self.given >= PACKET_BYTES { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), End> {
        if std::mem::take(&mut self.given) == 0 {
            return Ok(());
        }
        timeout(DEAD_AFTER, self.socket.flush()).await.map_err(|_| End::Gone)?.map_err(|_| End::Gone)
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        self.given = 0;
        timeout(DEAD_AFTER, self.socket.send(message)).await.map_err(|_| End::Gone)?.map_err(|_| End::Gone)
    }

    /// The text of a message, after counting it.
    async fn text<'m>(&mut self, received: &'m Message) -> Result<Option<&'m str>, End> {
        self.heard_at = Instant::now();
        let text = match received {
            Message::Text(text) => text.as_str(),
            Message::Binary(_) => return Err(End::Close(code::POLICY, "messages are JSON text")),
            Message::Ping(_) | Message::Pong(_) => return Ok(None),
            Message::Close(_) => return Err(End::Gone),
        };
        match self.rate.count(self.heard_at) {
            Verdict::Fine => {}
            Verdict::Warn => {
                let detail = format!("more than {A_MINUTE_MAX} messages in a minute close this connection");
                let warning = message::warning(&detail, self.seat.push.0.clock.now_ms());
                self.send(Message::Text(warning)).await?;
            }
            Verdict::Close => return Err(End::Close(code::POLICY, "too many messages in a minute")),
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

#[cfg(test)]
mod tests;
