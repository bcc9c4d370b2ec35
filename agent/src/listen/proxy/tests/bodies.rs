//! Bodies: passed as they come, both ways, with trailers, with and without being asked for.

use super::*;

#[test]
fn pieces_pass_both_ways_before_either_end() {
    test(async {
        let house = House::new().await;
        let mut client = house.client().await;
        client.say("POST /chat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n").await;
        let mut application = house.accept().await;
        let asked = application.until("3\r\none\r\n").await;
        assert_eq!(values(&asked, "transfer-encoding"), ["chunked"]);
        application.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nuno\r\n").await;
        client.until("3\r\nuno\r\n").await;
        client.say("3\r\ntwo\r\n").await;
        application.until("3\r\ntwo\r\n").await;
        application.say("3\r\ndos\r\n").await;
        client.until("3\r\ndos\r\n").await;
        client.say("0\r\n\r\n").await;
        application.until("0\r\n\r\n").await;
        application.say("0\r\n\r\n").await;
        client.until("0\r\n\r\n").await;
        assert_eq!(house.requests(1).await[0].status, 200);
        client.get("/next").await;
        application.answer("same connections").await;
        client.until("same connections").await;
    });
}

#[test]
fn a_get_with_a_body_of_unknown_length_keeps_it() {
    test(async {
        let house = House::new().await;
        let mut client = house.client().await;
        client.say("GET /search HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n").await;
        house.accept().await.until("2\r\n{}\r\n0\r\n\r\n").await;
    });
}

#[test]
fn trailers_pass_both_ways() {
    test(async {
        let house = House::new().await;
        let mut client = house.client().await;
        client
            .say("POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n")
            .await;
        let mut application = house.accept().await;
        let asked = application.until("0\r\nx-sum: 7\r\n\r\n").await;
        assert_eq!((values(&asked, "te"), values(&asked, "trailer")), (vec!["trailers"], vec!["x-sum"]));
        application
            .say("HTTP/1.1 200 OK\r\nTrailer: X-Took\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\nX-Took: 5\r\n\r\n")
            .await;
        client.until("0\r\nx-took: 5\r\n\r\n").await;
        assert_eq!(house.requests(1).await.len(), 1);
    });
}

#[test]
fn large_bodies_wait_for_their_reader() {
    const SIZE: usize = 48 << 20;
    test(async {
        let house = House::new().await;
        let mut client = house.client().await;
        client.say(&format!("PUT /big HTTP/1.1\r\nHost: a\r\nContent-Length: {SIZE}\r\n\r\n")).await;
        let mut application = house.accept().await;
        application.head().await;
        let (mut reads, mut writes) = client.0.split();
        let block = vec![b'x'; 64 << 10];
        let mut sent = 0;
        // Nobody reads: what is taken in is what the sockets of the system hold, and a few buffers.
        while let Ok(count) = timeout(Duration::from_millis(200), writes.write(&block)).await {
            sent += count.unwrap();
            assert!(sent < SIZE / 2, "the proxy must not take in what it cannot pass on");
        }
        let upload = async {
            while sent < SIZE {
                sent += writes.write(&block[..block.len().min(SIZE - sent)]).await.unwrap();
            }
        };
        let echo = async {
            let (mut reads, mut writes) = application.0.split();
            writes.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").as_bytes()).await.unwrap();
            tokio::io::copy(&mut (&mut reads).take(SIZE as u64), &mut writes).await.unwrap();
        };
        let download = async {
            let mut all = vec![0; 64 << 10];
            let mut count = 0;
            while count < SIZE {
                count += reads.read(&mut all).await.unwrap();
            }
            count
        };
        let ((), (), count) = tokio::join!(upload, echo, download);
        assert!(count > SIZE, "head and body");
        assert_eq!(house.requests(1).await[0].status, 200);
    });
}

#[test]
fn the_word_to_continue_comes_from_the_application() {
    test(async {
        let house = House::new().await;
        let mut client = house.client().await;
        let ask = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
        client.say(ask).await;
        let mut application = house.accept().await;
        assert_eq!(values(&application.head().await, "expect"), ["100-continue"]);
        application.say("HTTP/1.1 100 Continue\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 100 "));
        client.say("body").await;
        application.until("body").await;
        application.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 "));

        client.say(ask).await;
        application.head().await;
        application.say("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno").await;
        let refused = client.rest().await;
        assert!(refused.starts_with("HTTP/1.1 413 ") && refused.ends_with("no"), "{refused}");
        let statuses: Vec<u16> = house.requests(2).await.iter().map(|one| one.status).collect();
        assert_eq!(statuses, [200, 413]);
    });
}

#[test]
fn an_application_that_does_not_know_continue_gets_the_body_all_the_same() {
    test(async {
        let house = House::new().await;
        let mut client = house.client().await;
        client.say("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n").await;
        let mut application = house.accept().await;
        application.head().await;
        assert!(client.head().await.starts_with("HTTP/1.1 100 "));
        client.say("body").await;
        application.until("body").await;
    });
}

#[test]
fn answers_without_a_body_keep_their_length_and_their_connection() {
    test(async {
        let house = House::new().await;
        let mut client = house.client().await;
        client.say("HEAD /file HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let mut application = house.accept().await;
        application.head().await;
        application.say("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nETag: \"x\"\r\n\r\n").await;
        assert_eq!(values(&client.head().await, "content-length"), ["12345"]);
        for status in ["204 No Content", "304 Not Modified"] {
            client.get("/").await;
            application.head().await;
            application.say(&format!("HTTP/1.1 {status}\r\nETag: \"x\"\r\n\r\n")).await;
            let head = client.head().await;
            assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")) && head.contains("\"x\""), "{head}");
            assert_eq!(values(&head, "transfer-encoding"), [""; 0]);
        }
        let statuses: Vec<u16> = house.requests(3).await.iter().map(|one| one.status).collect();
        assert_eq!(statuses, [200, 204, 304]);
    });
}
