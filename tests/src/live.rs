//! A listener on the collector's WebSocket.

use std::{
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tungstenite::{Error, Message, WebSocket, client::IntoClientRequest};

use crate::wait::{PATIENCE, now_ms};

/// An open WebSocket.
#[derive(Debug)]
pub struct Live {
    socket: WebSocket<TcpStream>,
}

impl Live {
    /// Connects and signs in with the first message.
    #[must_use]
    pub fn sign_in(address: SocketAddr, token: &str) -> Self {
        let mut live = Self::connect(address, "/api/monitoring/ws", &[]).expect("the collector takes a WebSocket");
        live.send("Auth", &json!({ "token": token }));
        live
    }

    /// Connects without signing in.
    ///
    /// # Errors
    /// The answer, when the collector refuses the connection.
    pub fn connect(address: SocketAddr, path: &str, headers: &[(&'static str, &str)]) -> Result<Self, String> {
        let stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(Duration::from_millis(500))).map_err(|error| error.to_string())?;
        let mut request = format!("ws://{address}{path}").into_client_request().map_err(|error| error.to_string())?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header of the test is well formed"));
        }
        let (socket, _) = tungstenite::client(request, stream).map_err(|error| error.to_string())?;
        Ok(Self { socket })
    }

    /// Sends one message in the envelope.
    pub fn send(&mut self, message_type: &str, payload: &Value) {
        let message = json!({"message_type": message_type, "payload": payload, "timestamp": now_ms()});
        self.socket.send(Message::text(message.to_string())).unwrap();
    }

    /// Asks for rooms.
    pub fn subscribe(&mut self, rooms: &[&str]) {
        self.send("Subscription", &json!({ "rooms": rooms }));
    }

    /// Waits for a message for which `pick` has an answer; others are passed over.
    pub fn until<T>(&mut self, what: &str, mut pick: impl FnMut(&Value) -> Option<T>) -> T {
        let start = Instant::now();
        let mut last = "nothing".to_owned();
        loop {
            assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}; last message: {last}");
            match self.next() {
                Ok(Some(message)) => {
                    if let Some(found) = pick(&message) {
                        return found;
                    }
                    last = message.to_string();
                }
                Ok(None) => {}
                Err(close) => panic!("the collector closed the connection ({close}) while waiting for {what}"),
            }
        }
    }

    /// Waits until the collector closes the connection and returns the close code (1006 when it just went away).
    pub fn closed(&mut self) -> u16 {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Err(code) = self.next() {
                return code;
            }
        }
        panic!("waited {PATIENCE:?} for the connection to close");
    }

    /// The next message, `None` when none came for a moment.
    ///
    /// # Errors
    /// The close code, when the connection was closed.
    fn next(&mut self) -> Result<Option<Value>, u16> {
        match self.socket.read() {
            Ok(Message::Text(text)) => Ok(Some(serde_json::from_str(&text).expect("every message is JSON"))),
            Ok(Message::Close(frame)) => Err(frame.map_or(1005, |frame| frame.code.into())),
            Ok(_) => Ok(None),
            Err(Error::Io(error)) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                Ok(None)
            }
            Err(_) => Err(1006),
        }
    }
}
