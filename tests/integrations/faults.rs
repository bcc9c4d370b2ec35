//! Every trouble that an outside system can make, for kinds that speak HTTP.

use std::{collections::BTreeMap, net::TcpListener, time::Duration};

use farol_collector::pull::{At, Code, Instance, PollError, Reading};
use farol_tests::fake::{Fake, Fault};

/// A moment for polls.
pub(crate) const NOW: At = At { now_ms: 1_795_237_680_000, since_ms: None };

/// An instance of the keys of one table.
pub(crate) fn instance(kind: &str, toml: &str) -> Instance {
    Instance::from_toml(kind, toml, &BTreeMap::new()).unwrap()
}

/// Polls once.
pub(crate) async fn poll(instance: &mut Instance) -> Result<Reading, PollError> {
    instance.poll(&NOW).await
}

/// What a poll in trouble may end in.
fn fails(trouble: &str, told: Result<Reading, PollError>, expected: &[Code]) -> PollError {
    match told {
        Err(error) => {
            assert!(expected.contains(&error.code), "{trouble}: {error:?}");
            assert!(!error.to_string().contains("s3cr3t"), "{trouble}: a secret in {error}");
            error
        }
        // A kind that asks several questions may answer in part, but then says for each what was wrong.
        Ok(reading) => {
            let (_, error) =
                reading.missing.first().unwrap_or_else(|| panic!("{trouble}: answered as if all were well: {reading:?}"));
            assert!(expected.contains(&error.code), "{trouble}: {error:?}");
            assert!(reading.now.is_empty(), "{trouble}: values of nothing: {reading:?}");
            error.clone()
        }
    }
}

/// Runs a kind through all troubles of HTTP and back to health. `toml` writes its keys for an address; secrets in it must hold
/// `s3cr3t`, so that a leak is seen.
pub(crate) async fn every(kind: &str, fake: &Fake, toml: impl Fn(&str) -> String) {
    let mut one = instance(kind, &format!("timeout = \"2s\"\n{}", toml(&fake.url())));
    for (fault, expected) in [
        (Fault::Status(401), Code::Auth),
        (Fault::Status(403), Code::Auth),
        (Fault::Limited(None), Code::Limited),
        (Fault::Status(500), Code::Unreachable),
        (Fault::Status(503), Code::Unreachable),
        (Fault::Hang, Code::Unreachable),
        (Fault::Truncated, Code::BadAnswer),
        (Fault::WrongTypes, Code::BadAnswer),
        (Fault::Enormous, Code::BadAnswer),
        (Fault::Garbage, Code::BadAnswer),
    ] {
        fake.set(fault.clone());
        fails(&format!("{kind} {fault:?}"), poll(&mut one).await, &[expected]);
    }
    fake.set(Fault::Limited(Some(7)));
    let told = fails(&format!("{kind} limited"), poll(&mut one).await, &[Code::Limited]);
    assert_eq!(told.retry_after, Some(Duration::from_secs(7)), "{kind}: {told:?}");
    fake.set(Fault::None);
    let well = poll(&mut one).await.unwrap_or_else(|error| panic!("{kind} after trouble: {error:?}"));
    assert!(well.missing.is_empty() && !well.snapshots.is_empty(), "{kind} after trouble: {well:?}");

    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for nowhere in [format!("http://{closed}"), "http://nowhere.invalid".to_owned()] {
        let mut one = instance(kind, &format!("timeout = \"5s\"\n{}", toml(&nowhere)));
        fails(&format!("{kind} at {nowhere}"), poll(&mut one).await, &[Code::Unreachable]);
    }
}
