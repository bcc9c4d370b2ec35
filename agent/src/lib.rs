//! Farol's agent as a library: it reads what a machine and its containers do, keeps it until it is delivered, and
//! delivers it. `farol-agent` is the program around it; the collector runs it in its own process to watch itself.
//!
//! The way of the data: [`read`] writes into the [`recorder`], [`batch`] takes from it, the spool keeps, [`send`]
//! delivers; [`run`] is the one loop around them. What applications tell comes through [`listen`] and [`probe`] into the
//! [`intake`]. No history, no commands, no port beyond loopback but the proxy's.

pub mod alive;
pub mod batch;
pub mod check;
pub mod clock;
pub mod config;
pub mod environment;
pub mod exec;
pub mod intake;
pub mod listen;
pub mod log;
pub mod manager;
pub mod mask;
pub mod own;
pub mod probe;
pub mod read;
pub mod recorder;
pub mod run;
pub mod send;
