//! The queue in a real directory: lock, modes, foreign files, restarts.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use super::{drain, fill, record, small};
use crate::{Options, RealDisk, Spool, SpoolError};

fn open(directory: &Path, options: Options) -> Spool<RealDisk> {
    Spool::open(options, Some(RealDisk::open(directory).unwrap())).unwrap().0
}

#[test]
fn a_second_agent_is_told_that_the_spool_is_in_use() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("a/spool");
    let first = RealDisk::open(&directory).unwrap();
    let error = RealDisk::open(&directory).unwrap_err();
    assert!(matches!(error, SpoolError::Locked { .. }));
    assert!(error.to_string().contains("a/spool"), "{error}");
    drop(first);
    assert!(RealDisk::open(&directory).is_ok());
}

#[test]
fn only_the_owner_may_look_inside() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("spool");
    let mut spool = open(&directory, small());
    fill(&mut spool, 1..=5);
    spool.flush();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    let files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 3, "lock, cursor and a segment: {files:?}");
    assert!(files.iter().all(|path| mode(path) == 0o600));
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    let error = RealDisk::open(&file.join("spool")).unwrap_err();
    assert!(error.to_string().contains("file/spool"), "{error}");
}

#[test]
fn batches_survive_restarts_and_foreign_files_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let roomy = Options { disk_max: 1 << 20, ..small() };
    for name in ["notes.txt", "1.seg", "000000000000000A.seg", "+00000000000000a.seg"] {
        fs::write(directory.path().join(name), "not a segment").unwrap();
    }
    let mut next = 1;
    for restart in 0..5 {
        let mut spool = open(directory.path(), roomy);
        fill(&mut spool, next..next + 100);
        next += 100;
        for seq in 1..=50 {
            assert_eq!(spool.front(), Some(&record(restart * 50 + seq)));
            spool.pop();
        }
        assert_eq!(spool.flush().batches, 0);
    }
    let mut spool = open(directory.path(), roomy);
    assert_eq!(drain(&mut spool), (251..next).collect::<Vec<_>>());
    assert_eq!(fs::read(directory.path().join("1.seg")).unwrap(), b"not a segment");
    let left = fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(left, 6, "lock, cursor and the foreign ones: a drained spool takes no room");
}
