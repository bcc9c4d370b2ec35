//! Images and compose files, run by a real Docker engine.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code: a failure is the message")]

mod engine;
mod figures;
mod sidecar;
