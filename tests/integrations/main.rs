//! Integrations against real servers, and against fakes of vendors that cannot be had, in every kind of trouble.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code: a failure is the message")]

mod checks;
mod faults;
mod postgres;
mod rabbitmq;
