//! Integrations against real servers, and against fakes of vendors that cannot be had, in every kind of trouble.

mod celery;
mod faults;
mod rabbitmq;
mod redis;
