//! Rooms: what a listener may ask for by name, and what that means in states and in records.
//!
//! A room tells how something stands (its states come as a [`Topic`], once for all who look at the same thing), what happens (its
//! records are found in the rings by an [`Interest`]), or both.

use std::{fmt, sync::Arc};

use farol_shared::limit;
use farol_store::ResourceId;

use super::ring::{Entry, Kind};
use crate::access::View;

/// Types of events that the room `conversations` tells.
const OF_CONVERSATIONS: &[&str] =
    &["MessageSent", "MessageReceived", "ConversationStarted", "ConversationEnded", "TicketCreated"];

/// Types of events that the room `campaigns` tells.
const OF_CAMPAIGNS: &[&str] = &["CampaignUpdate"];

/// Types of events that the room `erp` tells.
const OF_ERP: &[&str] = &["ERPCall"];

/// Types of events that the room `ai` tells.
const OF_AI: &[&str] = &["AIInteraction"];

/// Something to listen to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Room {
    /// All resources with status and figures, once a second.
    Overview,
    /// Every frame of one resource.
    Resource(ResourceId),
    /// The collector's own machine in few words, once a second, for administrators.
    System,
    /// Users online and whether the checked addresses answer, when it changes.
    Status,
    /// Every event of every service.
    Events,
    /// Events of one type.
    EventsOf(Arc<str>),
    /// Results of health checks.
    Checks,
    /// Log records: warnings and worse.
    Logs,
    /// Every figure, once a second, and every event.
    Dashboard,
    /// Figures and events of messages, conversations and tickets.
    Conversations,
    /// Figures and events of campaigns.
    Campaigns,
    /// Figures and events of calls of ERP systems.
    Erp,
    /// Figures and events of uses of AI models.
    Ai,
    /// Lights that change, and what applications raise.
    Alerts,
    /// Figures and records of one service, by its name.
    Service(Arc<str>),
    /// Figures and records of one tenant.
    Tenant(Arc<str>),
}

impl Room {
    /// The room of a name, if there is such a room.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let text = |text: &str| (!text.is_empty() && text.len() <= limit::VALUE_BYTES_MAX).then(|| Arc::from(text));
        match name {
            "overview" => Some(Self::Overview),
            "system" => Some(Self::System),
            "status" => Some(Self::Status),
            "events" => Some(Self::Events),
            "checks" => Some(Self::Checks),
            "logs" => Some(Self::Logs),
            "dashboard" => Some(Self::Dashboard),
            "conversations" => Some(Self::Conversations),
            "campaigns" => Some(Self::Campaigns),
            "erp" => Some(Self::Erp),
            "ai" => Some(Self::Ai),
            "alerts" => Some(Self::Alerts),
            _ => match name.split_once(':')? {
                ("resource", id) => id.parse().ok().map(Self::Resource),
                ("event", kind) => text(kind).map(Self::EventsOf),
                ("service", name) => text(name).map(Self::Service),
                ("tenant", name) => text(name).map(Self::Tenant),
                _ => None,
            },
        }
    }

    /// Whether it tells what happened, one record a message.
    #[must_use]
    pub fn is_of_records(&self) -> bool {
        !matches!(self, Self::Overview | Self::Resource(_) | Self::System | Self::Status)
    }

    /// Whether a listener of several such rooms hears a record once: a client of these shows all that comes in one list. The other
    /// rooms of records each have a list of their own.
    fn is_shared(&self) -> bool {
        self.figures().is_some() || matches!(self, Self::Alerts | Self::Service(_) | Self::Tenant(_))
    }

    /// Which figures it tells.
    pub(super) fn figures(&self) -> Option<Figures> {
        Some(match self {
            Self::Dashboard | Self::Tenant(_) => Figures::ALL,
            Self::Conversations => Figures::CONVERSATIONS,
            Self::Campaigns => Figures::CAMPAIGNS,
            Self::Erp => Figures::ERP,
            Self::Ai => Figures::AI,
            _ => return None,
        })
    }

    /// Types of the events that it tells; empty for every type, nothing for no event at all.
    pub(super) fn event_types(&self) -> Option<Vec<String>> {
        let some = |types: &[&str]| Some(types.iter().map(|kind| (*kind).to_owned()).collect());
        match self {
            Self::Events | Self::Dashboard | Self::Service(_) | Self::Tenant(_) => Some(Vec::new()),
            Self::EventsOf(kind) => some(&[kind]),
            Self::Conversations => some(OF_CONVERSATIONS),
            Self::Campaigns => some(OF_CAMPAIGNS),
            Self::Erp => some(OF_ERP),
            Self::Ai => some(OF_AI),
            _ => None,
        }
    }

    /// Whether it tells records of this kind.
    pub(super) fn tells(&self, kind: Kind) -> bool {
        match self {
            Self::Service(_) | Self::Tenant(_) => true,
            Self::Logs => kind == Kind::Log,
            Self::Checks => kind == Kind::Check,
            Self::Alerts => kind == Kind::Alert,
            Self::Overview | Self::Resource(_) | Self::System | Self::Status => false,
            Self::Events | Self::EventsOf(_) | Self::Dashboard | Self::Conversations | Self::Campaigns | Self::Erp | Self::Ai => {
                kind == Kind::Event
            }
        }
    }

    fn takes(&self, entry: &Entry) -> bool {
        let is_of = |types: &[&str]| types.contains(&&*entry.event_type);
        self.tells(entry.kind)
            && match self {
                Self::EventsOf(kind) => **kind == *entry.event_type,
                Self::Conversations => is_of(OF_CONVERSATIONS),
                Self::Campaigns => is_of(OF_CAMPAIGNS),
                Self::Erp => is_of(OF_ERP),
                Self::Ai => is_of(OF_AI),
                Self::Service(name) => entry.service.as_deref() == Some(&**name),
                Self::Tenant(name) => entry.tenant.as_deref() == Some(&**name),
                _ => true,
            }
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overview => f.write_str("overview"),
            Self::Resource(id) => write!(f, "resource:{id}"),
            Self::System => f.write_str("system"),
            Self::Status => f.write_str("status"),
            Self::Events => f.write_str("events"),
            Self::EventsOf(kind) => write!(f, "event:{kind}"),
            Self::Checks => f.write_str("checks"),
            Self::Logs => f.write_str("logs"),
            Self::Dashboard => f.write_str("dashboard"),
            Self::Conversations => f.write_str("conversations"),
            Self::Campaigns => f.write_str("campaigns"),
            Self::Erp => f.write_str("erp"),
            Self::Ai => f.write_str("ai"),
            Self::Alerts => f.write_str("alerts"),
            Self::Service(name) => write!(f, "service:{name}"),
            Self::Tenant(name) => write!(f, "tenant:{name}"),
        }
    }
}

/// Which groups of figures a message tells, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Figures(u8);

impl Figures {
    pub(super) const CONVERSATIONS: Self = Self(1);
    pub(super) const CAMPAIGNS: Self = Self(2);
    pub(super) const ERP: Self = Self(4);
    pub(super) const AI: Self = Self(8);
    /// Machines, services, checks: what only the dashboard tells.
    pub(super) const HOUSE: Self = Self(16);
    pub(super) const ALL: Self = Self(31);

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A state that is told: one message each time, shared by all who look at the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Topic {
    /// Lines of the resources that a view sees.
    Overview(View),
    /// Frames of a resource.
    Resource(ResourceId),
    /// The collector's machine.
    System,
    /// Users online, uptime.
    Status(View),
    /// Figures, told as those of a room.
    Figures(Room, Figures, View),
    /// Figures of a service.
    Service(Arc<str>, View),
}

/// Which records a listener hears, and under which rooms' names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Interest {
    /// In the order in which they were asked for.
    pub(super) rooms: Vec<(Room, View)>,
    /// Of `Event` messages only those of these types; all when empty.
    pub(super) event_types: Vec<Box<str>>,
}

impl Interest {
    pub(super) fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    pub(super) fn is_of(&self, kind: Kind) -> bool {
        self.rooms.iter().any(|(room, _)| room.tells(kind))
    }

    pub(super) fn wants(&self, entry: &Entry) -> bool {
        self.heard_in(entry).next().is_some()
    }

    /// The rooms under whose names a record is told.
    pub(super) fn heard_in<'a>(&'a self, entry: &'a Entry) -> impl Iterator<Item = &'a Room> {
        let is_wanted = entry.kind != Kind::Event
            || self.event_types.is_empty()
            || self.event_types.iter().any(|kind| **kind == *entry.event_type);
        let rooms = if is_wanted { self.rooms.as_slice() } else { &[] };
        let mut is_told = false;
        rooms.iter().filter_map(move |(room, view)| {
            if !room.takes(entry) || !view.sees(entry.tenant.as_deref()) || (room.is_shared() && is_told) {
                return None;
            }
            is_told |= room.is_shared();
            Some(room)
        })
    }
}

/// What some rooms mean for a listener with a view: the states that it is told, and the records that it hears.
pub(super) fn meaning(rooms: &[Room], view: &View, event_types: Vec<Box<str>>) -> (Vec<Topic>, Interest) {
    let mut topics = Vec::new();
    let mut figures: Vec<(Room, Figures, View)> = Vec::new();
    let mut interest = Interest { rooms: Vec::new(), event_types };
    for room in rooms {
        let view = if let Room::Tenant(name) = room { View::Tenant(Arc::clone(name)) } else { view.clone() };
        match room {
            Room::Overview => topics.push(Topic::Overview(view.clone())),
            Room::Resource(id) => topics.push(Topic::Resource(*id)),
            Room::System => topics.push(Topic::System),
            Room::Status => topics.push(Topic::Status(view.clone())),
            Room::Service(name) => topics.push(Topic::Service(Arc::clone(name), view.clone())),
            _ => {}
        }
        if let Some(wanted) = room.figures() {
            // A client keeps the newest figures whatever their room: two messages would hide each other's.
            match figures.iter_mut().find(|(_, _, of)| *of == view) {
                Some((name, known, _)) => {
                    if !known.has(wanted) && wanted.has(*known) {
                        *name = room.clone();
                    }
                    *known = known.with(wanted);
                }
                None => figures.push((room.clone(), wanted, view.clone())),
            }
        }
        if room.is_of_records() {
            interest.rooms.push((room.clone(), view));
        }
    }
    topics.extend(figures.into_iter().map(|(room, figures, view)| Topic::Figures(room, figures, view)));
    (topics, interest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::ring::tests::entry;

    fn heard(rooms: &[&str], view: &View, types: &[&str], entry: &Entry) -> Vec<String> {
        let rooms: Vec<Room> = rooms.iter().map(|name| Room::parse(name).unwrap()).collect();
        let (_, interest) = meaning(&rooms, view, types.iter().map(|kind| (*kind).into()).collect());
        interest.heard_in(entry).map(Room::to_string).collect()
    }

    #[test]
    fn rooms_have_names_and_names_have_rooms() {
        let of_names = ["event:a:b", "service:shop", "tenant:acme", "resource:12"];
        let plain = ["overview", "system", "status", "events", "checks", "logs", "dashboard", "conversations", "campaigns"];
        for name in of_names.into_iter().chain(plain).chain(["erp", "ai", "alerts"]) {
            assert_eq!(Room::parse(name).unwrap().to_string(), name);
        }
        let long = format!("service:{}", "x".repeat(limit::VALUE_BYTES_MAX + 1));
        let none =
            ["", "resource:", "resource:x", "resource:-1", "resource:4294967296", "Overview", "tenant:", "event:", "event"];
        for name in none.into_iter().chain(["events:x", "service:", &long]) {
            assert_eq!(Room::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_client_of_one_list_hears_a_record_once_and_the_pages_lists_each_hear_it() {
        let event = entry(Kind::Event, "MessageSent", None);
        assert_eq!(heard(&["dashboard", "conversations", "alerts"], &View::Whole, &[], &event), ["dashboard"]);
        assert_eq!(heard(&["erp", "conversations"], &View::Whole, &[], &event), ["conversations"]);
        assert_eq!(heard(&["events", "event:MessageSent"], &View::Whole, &[], &event), ["events", "event:MessageSent"]);
        assert_eq!(heard(&["logs", "checks", "alerts", "event:Other"], &View::Whole, &[], &event), Vec::<String>::new());
    }

    #[test]
    fn types_of_events_filter_events_and_nothing_else() {
        let (sent, other) = (entry(Kind::Event, "MessageSent", None), entry(Kind::Event, "Other", None));
        assert_eq!(heard(&["events"], &View::Whole, &["MessageSent"], &sent), ["events"]);
        assert_eq!(heard(&["events"], &View::Whole, &["MessageSent"], &other), Vec::<String>::new());
        assert_eq!(heard(&["logs"], &View::Whole, &["MessageSent"], &entry(Kind::Log, "", None)), ["logs"]);
    }

    #[test]
    fn a_tenant_hears_its_own_in_every_room() {
        let acme = View::Tenant("acme".into());
        for (kind, room) in [
            (Kind::Event, "events"),
            (Kind::Event, "dashboard"),
            (Kind::Log, "logs"),
            (Kind::Check, "checks"),
            (Kind::Alert, "alerts"),
            (Kind::Event, "service:shop"),
        ] {
            for (tenant, expect) in [(None, 0), (Some("other"), 0), (Some("acme"), 1)] {
                let mut entry = entry(kind, "MessageSent", tenant);
                entry.service = Some("shop".into());
                assert_eq!(heard(&[room], &acme, &[], &entry).len(), expect, "{room} {tenant:?}");
            }
        }
    }

    #[test]
    fn figures_of_several_rooms_are_one_message() {
        let rooms = |names: &[&str]| names.iter().map(|name| Room::parse(name).unwrap()).collect::<Vec<_>>();
        let topics = |names: &[&str]| meaning(&rooms(names), &View::Whole, Vec::new()).0;
        let all = Topic::Figures(Room::Dashboard, Figures::ALL, View::Whole);
        for rooms in [&["dashboard", "conversations", "alerts"][..], &["conversations", "dashboard"]] {
            assert_eq!(topics(rooms), std::slice::from_ref(&all));
        }
        let both = Figures::ERP.with(Figures::AI);
        assert_eq!(topics(&["erp", "ai"]), [Topic::Figures(Room::Erp, both, View::Whole)]);
        let of_tenant = topics(&["dashboard", "tenant:acme"]);
        assert_eq!(of_tenant.len(), 2, "the house's and the tenant's");
    }
}
