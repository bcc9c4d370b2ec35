//! Tests of what counts as silence.

use super::*;

const IDLE: Duration = Duration::from_secs(600);

#[tokio::test(start_paused = true)]
async fn a_connection_may_be_silent_for_as_long_as_its_state_allows() {
    let seen = Seen::new();
    let began = Instant::now();
    let after = |seconds| began + Duration::from_secs(seconds);
    let pass = |seconds| tokio::time::advance(Duration::from_secs(seconds));
    assert_eq!(seen.silence(IDLE, false), (after(75), Silence::Between));
    pass(5).await;
    seen.read();
    pass(2).await;
    seen.read();
    assert_eq!(seen.silence(IDLE, false), (after(15), Silence::Head), "dripping bytes win no time");
    assert_eq!(seen.silence(IDLE, true), (after(82), Silence::Between), "HTTP/2 says other things than heads");
    seen.begin_request();
    assert_eq!(seen.silence(IDLE, false), (after(607), Silence::Request));
    pass(3).await;
    seen.written();
    assert_eq!(seen.silence(IDLE, false), (after(610), Silence::Request));
    seen.read();
    pass(10).await;
    seen.end_request();
    assert_eq!(seen.silence(IDLE, false), (after(95), Silence::Between), "what is read within a request begins no other");
}
