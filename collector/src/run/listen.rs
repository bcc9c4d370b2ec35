//! The HTTP listener: bounded in connections, in what a connection may hold, and in how long it may say nothing.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::sleep,
};
use tower_service::Service as _;

/// How long a request's head may take to arrive, and a connection may be idle.
const HEAD_WITHIN: Duration = Duration::from_secs(75);

/// Most bytes of a request that a connection holds at once. Bodies are read on from there.
const BUFFER_BYTES_MAX: usize = 64 << 10;

/// Pause after the system refused a connection for want of something, such as file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until it is told to close, then waits for those that are open.
pub(super) async fn accept(listener: TcpListener, router: Router, connections_max: usize, mut closing: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(connections_max));
    // Each connection holds one end: when all are gone, nobody is served any more.
    let (open, all_gone) = watch::channel(());
    drop(all_gone);
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&room).acquire_owned() => permit,
            () = asked(&mut closing) => break,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = asked(&mut closing) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (router, closing, is_open) = (router.clone(), closing.clone(), open.subscribe());
                tokio::spawn(async move {
                    serve(stream, peer, router, closing).await;
                    drop((permit, is_open));
                });
            }
            Err(error) => {
                tracing::warn!(target: "run", error = %error, "connection not accepted");
                sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    open.closed().await;
}

/// Resolves when the listener is asked to close.
async fn asked(closing: &mut watch::Receiver<bool>) {
    // The other end is gone only when the process ends.
    drop(closing.wait_for(|closing| *closing).await);
}

async fn serve(stream: TcpStream, peer: SocketAddr, router: Router, mut closing: watch::Receiver<bool>) {
    // Small answers must not wait for more to come.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = asked(&mut closing) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // The other side hung up, or never spoke HTTP: its affair.
        tracing::trace!(target: "run", %peer, error = %error, "connection ended early");
    }
}
