//! Asking the workers themselves, over Redis: what they hold, and that they send events. Only with `ask_workers`, as it writes to
//! the broker: a message to all workers, and a list of our own in which they answer.
//!
//! Bounded: one question in [`ASK_EVERY`], answers that are waited for and read. What a worker answers holds arguments of tasks:
//! entries are counted, never kept.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use farol_shared::clock::Clock as _;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::json;
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep},
};

use super::channels::Names;
use crate::{
    clock::SystemClock,
    pull::PollError,
    redis_link::{Link, Node, Target},
};

/// How often the workers are asked.
const ASK_EVERY: Duration = Duration::from_secs(30);

/// How long their answers are waited for. A busy solo pool does not answer at all.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// How often the list of answers is looked at. Blocking for it would hold up a connection.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Most answers that are read, one a worker.
const ANSWERS_MAX: usize = 1_000;

/// Largest answer, in bytes: what a worker holds, with arguments.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// What the workers said.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    /// Tasks that they hold and have not begun.
    pub reserved: Option<u64>,
    /// Tasks that wait for their time.
    pub scheduled: Option<u64>,
    /// Why they could not be asked.
    pub trouble: Option<PollError>,
}

/// The running task; ends when it is dropped.
#[derive(Debug)]
pub(super) struct Control {
    running: AbortHandle,
    said: Arc<Mutex<Said>>,
}

impl Drop for Control {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Control {
    /// Starts to ask.
    pub(super) fn start(target: Target, names: Names, within: Duration) -> Self {
        let said = Arc::<Mutex<Said>>::default();
        let running = tokio::spawn(ask_on(target, names, within, Arc::clone(&said))).abort_handle();
        Self { running, said }
    }

    /// What they said last.
    pub(super) fn said(&self) -> Said {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn ask_on(target: Target, names: Names, within: Duration, said: Arc<Mutex<Said>>) {
    let mut link: Option<Link> = None;
    loop {
        let answer = ask_once(&target, &names, within, &mut link).await;
        let answer = answer.unwrap_or_else(|error| Said { trouble: Some(error), ..Said::default() });
        *said.lock().unwrap_or_else(PoisonError::into_inner) = answer;
        sleep(ASK_EVERY).await;
    }
}

async fn ask_once(target: &Target, names: &Names, within: Duration, link: &mut Option<Link>) -> Result<Said, PollError> {
    if link.as_ref().is_none_or(Link::is_broken) {
        *link = Some(target.connect(within).await?);
    }
    let node = link.as_ref().expect("it was just made when there was none").first().clone();
    // It has no answer, and changes nothing where events are on.
    publish(&node, names, &message("enable_events", None)?).await?;
    let reserved = count(&node, names, "reserved").await?;
    let scheduled = count(&node, names, "scheduled").await?;
    Ok(Said { reserved, scheduled, trouble: None })
}

/// Asks all workers for a list and counts its entries; `None` when no worker answers.
async fn count(node: &Node, names: &Names, method: &str) -> Result<Option<u64>, PollError> {
    let own = random_id()?;
    let list = names.key(&format!("{own}.reply.celery.pidbox"));
    let bindings = names.key("_kombu.binding.reply.celery.pidbox");
    let separator = &names.separator;
    let binding = format!("{own}{separator}{separator}{own}.reply.celery.pidbox");
    node.run::<()>(redis::cmd("SADD").arg(&bindings).arg(&binding)).await?;
    let asked = ask_and_wait(node, names, method, &own, &list).await;
    // Also when the asking failed: nothing of ours stays behind.
    let removed = node.run::<()>(redis::cmd("SREM").arg(&bindings).arg(&binding)).await;
    let deleted = node.run::<()>(redis::cmd("DEL").arg(&list)).await;
    let count = asked?;
    removed?;
    deleted?;
    Ok(count)
}

async fn ask_and_wait(node: &Node, names: &Names, method: &str, own: &str, list: &str) -> Result<Option<u64>, PollError> {
    let workers = publish(node, names, &message(method, Some(own))?).await?;
    if workers == 0 {
        return Ok(None);
    }
    let until = Instant::now() + ANSWERS_WITHIN;
    let (mut sum, mut answers) = (None, 0);
    while Instant::now() < until && answers < ANSWERS_MAX {
        let answer: Option<Vec<u8>> = node.run(redis::cmd("RPOP").arg(list)).await?;
        match answer {
            Some(answer) => {
                answers += 1;
                if let Some(entries) = entries(&answer) {
                    *sum.get_or_insert(0) += entries;
                }
            }
            None => sleep(LOOK_EVERY).await,
        }
    }
    Ok(sum)
}

/// Sends to all workers; returns how many listen.
async fn publish(node: &Node, names: &Names, message: &str) -> Result<u64, PollError> {
    let fanout = names.fanout.clone().unwrap_or_else(|| "/{db}.".to_owned()).replace("{db}", &names.database.to_string());
    let channel = format!("{}{fanout}celery.pidbox", names.prefix);
    node.run(redis::cmd("PUBLISH").arg(channel).arg(message)).await
}

/// A message as kombu writes it; `own` names the list for answers.
fn message(method: &str, own: Option<&str>) -> Result<String, PollError> {
    let reply_to = own.map(|own| json!({ "exchange": "reply.celery.pidbox", "routing_key": own }));
    let body = json!({
        "method": method, "arguments": {}, "destination": null, "pattern": null, "matcher": null,
        "ticket": random_id()?, "reply_to": reply_to,
    });
    // What comes later than this is not answered.
    let expires = SystemClock.now_ms() / 1_000 + 2;
    let message = json!({
        "body": STANDARD.encode(body.to_string()), "content-encoding": "utf-8", "content-type": "application/json",
        "headers": { "clock": 1, "expires": expires },
        "properties": {
            "delivery_mode": 2, "delivery_info": { "exchange": "celery.pidbox", "routing_key": "" }, "priority": 0,
            "body_encoding": "base64", "delivery_tag": random_id()?,
        },
    });
    Ok(message.to_string())
}

/// How many tasks a worker's answer lists: `{"w1@host": [..]}` in an envelope.
fn entries(answer: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Envelope {
        body: String,
    }
    if answer.len() > ANSWER_BYTES_MAX {
        return None;
    }
    let envelope: Envelope = serde_json::from_slice(answer).ok()?;
    let body = STANDARD.decode(envelope.body).ok()?;
    let lists: BTreeMap<String, Vec<IgnoredAny>> = serde_json::from_slice(&body).ok()?;
    u64::try_from(lists.values().map(Vec::len).sum::<usize>()).ok()
}

fn random_id() -> Result<String, PollError> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|_| PollError::unreachable("the system gives no random numbers"))?;
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    Ok([part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_counted_and_nonsense_is_none() {
        let of = |body: &str| entries(json!({ "body": STANDARD.encode(body) }).to_string().as_bytes());
        assert_eq!(of(r#"{"w1@vm":[{"id":"a","args":["ana"]},{"id":"b"}]}"#), Some(2));
        assert_eq!(of(r#"{"w1@vm":[]}"#), Some(0));
        assert_eq!(of(r#"{"w1@vm":{"error":"no"}}"#), None);
        assert_eq!(entries(b"7"), None);
    }

    #[test]
    fn a_question_is_as_kombu_writes_it() {
        let told: serde_json::Value = serde_json::from_str(&message("reserved", Some("me")).unwrap()).unwrap();
        let body = STANDARD.decode(told["body"].as_str().unwrap()).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&body["method"], &body["reply_to"]["routing_key"]), (&json!("reserved"), &json!("me")));
        assert_eq!(random_id().unwrap().len(), 36);
        assert_ne!(random_id().unwrap(), random_id().unwrap());
    }
}
