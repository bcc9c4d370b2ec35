//! The stream of events on RabbitMQ: a queue of our own, bound to the exchange of events.

use std::time::Duration;

use amqprs::{
    FieldTable, FieldValue,
    channel::{
        BasicAckArguments, BasicConsumeArguments, BasicQosArguments, Channel, ExchangeDeclareArguments, QueueBindArguments,
        QueueDeclareArguments,
    },
};
use tokio::time::timeout;

use super::{AmqpTarget, Closed, open_channel};
use crate::pull::{
    PollError,
    celery::{event, inbox::Inbox},
};

/// How long the queue outlives us, in ms. Long enough for nothing but a lost connection.
const QUEUE_EXPIRES_MS: i32 = 60_000;

/// How long an event waits for us, in ms: old heartbeats would tell of the past.
const EVENT_EXPIRES_MS: i32 = 5_000;

/// How many messages may be on their way to us. The library keeps them in memory without a bound of its own.
const PREFETCH: u16 = 2_000;

/// How many messages are acknowledged at once.
const ACK_EVERY: u64 = 100;

/// How often the connection is looked at while nothing comes.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Listens until the connection ends; returns why.
pub(in crate::pull::celery) async fn listen(target: &AmqpTarget, exchange: &str, within: Duration, inbox: &Inbox) -> PollError {
    hear(target, exchange, within, inbox)
        .await
        .err()
        .unwrap_or_else(|| PollError::unreachable("the connection that hears events ended"))
}

async fn hear(target: &AmqpTarget, exchange: &str, within: Duration, inbox: &Inbox) -> Result<(), PollError> {
    let connection = target.connect(within).await?;
    let silent = |_| PollError::unreachable("RabbitMQ does not answer in time");
    let (channel, closed) = timeout(within, open_channel(&connection)).await.map_err(silent)??;
    let queue = timeout(within, bind(&channel, &closed, exchange)).await.map_err(silent)??;
    let consuming = channel.basic_consume_rx(BasicConsumeArguments::new(&queue, CONSUMER).manual_ack(true).finish());
    let (_, mut messages) = timeout(within, consuming).await.map_err(silent)?.map_err(|_| closed.error("consuming"))?;
    inbox.hears();
    let mut unacknowledged = 0;
    loop {
        let Ok(message) = timeout(LOOK_EVERY, messages.recv()).await else {
            if !channel.is_open() || !connection.is_open() {
                return Err(closed.error("listening"));
            }
            continue;
        };
        let Some(message) = message else { return Err(closed.error("listening")) };
        let content_type = message.basic_properties.as_ref().and_then(|properties| properties.content_type());
        if let Some(body) = &message.content {
            inbox.put(event::from_body(content_type.map(String::as_str), body));
        }
        unacknowledged += 1;
        let Some(deliver) = message.deliver else { continue };
        if unacknowledged >= ACK_EVERY || messages.is_empty() {
            let ack = channel.basic_ack(BasicAckArguments::new(deliver.delivery_tag(), true));
            timeout(within, ack).await.map_err(silent)?.map_err(|_| closed.error("acknowledging"))?;
            unacknowledged = 0;
        }
    }
}

/// Our consumer's name in lists.
const CONSUMER: &str = "farol";

/// Makes the queue and binds it; returns its name.
async fn bind(channel: &Channel, closed: &Closed, exchange: &str) -> Result<String, PollError> {
    // Workers declare the exchange with arguments of their own: asking for it with others would be refused.
    let passive = ExchangeDeclareArguments::new(exchange, "topic").passive(true).finish();
    channel.exchange_declare(passive).await.map_err(|_| match closed.why() {
        Some((404, _)) => PollError::pending("no Celery worker has connected to this broker yet"),
        _ => closed.error(&format!("the exchange {exchange}")),
    })?;
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(|_| PollError::unreachable("the system gives no random numbers"))?;
    let name = format!("farol-celeryev-{:016x}", u64::from_le_bytes(random));
    let mut arguments = FieldTable::new();
    for (key, value) in [("x-expires", QUEUE_EXPIRES_MS), ("x-message-ttl", EVENT_EXPIRES_MS)] {
        arguments.insert(key.try_into().expect("it is shorter than 255 bytes"), FieldValue::I(value));
    }
    let own = QueueDeclareArguments::new(&name).exclusive(true).auto_delete(true).arguments(arguments).finish();
    channel.queue_declare(own).await.map_err(|_| closed.error("a queue of our own (farol-celeryev-*)"))?;
    let all = QueueBindArguments::new(&name, exchange, "#");
    channel.queue_bind(all).await.map_err(|_| closed.error(&format!("reading the exchange {exchange}")))?;
    channel.basic_qos(BasicQosArguments::new(0, PREFETCH, false)).await.map_err(|_| closed.error("the bound of messages"))?;
    Ok(name)
}
