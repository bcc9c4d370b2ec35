//! Integrations against real servers, and against fakes of vendors that cannot be had, in every kind of trouble.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code: a failure is the message")]

mod actions;
mod analytics;
mod celery;
mod checks;
mod cloudwatch;
mod digitalocean;
mod encrypted;
mod faults;
mod mail;
mod oidc;
mod online_users;
mod postgres;
mod rabbitmq;
mod railway;
mod redis;
mod redis_link;
mod sentry;
mod uptime;
mod vercel;
