//! Real applications under load with the agent's ears beside them: what the load generator sent is what the page shows.
//!
//! `tests/run apps` brings what these tests need: a Python environment, Express, wrk and h2load.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code: a failure is the message")]

mod direct;
mod floods;
mod middlewares;
mod programs;
mod proxy;
mod sidecar;
mod telemetry;
