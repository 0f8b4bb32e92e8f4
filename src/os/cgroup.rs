//! CPU time and memory of a control group: a container, a service, or whatever else runs in one.
//!
//! Both versions (`cgroups(7)`), and the hybrid of them, in which CPU time and memory are in trees
//! of the first version.

use crate::os::activity::{ActivityReading, or_why};
use crate::os::process_group::Usage;
use crate::record::{ProcessActivity, Uncounted};
use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Where control groups are mounted.
pub(super) const MOUNT: &str = "/sys/fs/cgroup";
/// The unit of `cpuacct.stat`: Linux has 100 ticks a second for its users.
const TICK_NS: u64 = 10_000_000;
/// Folders of the first version that may have the CPU time.
const CPU_FOLDERS: [&str; 3] = ["cpuacct", "cpu,cpuacct", "cpuacct,cpu"];
/// The folder of the first version that has the memory.
const MEMORY_FOLDER: &str = "memory";
/// The folder of the second version in a hybrid.
const UNIFIED_FOLDER: &str = "unified";

/// A control group whose CPU time can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ControlGroup {
    cpu: CpuFile,
    /// The folder with its memory, if that is counted.
    memory: Option<PathBuf>,
}

/// The file with the CPU time.
#[derive(Debug, Clone, PartialEq, Eq)]
enum CpuFile {
    /// Nanoseconds alone: `cpuacct.usage` of the first version.
    Nanoseconds(PathBuf),
    /// The line `usage_usec` of `cpu.stat`.
    Stat(PathBuf),
}

impl ControlGroup {
    /// Finds a group by its path as `/proc/PID/cgroup` has it, such as
    /// `/system.slice/nginx.service`, or by its folder.
    ///
    /// # Errors
    /// If there is no such group, or it is the one of the whole machine.
    pub(crate) fn find(path: &str) -> io::Result<ControlGroup> {
        find_below(path, Path::new(MOUNT))
    }

    /// Finds the group that a process is in.
    ///
    /// # Errors
    /// If there is no such process, or its group is the one of the whole machine.
    pub(crate) fn of_process(pid: u32) -> io::Result<ControlGroup> {
        let lines = std::fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
        of_lines(&lines, Path::new(MOUNT))
    }

    /// Returns what the group has used so far, and what it holds now: 0 bytes if its memory is not
    /// counted.
    ///
    /// # Errors
    /// If a file cannot be read, as after the group's end.
    pub(super) fn usage(&self) -> io::Result<Usage> {
        let cpu_ns = match &self.cpu {
            CpuFile::Nanoseconds(file) => number(file)?,
            CpuFile::Stat(file) => field(file, "usage_usec")?.saturating_mul(1_000),
        };
        let resident = self.memory.as_deref().map_or(Ok(0), used_memory)?;
        Ok(Usage { cpu_ns, resident, ..Usage::default() })
    }

    /// Returns what the group has done so far: its CPU time in user mode and in the kernel, and page
    /// faults if its memory is counted.
    pub(super) fn activity(&self) -> ActivityReading {
        let mut activity = ProcessActivity::absent(Uncounted::ControlGroup);
        let (file, names, unit_ns) = match &self.cpu {
            CpuFile::Stat(file) => (file.clone(), ["user_usec", "system_usec"], 1_000),
            CpuFile::Nanoseconds(file) => {
                (file.with_file_name("cpuacct.stat"), ["user", "system"], TICK_NS)
            }
        };
        let ns = |name: &str| field(&file, name).map(|units| units.saturating_mul(unit_ns));
        activity.cpu_ns = or_why(ns(names[0]).and_then(|user| Ok((user, ns(names[1])?))));
        if let Some(folder) = &self.memory {
            let stat = folder.join("memory.stat");
            // With the groups below it, in the first version by a name of its own.
            let of =
                |second: &str, first: &str| field(&stat, first).or_else(|_| field(&stat, second));
            let faults = || {
                let all = of("pgfault", "total_pgfault")?;
                let major = of("pgmajfault", "total_pgmajfault")?;
                Ok((u64::saturating_sub(all, major), major))
            };
            activity.page_faults = or_why(faults());
        }
        ActivityReading { activity, threads: BTreeSet::new() }
    }

    /// Whether it has a controller for memory.
    pub(super) fn counts_memory(&self) -> bool {
        self.memory.is_some()
    }

    /// Its folder.
    pub(super) fn folder(&self) -> &Path {
        let (CpuFile::Nanoseconds(file) | CpuFile::Stat(file)) = &self.cpu;
        file.parent().unwrap_or(file)
    }
}

/// Returns the bytes that a group's processes and the kernel hold for it: without the page cache,
/// which is free for whoever needs it.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn used_memory(folder: &Path) -> io::Result<u64> {
    let second = folder.join("memory.current");
    let stat = folder.join("memory.stat");
    let cached = |names: [&str; 2]| names.map(|name| field(&stat, name).unwrap_or(0)).iter().sum();
    let (all, cached): (u64, u64) = if second.is_file() {
        (number(&second)?, cached(["inactive_file", "active_file"]))
    } else {
        // With the groups below it, as `usage_in_bytes`.
        let cached = cached(["total_inactive_file", "total_active_file"]);
        (number(&folder.join("memory.usage_in_bytes"))?, cached)
    };
    Ok(all.saturating_sub(cached))
}

fn find_below(path: &str, mount: &Path) -> io::Result<ControlGroup> {
    let given = Path::new(path);
    let name = given.strip_prefix(mount).map_or(given, |below| below_hierarchy(below, mount));
    let name = name.strip_prefix("/").unwrap_or(name);
    if name.as_os_str().is_empty() {
        return Err(whole_machine());
    }
    if name.components().any(|part| part == Component::ParentDir) {
        return Err(io::Error::other(format!(
            "{path:?} has a \"..\": it is not visible from here"
        )));
    }
    let at = |folder: &str| mount.join(folder).join(name);
    second_version(&mount.join(name))
        .or_else(|| first_version(CPU_FOLDERS.map(at), at(MEMORY_FOLDER)))
        .or_else(|| second_version(&at(UNIFIED_FOLDER)))
        .or_else(|| second_version(given))
        .or_else(|| first_version([given.to_owned()], given.to_owned()))
        .ok_or_else(|| {
            let mount = mount.display();
            let why = format!(
                "there is no control group {path:?} below {mount}: write its path as \
                 /proc/PID/cgroup shows it"
            );
            io::Error::new(io::ErrorKind::NotFound, why)
        })
}

/// Leaves out the name of a hierarchy, as in `memory/system.slice`.
fn below_hierarchy<'p>(below: &'p Path, mount: &Path) -> &'p Path {
    let mut parts = below.components();
    let hierarchy = parts.next().map(|first| mount.join(first));
    // The root of one has these files too.
    let known = ["cpuacct.usage", "memory.usage_in_bytes"];
    let is_hierarchy = hierarchy.is_some_and(|folder| {
        known.iter().any(|file| folder.join(file).is_file()) || folder.ends_with(UNIFIED_FOLDER)
    });
    if is_hierarchy { parts.as_path() } else { below }
}

/// Reads a process's groups: a line for each hierarchy, `4:memory:/x`, or `0::/x` of the second
/// version.
pub(super) fn of_lines(lines: &str, mount: &Path) -> io::Result<ControlGroup> {
    let path = |controller: &str| {
        lines.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let controllers = parts.next()?;
            let path = parts.next()?;
            let found = controllers.split(',').any(|name| name == controller);
            // The root is the whole machine, and what is above cannot be seen.
            let name = path.strip_prefix('/').filter(|name| !name.is_empty());
            name.filter(|name| found && !name.starts_with("..")).map(PathBuf::from)
        })
    };
    let at = |folder: &str, name: &Path| mount.join(folder).join(name);
    let first = path("cpuacct").and_then(|cpu| {
        let memory = path("memory").map(|memory| at(MEMORY_FOLDER, &memory));
        first_version(CPU_FOLDERS.map(|folder| at(folder, &cpu)), memory.unwrap_or_default())
    });
    let second = || {
        let name = path("")?;
        second_version(&mount.join(&name)).or_else(|| second_version(&at(UNIFIED_FOLDER, &name)))
    };
    first.or_else(second).ok_or_else(whole_machine)
}

fn second_version(folder: &Path) -> Option<ControlGroup> {
    let stat = folder.join("cpu.stat");
    field(&stat, "usage_usec").ok()?;
    let memory = folder.join("memory.current").is_file().then(|| folder.to_owned());
    Some(ControlGroup { cpu: CpuFile::Stat(stat), memory })
}

fn first_version(cpu: impl IntoIterator<Item = PathBuf>, memory: PathBuf) -> Option<ControlGroup> {
    let mut files = cpu.into_iter().map(|folder| folder.join("cpuacct.usage"));
    let file = files.find(|file| file.is_file())?;
    let memory = memory.join("memory.usage_in_bytes").is_file().then_some(memory);
    Some(ControlGroup { cpu: CpuFile::Nanoseconds(file), memory })
}

fn whole_machine() -> io::Error {
    io::Error::other("its control group is the one of the whole machine")
}

/// Reads a file that holds one number.
fn number(file: &Path) -> io::Result<u64> {
    let text = std::fs::read_to_string(file)?;
    text.trim().parse().map_err(|_| io::Error::other(format!("{} has no number", file.display())))
}

/// Reads a line of a file of names and numbers.
fn field(file: &Path, name: &str) -> io::Result<u64> {
    let text = std::fs::read_to_string(file)?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value
        .and_then(|value| value.trim().parse().ok())
        .ok_or_else(|| io::Error::other(format!("{} has no {name}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::KernelCounts;
    use std::fs;

    fn write(root: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let file = root.join(name);
            fs::create_dir_all(file.parent().expect("it has a folder")).expect("it can be made");
            fs::write(file, text).expect("it can be written");
        }
    }

    /// As Linux 6.1 writes them.
    const STAT: &str = "usage_usec 1500\nuser_usec 900\nsystem_usec 600\nnr_periods 0\n";
    const MEMORY: &str =
        "anon 4000\nfile 700\ninactive_file 500\nactive_file 200\npgfault 30\npgmajfault 2\n";
    const FIRST_MEMORY: &str =
        "cache 9\ninactive_file 1\ntotal_inactive_file 500\ntotal_active_file 200\n";

    #[test]
    fn the_second_version_without_its_page_cache() {
        let root = tempfile::tempdir().expect("a folder");
        write(
            root.path(),
            &[
                ("cpu.stat", STAT),
                ("a.slice/b/cpu.stat", STAT),
                ("a.slice/b/memory.current", "10000\n"),
                ("a.slice/b/memory.stat", MEMORY),
                ("c/cpu.stat", STAT),
            ],
        );
        let expected = Usage { cpu_ns: 1_500_000, resident: 9_300, processes: 0 };
        let folder = root.path().join("a.slice/b").display().to_string();
        for path in ["/a.slice/b", "a.slice/b", &folder] {
            let group = find_below(path, root.path()).expect("it is there");
            assert_eq!(group.usage().expect("it can be read"), expected);
            assert!(group.folder().ends_with("a.slice/b"));
        }
        let group = of_lines("0::/a.slice/b\n", root.path()).expect("it is there");
        assert_eq!(group.usage().expect("it can be read"), expected);
        let activity = group.activity().activity;
        assert_eq!(activity.cpu_ns, KernelCounts::Known(900_000, 600_000));
        assert_eq!(activity.page_faults, KernelCounts::Known(28, 2));
        assert_eq!(activity.io_calls, KernelCounts::Absent(Uncounted::ControlGroup));
        // Without the controller of memory.
        assert!(group.counts_memory());
        let group = find_below("/c", root.path()).expect("it is there");
        assert!(!group.counts_memory());
        assert_eq!(group.usage().expect("it can be read").resident, 0);
        fs::remove_file(root.path().join("c/cpu.stat")).expect("it was there");
        assert!(group.usage().is_err());
    }

    #[test]
    fn the_first_version_has_a_folder_for_each_controller() {
        let root = tempfile::tempdir().expect("a folder");
        write(
            root.path(),
            &[
                ("cpu,cpuacct/cpuacct.usage", "1\n"),
                ("cpu,cpuacct/docker/x/cpuacct.usage", "77\n"),
                ("cpu,cpuacct/docker/x/cpuacct.stat", "user 3\nsystem 2\n"),
                ("memory/memory.usage_in_bytes", "1\n"),
                ("memory/docker/x/memory.usage_in_bytes", "10000\n"),
                ("memory/docker/x/memory.stat", FIRST_MEMORY),
                ("unified/docker/x/cpu.stat", STAT),
            ],
        );
        let expected = Usage { cpu_ns: 77, resident: 9_300, processes: 0 };
        let folder = root.path().join("memory/docker/x").display().to_string();
        for path in ["/docker/x", &folder] {
            let group = find_below(path, root.path()).expect("it is there");
            assert_eq!(group.usage().expect("it can be read"), expected, "{path}");
        }
        let lines = "5:memory:/docker/x\n2:cpu,cpuacct:/docker/x\n0::/docker/x\n";
        let group = of_lines(lines, root.path()).expect("it is there");
        assert_eq!(group.usage().expect("it can be read"), expected);
        let activity = group.activity().activity;
        assert_eq!(activity.cpu_ns, KernelCounts::Known(30_000_000, 20_000_000));
        // Its file has no page faults.
        assert_eq!(activity.page_faults, KernelCounts::Absent(Uncounted::System));
        // All other programs of the machine have their memory here.
        let lines = "5:memory:/\n2:cpu,cpuacct:/docker/x\n0::/\n";
        let group = of_lines(lines, root.path()).expect("it is there");
        assert_eq!(group.usage().expect("it can be read").resident, 0);
    }

    #[test]
    fn what_is_no_group_of_its_own_is_refused() {
        let root = tempfile::tempdir().expect("a folder");
        write(root.path(), &[("cpu.stat", STAT)]);
        let why = |path: &str| find_below(path, root.path()).unwrap_err().to_string();
        assert!(why("/").contains("whole machine"));
        assert!(why(&root.path().display().to_string()).contains("whole machine"));
        assert!(why("/none").contains("there is no control group \"/none\""));
        assert!(why("/a/../..").contains("not visible"));
        for lines in ["0::/\n", "", "2:cpuacct:/\n4:memory:/x\n", "0::/../x\n", "x"] {
            assert!(of_lines(lines, root.path()).is_err(), "{lines:?}");
        }
    }

    #[test]
    fn page_cache_is_not_used_memory() {
        let root = tempfile::tempdir().expect("a folder");
        let plain = [("memory.current", "104857600"), ("memory.stat", "inactive_file 10485760\n")];
        write(root.path(), &plain);
        assert_eq!(used_memory(root.path()).expect("it can be read"), 94_371_840);
        let cached =
            [("memory.current", "2040109465"), ("memory.stat", "inactive_file 1987000000\n")];
        write(root.path(), &cached);
        assert_eq!(used_memory(root.path()).expect("it can be read"), 53_109_465);
    }
}
