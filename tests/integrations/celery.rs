//! Celery: real workers of Celery 5 with a real Redis and a real RabbitMQ as brokers, and what Farol makes of them.
//!
//! Needs the packages redis-server and rabbitmq-server and the Python environment that `tests/run` makes of
//! `tests/apps/requirements.txt`.

mod application;
mod on_rabbitmq;
mod on_redis;
mod trouble;
