//! The other pages with commands for one's own machine, each in its order on a machine of its own.

use farol_tests::docs::blocks;

use crate::machine::Machine;

/// The pages that are run here; [`crate::start`] runs the others.
pub(crate) const PAGES: &[&str] = &["docs/BACKUP.md", "docs/TROUBLESHOOTING.md"];

fn run(page: &str) {
    let mut machine = Machine::start();
    assert!(machine.say("mkdir farol-data").status.success());
    for block in &blocks(page, "machine") {
        machine.run(page, block);
    }
}

#[test]
fn a_backup_is_made_and_restored_as_the_page_says() {
    run("docs/BACKUP.md");
}

#[test]
fn what_to_look_at_when_something_is_wrong_can_be_looked_at() {
    run("docs/TROUBLESHOOTING.md");
}
