//! The store from outside: a state machine against a model, files of every sort, limits, books.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod books;
mod files;
mod harness;
mod limits;
mod model;
mod record_limits;
mod record_model;
mod records;
mod snapshots;
mod steps;
