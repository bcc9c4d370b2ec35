//! Floods: whatever comes, the agent stays small and alive, and what it could not take is counted.

use std::{
    fs::File,
    io::{Read, Write},
    net::{TcpStream, UdpSocket},
};

use farol_tests::wait::{until, when};

use crate::sidecar::Sidecar;

/// What the agent may take at most, in bytes, whatever is thrown at it.
const MEMORY_MAX: u64 = 30 << 20;

fn check_alive(sidecar: &mut Sidecar) {
    let peak = sidecar.peak_memory();
    eprintln!("peak {:.1} MiB", peak as f64 / 1_048_576.0);
    assert!(peak < MEMORY_MAX, "the agent took {peak} bytes");
    assert_eq!(sidecar.ear().get("/health").status, 200, "{}", sidecar.agent.log());
}

#[test]
fn half_a_million_statsd_lines_with_ever_new_names() {
    let mut sidecar = Sidecar::start("flood", |_| Vec::new());
    let socket = UdpSocket::bind((sidecar.statsd.ip(), 0)).unwrap();
    let mut text = String::new();
    for number in 0..20_000_u32 {
        text.clear();
        for line in 0..25 {
            text.push_str(&format!("name{}.x:1|c|#user:{number}\n", number * 25 + line));
        }
        // A full buffer of the kernel is a drop like any other.
        drop(socket.send_to(text.as_bytes(), sidecar.statsd));
    }
    until("drops to be counted", || when(sidecar.own("farol.agent.records.dropped", "metric"), |count| *count > 1_000.0));
    check_alive(&mut sidecar);
}

#[test]
fn a_million_different_paths_and_tenants() {
    let mut sidecar = Sidecar::start("flood", |_| Vec::new());
    let mut ear = sidecar.ear();
    let mut sent = 0_u64;
    for part in 0..1_000_u32 {
        let one = |number: u32| {
            format!(
                "{{\"method\":\"GET\",\"path\":\"/p{part}x{number}/y\",\"status\":200,\"duration_ms\":700,\"tenant\":\"t{part}-{number}\"}}"
            )
        };
        let body = format!("[{}]", (0..1_000).map(one).collect::<Vec<_>>().join(","));
        let answer = ear.send("POST", "/v1/requests", &[("content-type", "application/json")], body.as_bytes()).unwrap();
        assert_eq!(answer.status, 202, "{}", answer.text());
        sent += 1_000;
    }
    check_alive(&mut sidecar);
    let answer = sidecar.check_count(sent);
    assert_eq!(answer["total"]["count"], 1_000_000, "none goes uncounted");
}

#[test]
fn a_body_of_a_hundred_mebibytes() {
    let mut sidecar = Sidecar::start("flood", |_| Vec::new());
    for path in ["/v1/requests", "/v1/traces", "/v1/logs"] {
        let mut stream = TcpStream::connect(sidecar.http).unwrap();
        let size = 100 << 20;
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {size}\r\n\r\n[",
            sidecar.http
        )
        .unwrap();
        let part = vec![b' '; 1 << 20];
        // The agent may close long before the end: that is an answer too.
        for _ in 0..100 {
            if stream.write_all(&part).is_err() {
                break;
            }
        }
        let mut answer = Vec::new();
        drop(stream.take(64).read_to_end(&mut answer));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");
    }
    check_alive(&mut sidecar);
}

#[test]
fn a_gibibyte_of_log() {
    let mut sidecar = Sidecar::start("flood", |places| vec![("FAROL_LOGS", format!("{}/*.log", places.folder.display()))]);
    let path = sidecar.folder.path().join("app.log");
    let mut file = File::create(&path).unwrap();
    writeln!(file, "INFO started").unwrap();
    until("the file to be found", || when(sidecar.agent.log(), |log| log.contains("app.log")));
    let info =
        "2026-11-21 10:00:00,123 INFO shop.views request finished in 12 ms for somebody on some path that is long\n".repeat(99);
    let block = format!("{info}2026-11-21 10:00:00,123 ERROR shop.views something went wrong\n").repeat(100);
    let blocks = (1 << 30) / block.len();
    for _ in 0..blocks {
        file.write_all(block.as_bytes()).unwrap();
    }
    drop(file);
    let lines = (blocks * 100) as f64;
    until("every error to be counted", || {
        let answer = sidecar.ask("/api/v1/errors/by-hour");
        let hours = answer["hours"].as_array().cloned().unwrap_or_default();
        let count: f64 = hours.iter().filter_map(|hour| hour["log_errors"].as_f64()).sum();
        when(count, |count| *count == lines).map_err(|count| format!("{count} of {lines}"))
    });
    check_alive(&mut sidecar);
}
