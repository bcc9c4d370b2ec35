//! Packages as people install them: made, installed, started, upgraded and purged under systemd.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code: a failure is the message")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use farol_tests::{
    docs::blocks,
    process::{agent_program, collector_program, project, target},
};
use tempfile::TempDir;

/// The version to which packages are upgraded: higher than any that is built.
const HIGHER: &str = "999.0.0";

/// The page whose commands are run.
const PAGE: &str = "docs/SYSTEMD.md";

/// The most that `systemd-analyze security` may say of a unit, in tenths.
const EXPOSURE_MAX: u32 = 15;

fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?} ended with {}:\n{said}{complained}", output.status);
    output
}

/// Makes packages into a folder.
fn build(into: &Path, version: Option<&str>) {
    let mut command = Command::new(project().join("packaging/build"));
    command.arg(into).env("FAROL_AGENT_BIN", agent_program()).env("FAROL_COLLECTOR_BIN", collector_program());
    command.env("CARGO_TARGET_DIR", target());
    run(version.iter().fold(&mut command, |command, version| command.env("FAROL_PACKAGE_VERSION", version)));
}

/// The packages of this commit, made once.
fn packages() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = target().join("packages");
        // Of an earlier version, if there are any.
        drop(fs::remove_dir_all(&folder));
        build(&folder, None);
        folder
    })
}

fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = all.filter(|path| path.to_string_lossy().ends_with(suffix)).collect();
    found.sort();
    assert!(!found.is_empty(), "no {suffix} in {}", folder.display());
    found
}

/// The folder that a machine finds as /t: packages, the page's commands, and what to do with them.
fn errand(script: &Path) -> TempDir {
    let folder = TempDir::new().unwrap();
    let made = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    let copy = |from: &Path, to: &Path| {
        fs::copy(from, to.join(from.file_name().unwrap())).unwrap();
    };
    let (first, upgrade, tar, page) = (made("first"), made("upgrade"), made("tar"), made("page"));
    files(packages(), ".deb").iter().for_each(|file| copy(file, &first));
    files(packages(), ".tar.gz").iter().for_each(|file| copy(file, &tar));
    let higher = TempDir::new().unwrap();
    build(higher.path(), Some(HIGHER));
    files(higher.path(), ".deb").iter().for_each(|file| copy(file, &upgrade));
    fs::write(upgrade.join("version"), HIGHER).unwrap();
    for block in blocks(PAGE, "systemd") {
        assert!(!block.note.is_empty(), "{PAGE}:{}: the block has no name for tests/packages/life.sh", block.line);
        fs::write(page.join(&block.note), &block.text).unwrap();
    }
    fs::copy(project().join("tests/packages/life.sh"), folder.path().join("life.sh")).unwrap();
    fs::copy(script, folder.path().join("run")).unwrap();
    folder
}

/// The root file system of container and guest.
fn root() -> PathBuf {
    let root = target().join("guest/packages-root");
    run(Command::new(project().join("tests/packages/root")).arg(&root));
    root
}

#[test]
fn packages_made_twice_are_the_same_bytes() {
    let again = TempDir::new().unwrap();
    build(again.path(), None);
    let names = |folder: &Path| -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into()).collect();
        all.sort();
        all
    };
    assert_eq!(names(packages()), names(again.path()));
    for name in names(packages()) {
        let same = fs::read(packages().join(&name)).unwrap() == fs::read(again.path().join(&name)).unwrap();
        assert!(same, "{} differs when it is made a second time", name.display());
    }
}

#[test]
fn lintian_has_nothing_to_say() {
    let mut command = Command::new("lintian");
    let output = run(command.args(["--allow-root", "--fail-on", "error,warning"]).args(files(packages(), ".deb")));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}

#[test]
fn units_are_right_and_hardened() {
    let folder = TempDir::new().unwrap();
    for (name, program) in [("farol-agent", agent_program()), ("farol-collector", collector_program())] {
        let unit = project().join(format!("systemd/{name}.service"));
        let text = fs::read_to_string(&unit).unwrap();
        // It is not installed here, and a program that is not there would be a fault.
        let here = folder.path().join(format!("{name}.service"));
        fs::write(&here, text.replace(&format!("/usr/bin/{name}"), program.to_str().unwrap())).unwrap();
        let output = run(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&here));
        let said = [output.stdout, output.stderr].concat();
        assert!(said.is_empty(), "{name}: {}", String::from_utf8_lossy(&said));
        let threshold = format!("--threshold={EXPOSURE_MAX}");
        run(Command::new("systemd-analyze").args(["security", "--offline=true", "--no-pager", &threshold]).arg(&unit));
    }
}

#[test]
fn rpm_packages_are_whole_and_hold_what_the_deb_packages_hold() {
    for rpm in files(packages(), ".rpm") {
        let folder = TempDir::new().unwrap();
        let (by_rpm, by_deb) = (folder.path().join("rpm"), folder.path().join("deb"));
        fs::create_dir_all(by_rpm.join("var/lib/rpm")).unwrap();
        let checked = run(Command::new("rpm").args(["-K", "--nosignature"]).arg(&rpm));
        assert!(String::from_utf8_lossy(&checked.stdout).contains("digests OK"), "{checked:?}");
        let options = ["--dbpath", "/var/lib/rpm", "--nodeps", "--noscripts", "-i"];
        run(Command::new("rpm").arg("--root").arg(&by_rpm).args(options).arg(&rpm));
        let name = rpm.file_name().unwrap().to_string_lossy().into_owned();
        let wanted = if name.starts_with("farol-agent") { "farol-agent_" } else { "farol-collector_" };
        let deb = files(packages(), ".deb").into_iter().find(|path| path.to_string_lossy().contains(wanted)).unwrap();
        run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&by_deb));
        fs::remove_dir_all(by_rpm.join("var")).unwrap();
        run(Command::new("diff").arg("-r").args([&by_deb, &by_rpm]));
    }
}

#[test]
fn the_life_of_the_packages_under_systemd_in_a_container_is_as_the_page_tells_it() {
    let folder = errand(&project().join("tests/packages/life.sh"));
    let output = run(Command::new(project().join("tests/packages/nspawn")).arg(root()).arg(folder.path()));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    eprintln!("{said}");
    assert!(said.contains("LIFE-COMPLETE"), "the script ended before its end:\n{said}");
    let names = blocks(PAGE, "systemd").into_iter().map(|block| block.note);
    let left: Vec<String> = names.filter(|name| !said.contains(&format!("== page: {name}\n"))).collect();
    assert!(left.is_empty(), "blocks of {PAGE} that nobody ran: {left:?}");
}

#[test]
fn a_machine_with_every_controller_knows_its_services_and_reboots_without_loss() {
    let folder = errand(&project().join("tests/packages/guest.sh"));
    let output = run(Command::new(project().join("tests/packages/guest")).arg(root()).arg(folder.path()));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    eprintln!("{said}");
    assert!(said.contains("LIFE-COMPLETE"), "the script ended before its end:\n{said}");
}

#[test]
fn the_installer_says_what_it_does_refuses_what_is_damaged_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    run(Command::new("tar").arg("-xzf").arg(&files(packages(), ".tar.gz")[0]).arg("-C").arg(folder.path()));
    let unpacked = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let image = folder.path().join("image");
    fs::create_dir(&image).unwrap();
    let installer = |arguments: &[&str]| {
        let mut command = Command::new("sh");
        command.arg(unpacked.join("install.sh")).arg("--root").arg(&image).args(arguments);
        command
    };
    let is_empty = || fs::read_dir(&image).unwrap().next().is_none();

    let said = run(&mut installer(&["--dry-run", "agent", "collector"])).stdout;
    assert!(String::from_utf8_lossy(&said).contains("/usr/local/bin/farol-agent"));
    assert!(is_empty(), "--dry-run wrote something");

    run(&mut installer(&["--prefix", "/opt/farol", "agent"]));
    let unit = fs::read_to_string(image.join("etc/systemd/system/farol-agent.service")).unwrap();
    assert!(unit.contains("\nExecStart=/opt/farol/bin/farol-agent\n"), "{unit}");
    assert!(!image.join("opt/farol/bin/farol-collector").exists(), "it was not asked for");
    run(&mut installer(&["--prefix", "/opt/farol", "--uninstall"]));
    assert!(image.join("etc/farol/agent.toml").exists(), "settings are kept");
    run(&mut installer(&["--prefix", "/opt/farol", "agent"]));
    run(&mut installer(&["--prefix", "/opt/farol", "--uninstall", "--purge"]));
    let left = run(Command::new("find").arg(&image).args(["-type", "f"])).stdout;
    assert_eq!(String::from_utf8_lossy(&left), "");

    fs::write(unpacked.join("bin/farol-agent"), "something else").unwrap();
    let output = installer(&["--prefix", "/opt/other", "agent"]).output().unwrap();
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("damaged"), "{output:?}");
    assert!(!image.join("opt/other").exists(), "a damaged program was installed");
    assert_eq!(installer(&[]).output().unwrap().status.code(), Some(64), "nothing was asked for");
}
