//! AMQP 0-9-1 probes, for RabbitMQ: the handshake up to the server's start; with a user the log-in and the virtual host too.

use super::{
    Attempt, Finding,
    connection::{Connection, Trouble},
    tls,
};

const PROTOCOL: &[u8; 8] = b"AMQP\0\0\x09\x01";

/// Largest frame that is read, in bytes; the server's start has about 500.
const FRAME_BYTES_MAX: usize = 64 << 10;

/// Most frames that are passed over while a certain one is awaited.
const FRAMES_MAX: usize = 16;

const METHOD: u8 = 1;
const FRAME_END: u8 = 0xce;

/// Class and number of a method.
type Method = (u16, u16);
const START: Method = (10, 10);
const START_OK: Method = (10, 11);
const TUNE: Method = (10, 30);
const TUNE_OK: Method = (10, 31);
const OPEN: Method = (10, 40);
const OPEN_OK: Method = (10, 41);
const CLOSE: Method = (10, 50);
const CLOSE_OK: Method = (10, 51);
/// The connection runs short of memory or disk; RabbitMQ tells those who say that they understand.
const BLOCKED: Method = (10, 60);

/// Asks once.
pub(super) async fn check(attempt: &Attempt<'_>, kept: &mut tls::Kept) -> Result<Finding, Trouble> {
    let mut connection = Connection::open_any(attempt, kept).await?;
    connection.send(PROTOCOL).await?;
    let (method, _) = method(&mut connection, "waiting for the server's start").await?;
    if method != START {
        return Err(Trouble::Garbage { expected: "the start of AMQP 0-9-1" });
    }
    let Some(user) = &attempt.probe.address.user else {
        attempt.answered();
        return Ok(tls::judge(attempt, Finding::online()));
    };
    let password = attempt.probe.password().map_err(Trouble::Other)?;
    connection.send(&frame(START_OK, &start_ok(user, password.as_ref().map_or("", |password| password.reveal())))).await?;
    let finding = log_in(attempt, &mut connection).await?;
    Ok(tls::judge(attempt, finding))
}

async fn log_in(attempt: &Attempt<'_>, connection: &mut Connection<'_>) -> Result<Finding, Trouble> {
    // RabbitMQ says no by hanging up a moment later, or by a close with its reason to who can take one.
    for _ in 0..FRAMES_MAX {
        let (method, body) = method(connection, "logging in").await?;
        match method {
            TUNE => {
                // Channels, frame size and heartbeat as the server has them.
                connection.send(&frame(TUNE_OK, body.get(..8).unwrap_or_default())).await?;
                let host = attempt.probe.address.name().unwrap_or_else(|| "/".to_owned());
                connection.send(&frame(OPEN, &[short(&host), vec![0, 0]].concat())).await?;
            }
            OPEN_OK => {
                attempt.answered();
                part(connection).await;
                return Ok(Finding::online());
            }
            CLOSE => {
                attempt.answered();
                connection.part(&frame(CLOSE_OK, &[])).await;
                return Ok(Finding::offline(reason(&body)));
            }
            BLOCKED => {}
            _ => return Err(Trouble::Garbage { expected: "a log-in of AMQP 0-9-1" }),
        }
    }
    Err(Trouble::Garbage { expected: "a log-in of AMQP 0-9-1" })
}

/// Closes in good order, which saves the server a warning in its log.
async fn part(connection: &mut Connection<'_>) {
    let close = [&200_u16.to_be_bytes()[..], &short("done"), &[0; 4]].concat();
    if connection.send(&frame(CLOSE, &close)).await.is_ok() {
        // The answer is all there is to wait for; none is as good.
        drop(method(connection, "closing").await);
    }
}

/// The next method of the server, and what belongs to it.
async fn method(connection: &mut Connection<'_>, stage: &'static str) -> Result<(Method, Vec<u8>), Trouble> {
    const GARBAGE: Trouble = Trouble::Garbage { expected: "one of AMQP" };
    for _ in 0..FRAMES_MAX {
        // Seven bytes of head; a server of another version answers with eight that begin with its name.
        let head = connection.read(7, 7, stage).await?;
        if head.starts_with(b"AMQP") {
            return Err(Trouble::Other("the server speaks another version of AMQP, not 0-9-1".to_owned()));
        }
        let Some((kind, length)) = frame_head(&head) else { return Err(GARBAGE) };
        let mut body = connection.read(length.saturating_add(1), FRAME_BYTES_MAX, stage).await?;
        if body.pop() != Some(FRAME_END) {
            return Err(GARBAGE);
        }
        if kind == METHOD {
            return method_of(&body).ok_or(GARBAGE);
        }
    }
    Err(GARBAGE)
}

/// Type and length of a frame.
fn frame_head(head: &[u8]) -> Option<(u8, usize)> {
    let [kind @ 1..=8, _, _, length @ ..] = head else { return None };
    Some((*kind, usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()?))
}

fn method_of(body: &[u8]) -> Option<(Method, Vec<u8>)> {
    let ([a, b, c, d], rest) = body.split_first_chunk::<4>()?;
    Some(((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])), rest.to_vec()))
}

/// Code and text of a close.
fn reason(body: &[u8]) -> String {
    let Some(([a, b], rest)) = body.split_first_chunk::<2>() else { return "refused".to_owned() };
    let text = rest.split_first().and_then(|(length, text)| text.get(..usize::from(*length))).unwrap_or_default();
    format!("{} {}", u16::from_be_bytes([*a, *b]), String::from_utf8_lossy(text))
}

fn frame((class, number): Method, arguments: &[u8]) -> Vec<u8> {
    let body = [&class.to_be_bytes()[..], &number.to_be_bytes(), arguments].concat();
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[METHOD, 0, 0][..], &length, &body, &[FRAME_END]].concat()
}

/// Plain log-in, and the ability to be told why it fails.
fn start_ok(user: &str, password: &str) -> Vec<u8> {
    let boolean = |name: &str| [short(name), vec![b't', 1]].concat();
    let abilities = boolean("authentication_failure_close");
    let properties = [
        [short("product"), vec![b'S'], long(b"farol-agent")].concat(),
        [short("capabilities"), vec![b'F'], long(&abilities)].concat(),
    ];
    let plain = ["\0", user, "\0", password].concat();
    [long(&properties.concat()), short("PLAIN"), long(plain.as_bytes()), short("en_US")].concat()
}

/// A text of at most 255 bytes after its length.
fn short(text: &str) -> Vec<u8> {
    let text = crate::recorder::cut(text, 255);
    [&[u8::try_from(text.len()).unwrap_or(0)], text.as_bytes()].concat()
}

fn long(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes()[..], bytes].concat()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn frames_have_their_length_and_end() {
        let frame = frame(CLOSE_OK, b"");
        assert_eq!(frame, b"\x01\0\0\0\0\0\x04\0\x0a\0\x33\xce");
        assert_eq!(frame_head(&frame[..7]), Some((METHOD, 4)));
        assert_eq!(method_of(&frame[7..11]), Some((CLOSE_OK, Vec::new())));
        assert_eq!(reason(b"\x01\x93\x05hello"), "403 hello");
        assert_eq!(reason(b"\x01\x93\xffhello"), "403 ");
        assert_eq!(short(&"é".repeat(200)).len(), 255, "254 bytes are whole characters");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..40)) {
            prop_assert!(frame_head(&bytes).is_none() || bytes.len() == 7);
            prop_assert!(method_of(&bytes).is_none_or(|(_, rest)| rest.len() + 4 == bytes.len()));
            prop_assert!(reason(&bytes).len() <= 10 + 3 * bytes.len());
        }
    }
}
