//! The whole collector in one process, asked over loopback as agents, browsers and scrapers ask it.

mod harness;

mod api;
mod door;
mod live;
