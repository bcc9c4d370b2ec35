//! The cgroup file systems: which of them can be seen, and where the directories of a group are.
//!
//! Layouts differ: version 1 with one tree a controller (joined like `cpu,cpuacct` or not), version 2 with one tree for
//! all, both at once (hybrid, where version 2 may have no controllers), each of them seen whole or from inside a
//! namespace. So nothing is found by name: `mountinfo` says which part of which tree lies where, `/proc/PID/cgroup` says
//! where the process is, and the path of one is taken off the other.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::mounts::Mount;

pub(super) mod group;
pub(super) mod limits;
pub(super) mod own;
mod parse;

/// Deepest level of a tree that is searched for a group; systemd, Kubernetes and nesting together stay below it.
pub(super) const DEPTH_MAX: usize = 10;

/// Most directories that one search or scan looks at.
pub(super) const DIRECTORIES_MAX: usize = 4_096;

/// Version of the cgroup interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// One tree a controller.
    V1,
    /// One tree for all.
    V2,
}

impl Version {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}

/// One cgroup tree with every place where it is mounted.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) version: Version,
    /// Controllers of a version 1 tree, or its `name=`; empty for version 2.
    pub(super) controllers: Vec<String>,
    mounts: Vec<Visible>,
}

/// A part of a tree that can be seen.
#[derive(Debug, Clone)]
struct Visible {
    /// Where.
    top: PathBuf,
    /// The group at that place, as this process' namespace calls it.
    root: String,
    /// Whether that group is the root of the whole tree.
    is_whole: bool,
}

/// Directory of one group in one tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dir {
    pub(super) version: Version,
    /// The directory.
    pub(super) path: PathBuf,
    /// How far up the tree can be seen.
    pub(super) top: PathBuf,
    /// The group's path, for people.
    pub(super) name: String,
    /// Whether the tree can be seen up to its root.
    pub(super) is_whole: bool,
}

impl Dir {
    /// The directory and those above it, up to where the tree can be seen, innermost first, each with its name.
    pub(super) fn upwards(&self) -> impl Iterator<Item = (&Path, &str)> {
        let mut name = self.name.as_str();
        self.path.ancestors().take_while(|path| path.starts_with(&self.top)).map(move |path| {
            let this = name;
            name = match name.rsplit_once('/') {
                Some(("", _)) | None => "/",
                Some((above, _)) => above,
            };
            (path, this)
        })
    }

    /// The group above, when it can be seen.
    fn parent(&self) -> Option<Self> {
        let (path, name) = self.upwards().nth(1)?;
        Some(Self { path: path.to_owned(), name: name.to_owned(), ..self.clone() })
    }
}

/// The directories of one group in all trees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Group {
    v1: Vec<(Vec<String>, Dir)>,
    v2: Option<Dir>,
}

impl Group {
    /// The directory whose files a controller has. With version 1 beside it, version 2 is asked for what is left.
    pub(super) fn dir(&self, controller: &str) -> Option<&Dir> {
        let v1 = self.v1.iter().find(|(controllers, _)| controllers.iter().any(|name| name == controller));
        v1.map(|(_, dir)| dir).or(self.v2.as_ref())
    }

    /// The directory in the version 2 tree.
    pub(super) fn v2(&self) -> Option<&Dir> {
        self.v2.as_ref()
    }

    /// Whether there is any directory.
    pub(super) fn is_empty(&self) -> bool {
        self.v1.is_empty() && self.v2.is_none()
    }

    /// The directories in order of what they tell about the group.
    pub(super) fn main(&self) -> Option<&Dir> {
        self.dir("memory").or_else(|| self.dir("cpuacct"))
    }

    /// A system container's init moves itself into `init.scope`; what is meant is the group above.
    pub(super) fn without_init_scope(mut self) -> (Self, bool) {
        let mut is_system = false;
        for dir in self.v1.iter_mut().map(|(_, dir)| dir).chain(&mut self.v2) {
            if dir.path.file_name().is_some_and(|name| name == "init.scope")
                && let Some(parent) = dir.parent()
            {
                *dir = parent;
                is_system = true;
            }
        }
        (self, is_system)
    }
}

/// All trees that can be seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Trees(Vec<Tree>);

impl Trees {
    /// Collects the trees from a mount table; `real` says where a mount point of that table is for this process, if it can
    /// be reached.
    pub(super) fn from_mounts(mounts: &[Mount], real: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let mut trees: Vec<Tree> = Vec::new();
        for mount in mounts {
            let (version, controllers) = match mount.kind.as_str() {
                "cgroup" => (Version::V1, controllers_of(&mount.options)),
                "cgroup2" => (Version::V2, Vec::new()),
                _ => continue,
            };
            let Some(top) = real(&mount.point).filter(|top| top.is_dir()) else { continue };
            let visible = Visible { is_whole: is_root(&top, version), top, root: mount.root.clone() };
            match trees.iter_mut().find(|tree| tree.version == version && tree.controllers == controllers) {
                Some(tree) => tree.mounts.push(visible),
                None => trees.push(Tree { version, controllers, mounts: vec![visible] }),
            }
        }
        Self(trees)
    }

    /// Whether no tree can be seen at all.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a tree that holds processes' groups can be seen from its root.
    pub(super) fn is_whole(&self) -> bool {
        self.0.iter().flat_map(|tree| &tree.mounts).any(|visible| visible.is_whole)
    }

    /// The groups of a process, from the text of its `cgroup` file.
    pub(super) fn locate(&self, membership: &str) -> Group {
        self.collect(|tree| {
            let path = path_in(membership, tree)?;
            tree.mounts.iter().find_map(|visible| visible.resolve(tree.version, path))
        })
    }

    /// Searches for the group of a process by the last part of its path, for when the path is told relative to a
    /// namespace that the mounts do not share.
    pub(super) fn search(&self, membership: &str) -> Group {
        self.collect(|tree| {
            let name = path_in(membership, tree)?.rsplit('/').next().filter(|name| !name.is_empty() && *name != "..")?;
            tree.mounts.iter().find_map(|visible| visible.search(tree.version, name))
        })
    }

    /// The uppermost visible group of each tree.
    pub(super) fn tops(&self) -> Group {
        self.collect(|tree| {
            let visible = tree.mounts.iter().find(|visible| visible.is_whole).or_else(|| tree.mounts.first())?;
            Some(visible.dir(tree.version, ""))
        })
    }

    /// The group at `below` (a path relative to the tops) in every tree that has it.
    pub(super) fn below_tops(&self, tops: &Group, below: &str) -> Group {
        let join = |dir: &Dir| {
            let path = dir.path.join(below);
            let name = format!("{}/{below}", dir.name.trim_end_matches('/'));
            path.is_dir().then(|| Dir { path, name, ..dir.clone() })
        };
        Group {
            v1: tops.v1.iter().filter_map(|(controllers, dir)| Some((controllers.clone(), join(dir)?))).collect(),
            v2: tops.v2.as_ref().and_then(join),
        }
    }

    fn collect(&self, find: impl Fn(&Tree) -> Option<Dir>) -> Group {
        let mut group = Group::default();
        for tree in &self.0 {
            match (tree.version, find(tree)) {
                (Version::V1, Some(dir)) => group.v1.push((tree.controllers.clone(), dir)),
                (Version::V2, Some(dir)) => group.v2 = Some(dir),
                (_, None) => {}
            }
        }
        group
    }
}

impl Visible {
    fn dir(&self, version: Version, below: &str) -> Dir {
        let name = format!("{}/{below}", self.root.trim_end_matches('/'));
        Dir {
            version,
            path: if below.is_empty() { self.top.clone() } else { self.top.join(below) },
            top: self.top.clone(),
            name: if name.len() > 1 { name.trim_end_matches('/').to_owned() } else { name },
            is_whole: self.is_whole,
        }
    }

    fn resolve(&self, version: Version, path: &str) -> Option<Dir> {
        let below = below(path, &self.root)?;
        Some(self.dir(version, below)).filter(|dir| dir.path.is_dir())
    }

    fn search(&self, version: Version, name: &str) -> Option<Dir> {
        let mut left = DIRECTORIES_MAX;
        let mut level = vec![String::new()];
        for _ in 0..DEPTH_MAX {
            let mut next = Vec::new();
            for at in level {
                for child in children(&self.top.join(&at), &mut left) {
                    let below = if at.is_empty() { child.clone() } else { format!("{at}/{child}") };
                    if child == name {
                        return Some(self.dir(version, &below));
                    }
                    next.push(below);
                }
            }
            level = next;
        }
        None
    }
}

/// Names of the groups directly below a group, at most `left` of them, which is counted down.
pub(super) fn children(dir: &Path, left: &mut usize) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let is_dir = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    let names = entries.flatten().filter(is_dir).filter_map(|entry| entry.file_name().into_string().ok());
    let names: Vec<String> = names.take(*left).collect();
    *left -= names.len();
    names
}

/// What is left of a group's path when the path of the group at a mount point is taken off; `None` when it is not below.
fn below<'a>(path: &'a str, root: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(root.trim_end_matches('/'))?;
    let below = if rest.is_empty() { rest } else { rest.strip_prefix('/')? };
    (!below.split('/').any(|part| part == "..")).then_some(below)
}

/// Whether a directory is the root of the whole tree: some files are in no other place, some in every other.
fn is_root(dir: &Path, version: Version) -> bool {
    match version {
        Version::V1 => dir.join("release_agent").exists(),
        Version::V2 => dir.join("cgroup.controllers").exists() && !dir.join("cgroup.type").exists(),
    }
}

fn controllers_of(options: &str) -> Vec<String> {
    const FLAGS: &[&str] = &["rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode", "favordynmods", "none"];
    let is_controller = |option: &&str| !FLAGS.contains(option) && !option.starts_with("release_agent=");
    options.split(',').filter(is_controller).map(str::to_owned).collect()
}

/// The path of a process in a tree, from the text of its `cgroup` file (`4:memory:/docker/ID`, `0::/`).
fn path_in<'a>(membership: &'a str, tree: &Tree) -> Option<&'a str> {
    membership.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let id = fields.next()?;
        let controllers = fields.next()?;
        let path = fields.next().filter(|path| path.starts_with('/'))?;
        let is_this = match tree.version {
            Version::V1 => tree.controllers.iter().any(|name| controllers.split(',').any(|other| other == name)),
            Version::V2 => id == "0" && controllers.is_empty(),
        };
        is_this.then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_mount_is_taken_off_the_path_of_the_group() {
        assert_eq!(below("/docker/a", "/"), Some("docker/a"));
        assert_eq!(below("/docker/a", "/docker/a"), Some(""));
        assert_eq!(below("/docker/a/b", "/docker/a"), Some("b"));
        assert_eq!(below("/docker/ab", "/docker/a"), None);
        assert_eq!(below("/", "/"), Some(""));
        assert_eq!(below("/../b", "/.."), Some("b"));
        assert_eq!(below("/../b", "/"), None, "above what is mounted");
        assert_eq!(below("/", "/docker/a"), None);
    }

    #[test]
    fn a_process_is_found_in_each_tree() {
        let tree = |version, names: &[&str]| Tree {
            version,
            controllers: names.iter().map(|name| (*name).to_owned()).collect(),
            mounts: Vec::new(),
        };
        let text = "9:name=systemd:/s\n4:memory:/m\n3:cpu,cpuacct:/c:d\n0::/u\n";
        assert_eq!(path_in(text, &tree(Version::V1, &["cpuacct", "cpu"])), Some("/c:d"));
        assert_eq!(path_in(text, &tree(Version::V1, &["name=systemd"])), Some("/s"));
        assert_eq!(path_in(text, &tree(Version::V2, &[])), Some("/u"));
        assert_eq!(path_in(text, &tree(Version::V1, &["pids"])), None);
        assert_eq!(path_in("garbage\n0::relative\n", &tree(Version::V2, &[])), None);
    }

    #[test]
    fn flags_are_not_controllers() {
        assert_eq!(controllers_of("rw,cpu,cpuacct"), ["cpu", "cpuacct"]);
        assert_eq!(controllers_of("rw,xattr,release_agent=/lib/x,name=systemd"), ["name=systemd"]);
    }

    #[test]
    fn going_up_ends_at_the_mount() {
        let dir =
            Dir { version: Version::V2, path: "/t/a/b".into(), top: "/t".into(), name: "/x/a/b".to_owned(), is_whole: false };
        let names: Vec<(String, &str)> = dir.upwards().map(|(path, name)| (path.display().to_string(), name)).collect();
        assert_eq!(names, [("/t/a/b".to_owned(), "/x/a/b"), ("/t/a".to_owned(), "/x/a"), ("/t".to_owned(), "/x")]);
    }
}
