//! Integrations against real servers, and against fakes of vendors that cannot be had, in every kind of trouble.

mod cloudwatch;
mod digitalocean;
mod faults;
mod railway;
mod vercel;
