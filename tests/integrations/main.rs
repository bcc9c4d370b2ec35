//! Integrations against real servers, and against fakes of vendors that cannot be had, in every kind of trouble.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code: a failure is the message")]

mod actions;
mod celery;
mod faults;
mod online_users;
mod redis;
mod redis_link;
mod checks;
mod faults;
mod postgres;
mod rabbitmq;
mod analytics;
mod faults;
mod sentry;
mod uptime;
mod cloudwatch;
mod digitalocean;
mod faults;
mod railway;
mod vercel;
