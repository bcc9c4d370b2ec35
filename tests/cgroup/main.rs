//! Real control groups with limits and burners inside: the figures that reach the collector are the kernel's own.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code: a failure is the message")]

mod v1;
mod v2;
