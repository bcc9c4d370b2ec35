//! Integrations against real servers, and against fakes of vendors that cannot be had, in every kind of trouble.

mod analytics;
mod faults;
mod sentry;
mod uptime;
