//! Nothing is held back on the way: what the collector says before it has finished arrives at once.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::front::{BELOW, Front, Kind, ROOT};

/// Asks through the proxy a server that ends its answer only after its beginning was seen at the other end.
fn first_part_comes_before_the_last(kind: Kind) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let front = Front::start(kind, listener.local_addr().unwrap());
    for (name, path) in [(ROOT, "/api/v1/export"), (BELOW, "/farol/api/v1/export")] {
        let (seen, wait_seen) = mpsc::channel::<()>();
        let server = listener.try_clone().unwrap();
        let answering = thread::spawn(move || {
            let (stream, _) = server.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let mut first = String::new();
            reader.read_line(&mut first).unwrap();
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            let out = reader.get_mut();
            out.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nfirst\n\r\n")
                .unwrap();
            out.flush().unwrap();
            // A proxy that gathers answers would never show it, and the other end would say so.
            wait_seen.recv().unwrap();
            out.write_all(b"5\r\nlast\n\r\n0\r\n\r\n").unwrap();
            first
        });
        let mut connection = front.connect(name);
        connection.write_all(front.head(name, "GET", path, &[("Connection", "close")], 0).as_bytes()).unwrap();
        let mut reader = BufReader::new(connection);
        let mut all = String::new();
        while !all.ends_with("first\n") {
            let before = all.len();
            reader
                .read_line(&mut all)
                .unwrap_or_else(|error| panic!("{kind:?} holds the beginning back ({error}); so far: {all}"));
            assert!(all.len() > before, "{kind:?} ended before the beginning came: {all}");
        }
        seen.send(()).unwrap();
        // Who does not close TLS properly ends with an error here; the text tells whether all came.
        let mut rest = Vec::new();
        drop(reader.read_to_end(&mut rest));
        assert!(String::from_utf8_lossy(&rest).contains("last\n"), "{kind:?} lost the end");
        assert!(answering.join().unwrap().starts_with("GET /api/v1/export "), "the path in front is taken away");
    }
}

#[test]
fn nginx_passes_on_what_it_gets_at_once() {
    first_part_comes_before_the_last(Kind::Nginx);
}

#[test]
fn caddy_passes_on_what_it_gets_at_once() {
    first_part_comes_before_the_last(Kind::Caddy);
}

/// More than all sockets on the way hold, in bytes.
const LARGE_BYTES: usize = 64 << 20;

/// How long a server may not get rid of a byte until it is said to be held up.
const HELD_UP: Duration = Duration::from_secs(2);

/// Sends a large answer to somebody who does not read it: whoever swallows it has kept it in memory or on a disk.
fn who_does_not_read_holds_up_the_collector(kind: Kind) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let front = Front::start(kind, listener.local_addr().unwrap());
    for (name, path) in [(ROOT, "/api/v1/export"), (BELOW, "/farol/api/v1/export")] {
        let server = listener.try_clone().unwrap();
        let answering = thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            stream.set_write_timeout(Some(HELD_UP)).unwrap();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: {LARGE_BYTES}\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            let part = vec![b'x'; 1 << 20];
            (0..LARGE_BYTES / part.len()).all(|_| stream.write_all(&part).is_ok())
        });
        let mut connection = front.connect(name);
        connection.write_all(front.head(name, "GET", path, &[], 0).as_bytes()).unwrap();
        assert!(!answering.join().unwrap(), "{kind:?} at {name} took all of an answer that nobody reads");
    }
}

#[test]
fn nginx_reads_no_faster_than_its_client() {
    who_does_not_read_holds_up_the_collector(Kind::Nginx);
}

#[test]
fn caddy_reads_no_faster_than_its_client() {
    who_does_not_read_holds_up_the_collector(Kind::Caddy);
}
