//! A Docker engine of a test's own, with the images that the tests run.
//!
//! The thread that starts it enters its network: what it connects to and what it starts is in there with the containers.

use std::{
    fs::{self, File},
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{self, Command, Output, Stdio},
    sync::atomic::{AtomicU8, Ordering},
};

use farol_tests::{
    collector::{AGENT_TOKEN, PASSWORD},
    http::Client,
    process::{agent_program, collector_program, project, target},
    wait::{now_ms, until},
};
use nix::sched::{CloneFlags, setns};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Packages of this machine that stand for an image of a registry: its name and what it holds.
pub(crate) const PYTHON: (&str, &[&str]) = ("python:3.13-slim", &["python3"]);

/// A running engine; ended with all that is in it when dropped.
pub(crate) struct Engine {
    dir: PathBuf,
    /// A folder for files of the test; also the working directory of commands.
    pub(crate) work: TempDir,
}

/// A finished command.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) text: String,
}

impl Engine {
    /// Starts an engine, and enters its network with this thread.
    pub(crate) fn start() -> Self {
        static NUMBER: AtomicU8 = AtomicU8::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = target().join("containers").join(format!("{}-{number}", process::id()));
        fs::create_dir_all(&dir).unwrap();
        let engine = Self { dir, work: TempDir::new().unwrap() };
        engine.script("up");
        let network = File::open(engine.dir.join("net")).unwrap();
        setns(network, CloneFlags::CLONE_NEWNET).expect("entering a network needs root");
        engine
    }

    fn script(&self, action: &str) {
        let status = Command::new(project().join("tests/containers/engine")).arg(action).arg(&self.dir).status().unwrap();
        assert!(status.success(), "tests/containers/engine {action} {}: {status}", self.dir.display());
    }

    /// A command of this engine, such as `docker` or `docker-compose`, with the variables that the compose files want.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.bin().display());
        command.env_clear().env("PATH", path).env("HOME", self.work.path()).current_dir(self.work.path()).stdin(Stdio::null());
        command.env("DOCKER_HOST", format!("unix://{}", self.dir.join("docker.sock").display()));
        command.env("COMPOSE_PROJECT_NAME", "shop").env("FAROL_TOKEN", AGENT_TOKEN).env("FAROL_ADMIN_PASSWORD", PASSWORD);
        command.env("FAROL_COLLECTOR_URL", "http://collector:8650");
        command
    }

    /// A folder with `docker compose` in the way people have it, for Debian 12 has it under another name.
    fn bin(&self) -> PathBuf {
        let folder = self.work.path().join(".bin");
        let file = folder.join("docker");
        if !file.exists() {
            fs::create_dir_all(&folder).unwrap();
            let text = "#!/bin/sh\n# `docker compose` as Debian 12 has it.\n\
                        [ \"$1\" != compose ] || { shift; exec docker-compose \"$@\"; }\nexec /usr/bin/docker \"$@\"\n";
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    /// Runs a command to its end, whatever that is.
    pub(crate) fn attempt(&self, words: &[&str]) -> Done {
        let (program, rest) = words.split_first().unwrap();
        let Output { status, stdout, stderr } = self.command(program).args(rest).output().unwrap();
        let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
        Done { code: status.code().unwrap_or(-1), text }
    }

    /// Runs `docker` with words and returns what it printed on standard output, without the last line's end.
    pub(crate) fn docker(&self, words: &[&str]) -> String {
        let output = self.command("docker").args(words).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        assert!(output.status.success(), "docker {}: {text}{}", words.join(" "), String::from_utf8_lossy(&output.stderr));
        text
    }

    /// Starts the services of compose files of `packaging/compose`, with variables beside the usual ones.
    pub(crate) fn compose(&self, files: &[&str], variables: &[(&str, &str)], words: &[&str]) -> String {
        let mut command = self.command("docker-compose");
        for file in files {
            command.arg("-f").arg(project().join("packaging/compose").join(file));
        }
        let output = command.envs(variables.iter().copied()).args(words).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "docker-compose {files:?} {words:?}: {text}");
        text
    }

    /// A part of what `docker inspect` tells of a container.
    pub(crate) fn inspect(&self, container: &str, format: &str) -> String {
        self.docker(&["inspect", "-f", format, container])
    }

    /// Waits until `docker inspect` tells something of a container.
    pub(crate) fn wait_inspect(&self, container: &str, format: &str, wanted: &str) {
        until(&format!("{format} of {container} to be {wanted}"), || {
            let seen = self.inspect(container, format);
            if seen == wanted { Ok(()) } else { Err(format!("{seen}\n{}", self.docker(&["logs", "--tail", "20", container]))) }
        });
    }

    /// An image under the name of one of a registry, of packages that this machine has installed.
    pub(crate) fn stand_in(&self, (name, packages): (&str, &[&str])) {
        let kept = target().join("guest").join(format!("{}.tar", name.replace([':', '/'], "-")));
        fs::create_dir_all(kept.parent().unwrap()).unwrap();
        if !kept.exists() {
            let script = project().join("tests/containers/root");
            let status = Command::new(script).arg(&kept).args(packages).status().unwrap();
            assert!(status.success(), "the root file system of {packages:?}: {status}");
        }
        let kept = kept.display().to_string();
        self.docker(&["import", "-c", "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", &kept, name]);
    }

    /// Builds `farol/agent`.
    pub(crate) fn agent_image(&self) {
        self.own_image("agent", &agent_program());
    }

    /// Builds `farol/collector`.
    pub(crate) fn collector_image(&self) {
        self.own_image("collector", &collector_program());
    }

    /// Builds one of the images that ship. No registry can be reached, so that everything before the last stage, which
    /// compiles, is replaced by an image with what it would have left: the static program that `tests/run build` made.
    fn own_image(&self, name: &str, program: &Path) {
        let file = project().join("packaging/docker").join(format!("{name}.Dockerfile"));
        let text = fs::read_to_string(&file).unwrap();
        let last = text.find("FROM scratch\n").unwrap_or_else(|| panic!("{} has no last stage", file.display()));
        let context = TempDir::new().unwrap();
        let built = context.path().join("left");
        let put = |from: &Path, to: &str, mode: u32| {
            let to = built.join(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, &to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
            fs::set_permissions(&to, fs::Permissions::from_mode(mode)).unwrap();
        };
        put(program, &format!("built/usr/bin/farol-{name}"), 0o755);
        let certificates = "etc/ssl/certs/ca-certificates.crt";
        put(&Path::new("/").join(certificates), &format!("built/{certificates}"), 0o644);
        for (folder, mode) in [("built/var/lib/farol-agent", 0o1777), ("folder", 0o700)] {
            if folder == "folder" || name == "agent" {
                fs::create_dir_all(built.join(folder)).unwrap();
                fs::set_permissions(built.join(folder), fs::Permissions::from_mode(mode)).unwrap();
            }
        }
        fs::set_permissions(&built, fs::Permissions::from_mode(0o755)).unwrap();
        let archive = context.path().join("left.tar").display().to_string();
        let packed = Command::new("tar").args(["-C", &built.display().to_string(), "-cf", &archive, "."]).status().unwrap();
        assert!(packed.success());
        self.docker(&["import", &archive, "farol-built"]);
        fs::remove_dir_all(&built).unwrap();
        fs::remove_file(&archive).unwrap();
        fs::write(context.path().join("Dockerfile"), format!("FROM farol-built AS build\n{}", &text[last..])).unwrap();
        self.docker(&["build", "-q", "-t", &format!("farol/{name}"), &context.path().display().to_string()]);
    }

    /// Signs in at the collector that is published at this port, and returns a client for its API.
    pub(crate) fn api(&self, port: u16) -> Client {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let answer = until("the collector to let the administrator in", || {
            let body = json!({"username": "admin", "password": PASSWORD}).to_string();
            let sent =
                Client::new(address).send("POST", "/api/auth/login", &[("Content-Type", "application/json")], body.as_bytes());
            sent.map_err(|error| error.to_string()).and_then(|answer| {
                if answer.status == 200 { Ok(answer) } else { Err(answer.text()) }
            })
        });
        Client::new(address).bearer(answer.json()["token"].as_str().unwrap())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- containers ---\n{}", self.attempt(&["docker", "ps", "-a"]).text);
            for container in self.attempt(&["docker", "ps", "-aq"]).text.lines() {
                eprintln!("--- log of {container} ---\n{}", self.attempt(&["docker", "logs", "--tail", "30", container]).text);
            }
        }
        let ended = Command::new(project().join("tests/containers/engine")).arg("down").arg(&self.dir).status();
        if !ended.is_ok_and(|status| status.success()) {
            eprintln!("something of the engine in {} is left", self.dir.display());
        }
    }
}

/// The resource of a container's id, once the collector knows it; the one of an agent inside or beside it when `is_own`.
pub(crate) fn wait_container(api: &mut Client, id: &str, is_own: bool) -> Value {
    until(&format!("the container {id} to be known"), || {
        let all = api.json("/api/v1/resources");
        let found = all["resources"].as_array().unwrap().iter().find(|one| {
            one["attributes"]["container.id"] == id && one["parent"].is_null() == is_own
        });
        found.cloned().ok_or_else(|| all.to_string())
    })
}

/// The newest raw value of a series of a resource at or after a time, if one has come.
pub(crate) fn newest(api: &mut Client, resource: &Value, metric: &str, attribute: &str, from_ms: i64) -> Result<f64, String> {
    let id = &resource["id"];
    let path = format!("/api/v1/query?metric={metric}&resource={id}&from={from_ms}&to={}&aggregate=raw", now_ms() + 1_000);
    let answer = api.json(&path);
    let series = answer["series"].as_array().unwrap().iter().find(|one| {
        let mut values = one["attributes"].as_object().unwrap().values();
        attribute.is_empty() || values.any(|value| value == attribute)
    });
    let last = series.and_then(|series| series["points"].as_array()?.last()?.get(1)?.as_f64());
    last.ok_or_else(|| answer.to_string())
}
