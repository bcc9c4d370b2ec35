//! One kept HTTP/1.1 connection, driven only while somebody waits for it: no task beside the loop, no wake-up when idle.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::http1::{Builder, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// Answers are small: the connection's read buffer need not grow beyond this.
const BUFFER_BYTES_MAX: usize = 16 << 10;

type Driver = Pin<Box<dyn Future<Output = Result<(), hyper::Error>>>>;

/// An open connection.
pub(super) struct Open {
    sender: SendRequest<Full<Bytes>>,
    /// `None` once it has ended.
    driver: Option<Driver>,
}

impl Open {
    /// Prepares a stream for requests.
    pub(super) async fn new<T: AsyncRead + AsyncWrite + Unpin + 'static>(stream: T) -> Result<Self, hyper::Error> {
        let (sender, connection) = Builder::new().max_buf_size(BUFFER_BYTES_MAX).handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, driver: Some(Box::pin(connection)) })
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) async fn call(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, hyper::Error> {
        let Self { sender, driver } = self;
        drive(driver, async {
            sender.ready().await?;
            sender.send_request(request).await
        })
        .await
    }

    /// Reads an answer's body, up to its limit.
    pub(super) async fn read(&mut self, body: Limited<Incoming>) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
        drive(&mut self.driver, body.collect()).await.map(Collected::to_bytes)
    }

    /// Whether another request cannot be sent on it.
    pub(super) fn is_closed(&self) -> bool {
        self.driver.is_none() || self.sender.is_closed()
    }
}

/// Waits for `work` while moving the connection along.
async fn drive<F: Future>(driver: &mut Option<Driver>, work: F) -> F::Output {
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(done);
        }
        // How the connection ended is told to `work` by its own error, so it is not looked at here.
        if let Some(running) = driver
            && running.as_mut().poll(context).is_ready()
        {
            *driver = None;
        }
        // The connection may just have made `work` ready; without a second look it would wait for another wake-up.
        work.as_mut().poll(context)
    })
    .await
}
