//! Bodies on their way through: a frame at a time, never more than one in hand.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use super::{record::Record, upstream::Lease};

/// How long a body is held back for an application that was told `Expect: 100-continue` and says nothing: one that does not
/// know it waits for the body.
const CONTINUE_AFTER: Duration = Duration::from_secs(1);

/// What both directions of one exchange know of each other.
#[derive(Debug)]
pub(super) struct Progress {
    /// When the application last took something of the request.
    pub(super) last: Cell<Instant>,
    /// Whether it took all of it.
    is_sent: Cell<bool>,
    /// Whether the client is waited for.
    is_starved: Cell<bool>,
    /// Whether nothing of it was asked for yet.
    is_held: Cell<bool>,
    /// Whether it is no longer wanted.
    is_given_up: Cell<bool>,
    /// Whether the client broke it off.
    is_broken: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl Progress {
    fn new() -> Rc<Self> {
        Rc::new(Self {
            last: Cell::new(Instant::now()),
            is_sent: Cell::new(false),
            is_starved: Cell::new(false),
            is_held: Cell::new(false),
            is_given_up: Cell::new(false),
            is_broken: Cell::new(false),
            waiting: RefCell::new(None),
        })
    }

    /// Whether the whole request is on its way.
    pub(super) fn is_sent(&self) -> bool {
        self.is_sent.get()
    }

    /// Whether the application waits for more of the request.
    pub(super) fn is_starved(&self) -> bool {
        self.is_starved.get()
    }

    /// Whether the client broke it off.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken.get()
    }

    /// Lets go of a body that was held back and that nobody will ask for.
    fn give_up_held(&self) {
        if self.is_held.get() {
            self.is_given_up.set(true);
            if let Some(waker) = self.waiting.take() {
                waker.wake();
            }
        }
    }
}

/// Until the application asks for the body, or is silent for [`CONTINUE_AFTER`].
type Gate = Pin<Box<dyn Future<Output = ()>>>;

/// The body of a request, towards the application.
pub(super) struct Outgoing {
    body: Option<Incoming>,
    gate: Option<Gate>,
    progress: Rc<Progress>,
}

impl Outgoing {
    /// A body that is passed on as it comes.
    pub(super) fn new(body: Incoming) -> Self {
        let progress = Progress::new();
        progress.is_sent.set(body.is_end_stream());
        Self { body: Some(body), gate: None, progress }
    }

    /// No body, for a repeated request.
    pub(super) fn empty() -> Self {
        let progress = Progress::new();
        progress.is_sent.set(true);
        Self { body: None, gate: None, progress }
    }

    /// Holds the body back until the bell rings.
    pub(super) fn hold_until(&mut self, bell: Arc<Notify>) {
        self.progress.is_held.set(true);
        self.gate = Some(Box::pin(async move {
            // Whether it rang or not: the body goes now.
            drop(timeout(CONTINUE_AFTER, bell.notified()).await);
        }));
    }

    /// What is known of its way.
    pub(super) fn progress(&self) -> Rc<Progress> {
        Rc::clone(&self.progress)
    }
}

/// The client's own fault, or a body that nobody waits for any more.
#[derive(Debug, thiserror::Error)]
#[error("the body of the request broke off")]
pub(super) struct BrokeOff;

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        if self.progress.is_given_up.get() {
            return Poll::Ready(Some(Err(BrokeOff)));
        }
        self.progress.last.set(Instant::now());
        if let Some(gate) = &mut self.gate {
            if gate.as_mut().poll(cx).is_pending() {
                self.progress.waiting.replace(Some(cx.waker().clone()));
                return Poll::Pending;
            }
            self.gate = None;
            self.progress.is_held.set(false);
        }
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(&mut *body).poll_frame(cx);
        let is_end = match &polled {
            Poll::Ready(None) => true,
            Poll::Ready(Some(Ok(frame))) => frame.is_trailers() || body.is_end_stream(),
            Poll::Ready(Some(Err(_))) | Poll::Pending => false,
        };
        self.progress.is_starved.set(polled.is_pending());
        self.progress.is_broken.set(matches!(polled, Poll::Ready(Some(Err(_)))));
        if is_end {
            self.progress.is_sent.set(true);
        }
        polled.map(|frame| frame.map(|frame| frame.map_err(|_| BrokeOff)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// The body of an answer, towards the client. It holds the request's record: when it goes, the request has ended.
pub(super) enum Answer {
    /// The application's.
    Passed(Box<Passed>),
    /// The proxy's own, if it has any.
    Own(Option<Bytes>, #[expect(dead_code, reason = "held until the body has gone")] Box<Record>),
}

/// An answer of the application.
pub(super) struct Passed {
    body: Incoming,
    record: Record,
    lease: Option<Lease>,
    progress: Rc<Progress>,
    /// Whether the application was waited for when last asked.
    is_waiting: bool,
    is_ended: bool,
    is_broken: bool,
}

impl Answer {
    /// The application's body, over a connection that goes back when it is through.
    pub(super) fn passed(body: Incoming, record: Record, lease: Lease, progress: Rc<Progress>) -> Self {
        let is_ended = body.is_end_stream();
        let lease = Some(lease);
        Self::Passed(Box::new(Passed { body, record, lease, progress, is_waiting: false, is_ended, is_broken: false }))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Own(bytes, _) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Passed(passed) => {
                let polled = Pin::new(&mut passed.body).poll_frame(cx);
                passed.is_waiting = polled.is_pending();
                match &polled {
                    Poll::Ready(None) => passed.is_ended = true,
                    Poll::Ready(Some(Ok(frame))) => passed.is_ended = frame.is_trailers() || passed.body.is_end_stream(),
                    Poll::Ready(Some(Err(_))) => passed.is_broken = true,
                    Poll::Pending => {}
                }
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(bytes, _) => bytes.is_none(),
            Self::Passed(passed) => passed.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(bytes, _) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len().try_into().unwrap_or(0))),
            Self::Passed(passed) => passed.body.size_hint(),
        }
    }
}

impl Drop for Passed {
    fn drop(&mut self) {
        if self.is_broken {
            self.record.set_exception("UpstreamBroke");
        } else if self.is_waiting && self.record.is_cut() {
            self.record.set_exception("UpstreamIdle");
        }
        if let Some(lease) = self.lease.take().filter(|_| self.is_ended && self.progress.is_sent()) {
            lease.give_back();
        }
        self.progress.give_up_held();
    }
}
