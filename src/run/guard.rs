//! A process that ends a server which this program started, if this program is killed.
//!
//! It waits at the end of a pipe that this program has: the kernel closes it whatever ends this
//! program, SIGKILL included. A death signal of the kernel's (`PR_SET_PDEATHSIG`) would reach the
//! server's first process alone, and hangs on the thread that started it.

use crate::error::{Outcome, at};
use crate::os::{ProcessMark, Signal, group_alive, signal_group, signal_marked};
use std::io::{BufRead, Write, stdin};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

/// The hidden subcommand of the guard.
const COMMAND: &str = "guard";
/// The line that dismisses it.
const DISMISSED: &str = "dismissed";
/// How often it looks for processes that still run, and the time between.
const LOOKS: u32 = 100;
const BETWEEN: Duration = Duration::from_millis(20);

/// A guard over one server. If it is dropped, it is dismissed.
pub(crate) struct Guard {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Guard {
    /// Starts the guard over a process group, and all that has its mark.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn start(group: u32, mark: &ProcessMark) -> Outcome<Guard> {
        let program = std::env::current_exe().map_err(at("cannot find this program"))?;
        let mut command = Command::new(program);
        command.args([COMMAND, &group.to_string(), &mark.0]).stdin(Stdio::piped());
        // Ctrl-C at the terminal is not for it.
        command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut child = command.spawn().map_err(at("cannot start the guard over the server"))?;
        let stdin = child.stdin.take();
        Ok(Guard { child, stdin })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.stdin.take() {
            // It fails only if the guard is gone.
            let _ = writeln!(stdin, "{DISMISSED}");
        }
        let _ = self.child.wait();
    }
}

/// Waits until the guard is dismissed, or whoever started it is gone: then kills the group and all
/// processes with the mark.
pub(crate) fn run(group: u32, mark: &str) {
    let first = stdin().lock().lines().next();
    if matches!(first, Some(Ok(line)) if line == DISMISSED) {
        return;
    }
    for _ in 0..LOOKS {
        let alive = group_alive(group);
        if alive {
            signal_group(group, Signal::KILL);
        }
        if signal_marked(mark, Signal::KILL).is_empty() && !alive {
            return;
        }
        std::thread::sleep(BETWEEN);
    }
}
