//! The real programs together, over loopback: what a person relies on, said as sentences.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code: a failure is the message")]

mod access;
mod alerts;
mod clocks;
mod crash;
mod database;
mod delivery;
mod disk;
mod disk_full;
mod documents;
mod hostile;
mod live;
mod loss;
mod metrics;
mod watchdog;
