//! What the agent and the collector must agree on: metrics, batches, the wire, limits and configuration.
//!
//! Invariant: nothing here does I/O, and nothing here knows the time. Both are passed in.

pub mod batch;
pub mod catalog;
pub mod clock;
pub mod config;
pub mod event;
pub mod frame;
pub mod limit;
pub mod metric;
pub mod record;
pub mod report;
pub mod resource;
pub mod secret;
pub mod sketch;
pub mod wire;
