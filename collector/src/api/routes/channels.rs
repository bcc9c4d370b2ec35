//! Channels, and what they were told.

use super::super::{
    READ, channels,
    route::{Answer, Least, Method, Parameter, Route, does, get, optional, required, shape},
};
use crate::access::Role;

const ID: &[Parameter] = &[required("id", "Word of a channel.")];

const ADMIN: Least = Least::Role(Role::Admin);

pub(super) const ROWS: &[Route] = &[
    get(
        "/api/v1/channels",
        READ,
        "Channels that are told of alerts, without their secrets.",
        &[],
        Answer::Json(shape::<channels::ChannelList>),
        serve!(channels::list),
    )
    .filtered(),
    does(
        Method::Post,
        "/api/v1/channels",
        ADMIN,
        "Makes a channel; 409 with the code `exists` when its word is taken.",
        Answer::Made(shape::<channels::ChannelEntry>),
        serve!(channels::create),
    )
    .takes(shape::<channels::ChannelBody>)
    .body_max(channels::BODY_BYTES_MAX)
    .also(&[409])
    .filtered(),
    does(
        Method::Post,
        "/api/v1/channels/test",
        ADMIN,
        "Sends a trial by a channel that is not kept yet, and answers what the channel said.",
        Answer::Json(shape::<channels::Trial>),
        serve!(channels::test_unsaved),
    )
    .takes(shape::<channels::ChannelBody>)
    .body_max(channels::BODY_BYTES_MAX)
    .also(&[503])
    .filtered(),
    does(
        Method::Put,
        "/api/v1/channels/{id}",
        ADMIN,
        "Changes a channel; secrets that are left out are kept. 409 with the code `file` when it stands in the configuration.",
        Answer::Json(shape::<channels::ChannelEntry>),
        serve!(channels::update),
    )
    .parameters(ID)
    .takes(shape::<channels::ChannelBody>)
    .body_max(channels::BODY_BYTES_MAX)
    .also(&[409])
    .filtered(),
    does(
        Method::Delete,
        "/api/v1/channels/{id}",
        ADMIN,
        "Removes a channel; 409 with the code `in_use` while it is another's second channel.",
        Answer::Nothing,
        serve!(channels::delete),
    )
    .parameters(ID)
    .also(&[409])
    .filtered(),
    does(
        Method::Post,
        "/api/v1/channels/{id}/test",
        ADMIN,
        "Sends a trial by a channel, and answers what the channel said.",
        Answer::Json(shape::<channels::Trial>),
        serve!(channels::test),
    )
    .parameters(ID)
    .also(&[503])
    .filtered(),
    get(
        "/api/v1/deliveries",
        READ,
        "What channels were told, and what became of it, newest first.",
        &[
            optional("channel", "Word of a channel."),
            optional("incident", "Number of an incident."),
            optional("limit", "Most rows, 1 to 500; 100 when absent."),
            optional("before", "Rows with a lower number than this."),
        ],
        Answer::Json(shape::<channels::deliveries::DeliveryList>),
        serve!(channels::deliveries::list),
    )
    .filtered(),
];
