//! The listener: plain HTTP or TLS, bounded in connections, in what a connection may hold, and in how long it may say nothing.
//!
//! It is the door: here a request is told where its client is, and its answer gets what depends on how the client came.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderValue, Response, header},
};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tower_service::Service as _;

use super::tls::Tls;
use crate::access::proxy::{self, Network};

/// How long a request's head may take to arrive, and a connection may be idle.
const HEAD_WITHIN: Duration = Duration::from_secs(75);

/// Most bytes of a request that a connection holds at once. Bodies are read on from there.
const BUFFER_BYTES_MAX: usize = 64 << 10;

/// Pause after the system refused a connection for want of something, such as file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a handshake may take: a slow phone takes two seconds.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// Most handshakes at once. Each costs about a millisecond of a core; a thousand pages that come back after a restart wait
/// here instead of starving what is served.
const HANDSHAKES_MAX: usize = 64;

/// First byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;

/// Browsers are to come by HTTPS for a year. Other hosts of the domain are not ours to speak for.
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What somebody reads who speaks plain HTTP to the TLS port.
const SPEAK_TLS: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 56\r\nConnection: close\r\n\r\n\
                         This port speaks HTTPS: write https:// in the address.\r\n";

/// What belongs to every connection.
#[derive(Debug, Clone)]
pub(super) struct Front {
    /// TLS, when the collector does it itself.
    pub(super) tls: Option<Tls>,
    /// Proxies whose word about the client counts.
    pub(super) trusted: Arc<[Network]>,
    /// Whether people come by HTTPS whatever the connection says: `public_url` tells.
    pub(super) is_public_https: bool,
    handshakes: Arc<Semaphore>,
}

impl Front {
    pub(super) fn new(tls: Option<Tls>, trusted: &[Network], is_public_https: bool) -> Self {
        Self { tls, trusted: trusted.into(), is_public_https, handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)) }
    }
}

/// Accepts connections until it is told to close, then waits for those that are open.
pub(super) async fn accept(
    listener: TcpListener,
    front: Front,
    router: Router,
    connections_max: usize,
    mut closing: watch::Receiver<bool>,
) {
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
                let (front, router, closing, is_open) = (front.clone(), router.clone(), closing.clone(), open.subscribe());
                tokio::spawn(async move {
                    welcome(stream, peer, front, router, closing).await;
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

async fn welcome(stream: TcpStream, peer: SocketAddr, front: Front, router: Router, mut closing: watch::Receiver<bool>) {
    // Small answers must not wait for more to come.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Some(tls) = front.tls.clone() else { return serve(stream, peer, false, front, router, closing).await };
    let shaken = tokio::select! {
        shaken = timeout(HANDSHAKE_WITHIN, shake(stream, &tls, &front.handshakes)) => shaken,
        () = asked(&mut closing) => return,
    };
    match shaken {
        Ok(Ok(Some(stream))) => serve(stream, peer, true, front, router, closing).await,
        Ok(Ok(None)) => {}
        // The other side hung up, does not trust us, or never spoke TLS: its affair.
        Ok(Err(error)) => tracing::trace!(target: "run", %peer, error = %error, "handshake failed"),
        Err(_) => tracing::trace!(target: "run", %peer, "handshake took too long"),
    }
}

/// Makes a TLS connection, or answers somebody who speaks plain HTTP.
async fn shake(mut stream: TcpStream, tls: &Tls, handshakes: &Semaphore) -> io::Result<Option<TlsStream<TcpStream>>> {
    // Who says nothing waits outside of the bounded part.
    let mut first = [0_u8; 1];
    if stream.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    if first[0] != HANDSHAKE {
        if first[0].is_ascii_uppercase() {
            stream.write_all(SPEAK_TLS.as_bytes()).await?;
            finish(&mut stream).await?;
        }
        return Ok(None);
    }
    let _turn = handshakes.acquire().await.map_err(io::Error::other)?;
    TlsAcceptor::from(tls.config()).accept(stream).await.map(Some)
}

/// Closes a connection so that what was written arrives: bytes that nobody has read would make the system cut it off.
async fn finish(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut rest = [0_u8; 1_024];
    for _ in 0..64 {
        stream.readable().await?;
        match stream.try_read(&mut rest) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn serve<S>(stream: S, peer: SocketAddr, is_tls: bool, front: Front, router: Router, mut closing: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        let client = proxy::client(peer, is_tls, &front.trusted, request.headers_mut());
        request.extensions_mut().insert(client);
        let answering = router.clone().call(request);
        let is_https = client.is_https || front.is_public_https;
        async move { answering.await.map(|response| seal(response, is_https)) }
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

/// Gives an answer what belongs to HTTPS: the browser keeps coming that way, and sends our cookies no other way.
fn seal(mut response: Response<Body>, is_https: bool) -> Response<Body> {
    if is_https {
        let headers = response.headers_mut();
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
        secure_cookies(headers);
    }
    response
}

fn secure_cookies(headers: &mut HeaderMap) {
    let header::Entry::Occupied(mut cookies) = headers.entry(header::SET_COOKIE) else { return };
    for cookie in cookies.iter_mut() {
        let Ok(text) = cookie.to_str() else { continue };
        let is_secure = text.split(';').skip(1).any(|part| part.trim().eq_ignore_ascii_case("secure"));
        if let (false, Ok(secure)) = (is_secure, HeaderValue::from_str(&format!("{text}; Secure"))) {
            *cookie = secure;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tls::tests::Files;

    #[tokio::test(start_paused = true)]
    async fn whoever_begins_a_handshake_and_says_no_more_is_let_go() {
        let files = Files::new();
        let front = Front::new(Some(Tls::open(files.settings()).unwrap()), &[], false);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (_go_on, closing) = watch::channel(false);
        for said in [&b""[..], &[HANDSHAKE], &[HANDSHAKE, 3, 1, 2, 0, 1]] {
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            client.write_all(said).await.unwrap();
            let (stream, peer) = listener.accept().await.unwrap();
            // The clock of this test stands still but where everybody waits: without a bound this would never end.
            welcome(stream, peer, front.clone(), Router::new(), closing.clone()).await;
            assert_eq!(front.handshakes.available_permits(), HANDSHAKES_MAX);
        }
    }

    #[test]
    fn the_answer_in_plain_http_is_as_long_as_it_says() {
        let (head, body) = SPEAK_TLS.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{}", body.len());
    }

    #[test]
    fn every_cookie_becomes_secure_once_and_only_over_https() {
        let answer = |is_https| {
            let mut response = Response::new(Body::empty());
            for cookie in ["a=1; Path=/", "b=2; Secure; Path=/", "secure=3"] {
                response.headers_mut().append(header::SET_COOKIE, HeaderValue::from_static(cookie));
            }
            let headers = seal(response, is_https).into_parts().0.headers;
            let cookies: Vec<_> = headers.get_all(header::SET_COOKIE).iter().map(|c| c.to_str().unwrap().to_owned()).collect();
            (cookies, headers.contains_key(header::STRICT_TRANSPORT_SECURITY))
        };
        assert_eq!(
            answer(true),
            (vec!["a=1; Path=/; Secure".into(), "b=2; Secure; Path=/".into(), "secure=3; Secure".into()], true)
        );
        assert_eq!(answer(false), (vec!["a=1; Path=/".into(), "b=2; Secure; Path=/".into(), "secure=3".into()], false));
    }
}
