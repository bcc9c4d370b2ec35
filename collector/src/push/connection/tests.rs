//! Tests of one connection on paused time: signs of life, and who takes nothing.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use farol_shared::clock::Clock;
use farol_store::{Options, Store};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::*;
use crate::{
    access::{Access, Credential, Role},
    clock::SystemClock,
    config::AccessSettings,
    live::Live,
    push::Push,
    state::{FILE_NAME, State},
};

/// A socket whose other end is the test.
struct Pipe {
    received: mpsc::UnboundedReceiver<Message>,
    sent: mpsc::UnboundedSender<Message>,
    /// Whether it takes what is sent.
    is_open: bool,
}

impl Stream for Pipe {
    type Item = Result<Message, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.received.poll_recv(cx).map(|message| message.map(Ok))
    }
}

impl Sink<Message> for Pipe {
    type Error = axum::Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        if self.is_open { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), axum::Error> {
        self.sent.send(message).map_err(axum::Error::new)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        Poll::Ready(Ok(()))
    }
}

async fn push(dir: &TempDir) -> Push {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (state, _) = State::open(&dir.path().join(FILE_NAME), Arc::clone(&clock)).unwrap();
    let settings = AccessSettings { session_idle: LONG, session_max: LONG, token_lifetime: LONG, ..AccessSettings::default() };
    let (access, _) = Access::open(state, settings, None, Arc::clone(&clock)).await.unwrap();
    let store = Store::open(dir.path(), Options::default(), Arc::clone(&clock)).unwrap();
    Push::new(Arc::new(Live::new(&[])), store, access, clock, 10)
}

const LONG: Duration = Duration::from_secs(86_400);

fn person() -> Person {
    let credential = Credential::Issued { issuer: "test".into(), expires_ms: i64::MAX };
    Person { username: "ana".into(), role: Role::Viewer, view: View::Whole, credential }
}

/// The test's end of a pipe, and the connection at the other.
struct Far {
    to: mpsc::UnboundedSender<Message>,
    from: mpsc::UnboundedReceiver<Message>,
    task: tokio::task::JoinHandle<()>,
    began: Instant,
}

async fn connect(dir: &TempDir, person: Option<Person>, is_open: bool) -> Far {
    let push = push(dir).await;
    let ((to, received), (sent, from)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let task = tokio::spawn(serve(Pipe { received, sent, is_open }, push.seat().unwrap(), person, None));
    Far { to, from, task, began: Instant::now() }
}

impl Far {
    /// How long the connection lasted.
    async fn lasted(&mut self) -> Duration {
        (&mut self.task).await.unwrap();
        self.began.elapsed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_answers_nothing_is_gone_within_a_minute() {
    let dir = TempDir::new().unwrap();
    let mut far = connect(&dir, Some(person()), true).await;
    let lasted = far.lasted().await;
    assert!(lasted > DEAD_AFTER && lasted <= Duration::from_secs(60), "{lasted:?}");
    let mut asked = 0;
    while let Ok(message) = far.from.try_recv() {
        asked += usize::from(matches!(message, Message::Ping(_)));
    }
    assert!(asked >= 2, "it was asked before: {asked}");
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_takes_nothing_is_gone_within_a_minute_of_the_first_message() {
    let dir = TempDir::new().unwrap();
    let mut far = connect(&dir, Some(person()), false).await;
    let lasted = far.lasted().await;
    assert!(lasted <= HEARTBEAT_EVERY + DEAD_AFTER, "{lasted:?}");
}

#[tokio::test(start_paused = true)]
async fn the_pongs_of_a_browser_are_signs_of_life_enough() {
    let dir = TempDir::new().unwrap();
    let mut far = connect(&dir, Some(person()), true).await;
    let (mut heartbeats, mut pings) = (0, 0);
    while pings < 40 {
        match far.from.recv().await.expect("the connection holds") {
            Message::Ping(bytes) => {
                pings += 1;
                far.to.send(Message::Pong(bytes)).unwrap();
            }
            Message::Text(text) => heartbeats += usize::from(text.contains("Heartbeat")),
            other => panic!("{other:?}"),
        }
    }
    assert!(heartbeats >= 39, "a script that sees no pings is told as well: {heartbeats}");
    assert!(far.began.elapsed() >= Duration::from_secs(590), "ten minutes");
}

#[tokio::test(start_paused = true)]
async fn whoever_says_nothing_within_five_seconds_is_told_to_sign_in() {
    let dir = TempDir::new().unwrap();
    let mut far = connect(&dir, None, true).await;
    let Some(Message::Close(Some(frame))) = far.from.recv().await else { panic!("not closed") };
    assert_eq!(frame.code, code::SIGN_IN);
    assert_eq!(far.began.elapsed().as_secs(), AUTH_WITHIN.as_secs());
    far.lasted().await;
}

/// Bytes of a listener's task beside its socket: a thousand listeners are a thousand of these.
const TASK_BYTES_MAX: usize = 2_048;

#[tokio::test]
async fn the_task_of_a_listener_stays_small() {
    let dir = TempDir::new().unwrap();
    let push = push(&dir).await;
    let ((_to, received), (sent, _from)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let task = serve(Pipe { received, sent, is_open: true }, push.seat().unwrap(), Some(person()), None);
    let bytes = size_of_val(&task);
    assert!(bytes <= TASK_BYTES_MAX, "{bytes} bytes");
}
