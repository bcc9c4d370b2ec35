//! What goes wrong on either side, and what each side and the record then say.

use super::*;

async fn problem(client: &mut Raw) -> (String, String) {
    let head = client.head().await;
    let body = client.until("}\n").await;
    assert_eq!(values(&head, "content-type"), ["application/problem+json"]);
    (head, body)
}

#[test]
fn an_application_that_is_away_is_a_bad_gateway() {
    test(async {
        let mut house = House::new().await;
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
        drop(std::mem::replace(&mut house.application, nobody));
        let mut client = house.client().await;
        client.get("/").await;
        let (head, body) = problem(&mut client).await;
        assert!(head.starts_with("HTTP/1.1 502 ") && body.contains("accepts no connections"), "{head}{body}");
        let one = &house.requests(1).await[0];
        assert_eq!((one.status, one.exception.as_deref()), (502, Some("UpstreamAway")));
    });
}

#[test]
fn an_application_that_hangs_up_or_talks_nonsense_is_a_bad_gateway() {
    test(async {
        let house = House::new().await;
        for said in ["", "HTTP/1.1 200 OK\r\nContent-Le", "nonsense\r\n\r\n", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"] {
            let mut client = house.client().await;
            client.get("/").await;
            let mut application = house.accept().await;
            application.head().await;
            application.say(said).await;
            drop(application);
            let (head, _) = problem(&mut client).await;
            assert!(head.starts_with("HTTP/1.1 502 "), "{said}: {head}");
            let one = &house.requests(1).await[0];
            assert_eq!((one.status, one.exception.as_deref()), (502, Some("UpstreamBroke")));
        }
    });
}

#[test]
fn an_application_that_is_too_slow_is_a_gateway_timeout() {
    test(async {
        let house = House::with(|settings| settings.answer_timeout = Duration::from_millis(50)).await;
        let mut client = house.client().await;
        client.get("/slow").await;
        let mut application = house.accept().await;
        let (head, _) = problem(&mut client).await;
        assert!(head.starts_with("HTTP/1.1 504 "), "{head}");
        assert!(application.rest().await.starts_with("GET /slow "), "the application sees that nobody waits");
        let one = &house.requests(1).await[0];
        assert_eq!((one.status, one.exception.as_deref(), one.is_failed()), (504, Some("UpstreamTimeout"), true));
    });
}

#[test]
fn a_slow_upload_does_not_count_against_the_application() {
    test(async {
        let house = House::with(|settings| settings.answer_timeout = Duration::from_millis(50)).await;
        let mut client = house.client().await;
        client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo").await;
        let mut application = house.accept().await;
        application.until("bo").await;
        let mut byte = [0];
        assert!(timeout(Duration::from_millis(200), client.0.read(&mut byte)).await.is_err(), "nothing is said yet");
        client.say("dy").await;
        application.until("dy").await;
        application.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    });
}

#[test]
fn an_answer_that_breaks_off_is_seen_to_and_is_the_applications_fault() {
    test(async {
        let house = House::new().await;
        for length in ["Content-Length: 10", "Transfer-Encoding: chunked"] {
            let mut client = house.client().await;
            client.get("/").await;
            let mut application = house.accept().await;
            application.head().await;
            application.say(&format!("HTTP/1.1 200 OK\r\n{length}\r\n\r\n5\r\nhalf\r\n")).await;
            client.until("half").await;
            drop(application);
            assert!(!client.rest().await.ends_with("0\r\n\r\n"), "the client must not take it for whole");
            let one = &house.requests(1).await[0];
            assert_eq!((one.status, one.exception.as_deref()), (200, Some("UpstreamBroke")));
        }
    });
}

#[test]
fn a_client_that_leaves_early_is_no_failure_and_the_application_is_told() {
    test(async {
        let house = House::new().await;
        let mut client = house.client().await;
        client.get("/wait").await;
        let mut application = house.accept().await;
        application.head().await;
        drop(client);
        assert_eq!(application.rest().await, "", "the connection is closed");
        let one = &house.requests(1).await[0];
        assert_eq!((one.status, one.is_failed()), (super::super::record::CLIENT_CLOSED, false));

        let mut client = house.client().await;
        client.get("/stream").await;
        let mut application = house.accept().await;
        application.head().await;
        application.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n").await;
        client.until("a\r\n").await;
        drop(client);
        assert_eq!(application.rest().await, "");
        let one = &house.requests(1).await[0];
        assert_eq!((one.status, one.is_failed()), (200, false));
    });
}

#[test]
fn an_upload_that_breaks_off_is_the_clients_fault() {
    test(async {
        let house = House::new().await;
        let mut client = house.client().await;
        client.say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\nnonsense\r\n").await;
        let mut application = house.accept().await;
        let taken = application.rest().await;
        assert!(!taken.ends_with("0\r\n\r\n"), "the application must not take it for whole: {taken}");
        assert!(client.rest().await.starts_with("HTTP/1.1 400 "));
        let one = &house.requests(1).await[0];
        assert_eq!((one.status, one.is_failed()), (400, false));
    });
}

#[test]
fn a_safe_request_that_met_a_closed_connection_is_sent_again() {
    test(async {
        let house = House::new().await;
        let mut client = house.client().await;
        client.get("/1").await;
        let mut application = house.accept().await;
        application.answer("one").await;
        client.until("one").await;
        client.get("/2").await;
        // Taken and dropped: what an application does that closes at the very moment.
        application.head().await;
        drop(application);
        let mut application = house.accept().await;
        assert!(application.answer("two").await.starts_with("GET /2 "));
        client.until("two").await;
        client.say("POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").await;
        application.head().await;
        drop(application);
        assert!(client.head().await.starts_with("HTTP/1.1 502 "), "a POST may have been seen, so it is not repeated");
        assert_eq!(house.requests(3).await.len(), 3);
    });
}

#[test]
fn requests_with_two_readings_are_refused_and_never_reach_the_application() {
    test(async {
        let house = House::new().await;
        for (status, asked) in [
            (400, "GET / HTTP/1.1\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
            (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na"),
            (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\na"),
            (501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
            (501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            (400, "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n folded\r\n\r\n"),
            (400, "GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
            (405, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"),
        ] {
            let mut client = house.client().await;
            client.say(asked).await;
            let head = client.head().await;
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{asked}{head}");
        }
        let early = timeout(Duration::from_millis(50), house.application.accept()).await;
        assert!(early.is_err(), "the application must not be asked");
        let both = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut client = house.client().await;
        client.say(both).await;
        let mut application = house.accept().await;
        let head = application.head().await;
        assert_eq!((values(&head, "content-length").len(), values(&head, "transfer-encoding").len()), (0, 1), "{head}");
        application.until("0\r\n\r\n").await;
        application.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(client.rest().await.matches("HTTP/1.1").count(), 1, "what follows is not read as a request");
    });
}

#[test]
fn what_is_silent_for_too_long_is_cut() {
    let quick = |settings: &mut Proxy| {
        let wait = Duration::from_millis(20);
        (settings.connect_timeout, settings.answer_timeout, settings.idle_timeout) = (wait, wait, wait);
    };
    test(async move {
        let house = House::with(quick).await;
        let mut client = house.client().await;
        client.get("/stall").await;
        let mut application = house.accept().await;
        application.head().await;
        application.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
        assert!(client.rest().await.ends_with("half"));
        assert_eq!(application.rest().await, "");
        assert_eq!(house.requests(1).await[0].exception.as_deref(), Some("UpstreamIdle"));

        let mut client = house.client().await;
        client.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n").await;
        let mut application = house.accept().await;
        application.head().await;
        application.say("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n").await;
        client.head().await;
        assert_eq!((client.rest().await, application.rest().await), (String::new(), String::new()));
    });
}

#[test]
fn heads_are_bounded() {
    test(async {
        let house = House::new().await;
        let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(20_000));
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(120));
        for asked in [long, many] {
            let mut client = house.client().await;
            client.say(&asked).await;
            assert!(client.rest().await.starts_with("HTTP/1.1 431 "));
        }
    });
}
