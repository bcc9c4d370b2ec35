//! Tests over a real Unix socket.

use std::{cell::RefCell, future::Future, os::unix::net::UnixDatagram as Sender, rc::Rc};

use tokio::task::LocalSet;

use super::*;
use crate::listen::trial::Trial;

const REQUEST: &str = r#"{"method":"GET","path":"/a","status":200,"duration_ms":1}"#;

/// Gives others their turn until the condition holds; a test that never gets there is ended by the runner.
async fn until(mut is_true: impl FnMut() -> bool) {
    while !is_true() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

/// Runs a listener at a path of its own beside `work`.
fn beside<F: Future<Output = ()>>(work: impl FnOnce(PathBuf, Rc<RefCell<Trial>>) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("farol.sock");
    let trial = Rc::new(RefCell::new(Trial::new()));
    LocalSet::new().block_on(&runtime, async {
        let serving = tokio::task::spawn_local(serve(path.clone(), trial.borrow().context.clone()));
        until(|| path.exists()).await;
        work(path.clone(), Rc::clone(&trial)).await;
        trial.borrow().stop.send_replace(true);
        serving.await.unwrap().unwrap();
    });
    assert!(!path.exists(), "the socket is taken away at the end");
}

#[test]
fn each_datagram_is_a_request_and_malformed_ones_are_counted() {
    beside(|path, trial| async move {
        let sender = Sender::unbound().unwrap();
        let list = format!("[{REQUEST},{REQUEST}]");
        let large = " ".repeat(DATAGRAM_BYTES_MAX + 1);
        let wrong = [r#"{"method":"GET"}"#, "", "x", "[1,2]", &large];
        for datagram in wrong.into_iter().chain([REQUEST, &list]) {
            sender.send_to(datagram.as_bytes(), &path).unwrap();
        }
        let mut requests = 0;
        until(|| {
            requests += trial.borrow_mut().records("own").requests.first().map_or(0, |summary| summary.count);
            requests >= 3
        })
        .await;
        let values = trial.borrow_mut().drain().1;
        assert_eq!(values.get("farol.agent.records.received{farol.receiver=socket}"), Some(&3.0));
        assert_eq!(values.get("farol.agent.records.dropped{farol.cause=malformed,farol.kind=request}"), Some(&5.0));
        assert_eq!(values.get("farol.agent.records.dropped{farol.cause=oversize,farol.kind=request}"), Some(&1.0));
    });
}

#[test]
fn everybody_may_send_but_nobody_may_take_the_socket_over() {
    beside(|path, trial| async move {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o666);
        let context = trial.borrow().context.clone();
        let error = serve(path.clone(), context).await.unwrap_err();
        assert!(matches!(error, ListenError::Bind { .. }), "{error}");
        assert!(path.exists());
    });
}

#[test]
fn a_stale_socket_is_replaced_and_anything_else_is_left_alone() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("farol.sock");
    drop(Sender::bind(&path).unwrap());
    assert!(path.exists(), "dropping leaves the name");
    drop(open(&path).unwrap());
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    assert_eq!(open(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}
