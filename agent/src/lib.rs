//! Farol's agent as a library: it reads what a machine and its containers do, keeps it until it is delivered, and
//! delivers it. `farol-agent` is the program around it; the collector runs it in its own process to watch itself.
//!
//! The way of the data: [`read`] writes into the [`recorder`], [`batch`] takes from it, the spool keeps, [`send`]
//! delivers; [`run`] is the one loop around them. No history, no commands, no open port.

pub mod batch;
pub mod check;
pub mod clock;
pub mod config;
pub mod environment;
pub mod log;
pub mod own;
pub mod read;
pub mod recorder;
pub mod run;
pub mod send;
