//! An application with the agent beside it: the figures against the kernel's, with every way of sharing.

use std::thread;

use farol_tests::{
    http::Client,
    wait::{now_ms, until},
};
use serde_json::Value;

use crate::{
    engine::{Engine, PYTHON, newest, wait_container},
    figures::{Kernel, MIB},
};

const APP: &str = "shop_app_1";
const SIDECAR: &str = "shop_farol_1";
const FILES: &[&str] = &["collector.yml", "sidecar.yml"];

/// An engine with the collector, an application and its sidecar, as the compose files start them.
fn start() -> (Engine, Client) {
    let engine = Engine::start();
    engine.agent_image();
    engine.collector_image();
    engine.stand_in(PYTHON);
    engine.compose(FILES, &[], &["up", "-d"]);
    let api = engine.api(8650);
    (engine, api)
}

/// Spins, is killed for want of memory, then holds forty mebibytes: in the application's container.
pub(crate) fn fare_badly(engine: &Engine, container: &str) {
    let python = |detached: bool, text: &str| {
        let mut words = vec!["docker", "exec", container, "python3", "-c", text];
        if detached {
            words.insert(2, "-d");
        }
        engine.attempt(&words)
    };
    let spin = "import time\nend = time.process_time() + 1.0\nwhile time.process_time() < end: pass";
    assert_eq!(python(false, spin).code, 0, "the spinning program");
    let killed = python(false, "b'x' * (400 << 20)");
    assert_eq!(killed.code, 137, "a program beyond the memory limit is killed: {}", killed.text);
    python(true, "import time; held = b'x' * (40 << 20); time.sleep(600)");
}

#[test]
fn a_sidecars_figures_are_the_kernels_for_the_application() {
    let (engine, mut api) = start();
    let id = engine.inspect(APP, "{{.Id}}");
    let resource = wait_container(&mut api, &id, true);
    assert_eq!((&resource["kind"], &resource["attributes"]["service.name"]), (&"container".into(), &"shop".into()), "{resource}");
    fare_badly(&engine, APP);
    let kernel = Kernel::of(&id);
    until("forty mebibytes to be held", || {
        let held = kernel.figure("container.memory.usage", "");
        if held > 40.0 * MIB { Ok(()) } else { Err(held.to_string()) }
    });
    assert!(kernel.figure("container.cpu.throttling.throttled_periods", "") > 0.0, "the program was not held back");
    assert!(kernel.figure("container.memory.oom_kills", "") >= 1.0, "nothing was killed");
    kernel.check_all(&mut api, &resource);
    let limit = until("the CPU limit", || newest(&mut api, &resource, "container.cpu.limit", "", 0));
    assert_eq!(limit.to_bits(), 0.5_f64.to_bits(), "half a CPU, as the compose file says");
    assert_eq!(kernel.figure("container.memory.limit", "").to_bits(), (128.0 * MIB).to_bits());
}
