//! Harness of the end-to-end tests: starts the real programs, asks them over loopback, and shows their logs when a test fails.
//!
//! Invariants: each collector has a data directory and a loopback address of its own, so that tests run side by side and
//! a restarted collector gets its port back; every wait is for a condition and has a deadline; everything started is
//! ended when its handle is dropped.
#![allow(clippy::missing_panics_doc, reason = "a harness fails a test by panicking")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code: a failure is the message")]

pub mod agent;
pub mod batches;
pub mod collector;
pub mod docs;
pub mod fake;
mod group;
pub mod http;
pub mod kept;
pub mod live;
pub mod load;
pub mod postgres_server;
pub mod process;
pub mod rabbitmq_server;
pub mod random;
pub mod redis_server;
pub mod server_process;
pub mod wait;
