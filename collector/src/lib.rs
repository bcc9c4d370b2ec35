//! Farol's collector: batches in, history on disk, a live page and an API out.
//!
//! Each stage of the one way that data takes is a module: [`ingest`] takes batches and hands them to the store,
//! [`live`] keeps what was stored last, [`service`] adds up what services did, [`push`] tells the browsers, [`api`] answers
//! questions. [`run`] builds them.

pub mod access;
pub mod act;
pub mod alert;
pub mod api;
pub mod boards;
pub mod cli;
pub mod clock;
pub mod config;
pub mod export;
pub mod exposition;
pub mod health;
pub mod ingest;
pub mod live;
pub mod notify;
pub mod number;
pub mod page;
pub mod problem;
pub mod pull;
pub mod push;
pub mod redis_link;
pub mod run;
pub mod self_watch;
pub mod service;
pub mod state;
