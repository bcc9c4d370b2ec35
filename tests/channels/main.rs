//! The way of a message from the outbox to its channel, with the real stages: trouble of every kind, ends at every step, kills.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code: a failure is the message")]

mod house;
mod killed;
mod steps;
mod trouble;
