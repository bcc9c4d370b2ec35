//! Integrations against real servers, and against fakes of vendors that cannot be had, in every kind of trouble.

mod faults;
mod sentry;
