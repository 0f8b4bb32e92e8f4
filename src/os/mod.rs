//! Everything that asks the operating system: clocks, random bytes, memory, limits, process and control
//! groups, scheduling class and cores, signals. Sockets and what waits for them are in `net`.
//!
//! Linux is supported in full; on other systems each function says what is missing.

mod activity;
mod address;
mod affinity;
mod any_text;
mod cgroup;
mod clock;
mod docker;
mod exhaustion;
mod files;
mod instructions;
mod kernel_sockets;
mod machine;
mod marked;
mod memory;
#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod perf_event;
mod pipes;
mod process_group;
mod random;
mod scheduling;
mod signal_group;
mod signals;
mod steal;
mod terminal;
mod usage;

pub(crate) use activity::own_activity;
pub(crate) use address::is_own_address;
pub(crate) use affinity::{allowed_cores, on_cores};
pub(crate) use any_text::read_any_text;
pub use clock::now_ns;
pub(crate) use clock::{process_cpu_ns, thread_cpu_ns, wall_ns};
pub(crate) use exhaustion::is_exhausted;
pub(crate) use files::{NoWriter, is_executable, lock, read_file};
pub(crate) use instructions::{InstructionCounter, own_instructions};
pub(crate) use kernel_sockets::{SocketReading, read_sockets};
pub use machine::{Conntrack, Machine};
pub(crate) use marked::{MARK_VARIABLE, ProcessMark, marked, signal_marked};
pub(crate) use memory::{describe, free_bytes, raise_open_files, resident_bytes};
pub(crate) use pipes::{open_pipe, write_ready};
pub(crate) use process_group::{group_alive, listeners};
pub(crate) use random::random_bytes;
pub(crate) use scheduling::set_batch_scheduling;
pub(crate) use signal_group::{Signal, signal_group};
pub(crate) use signals::{
    Caught, SignalWait, Signals, first_signal, outlive_file_size_limit, outlive_interrupts,
};
pub(crate) use steal::stolen_ns;
pub(crate) use terminal::terminal_width;
pub(crate) use usage::{MemoryOf, UsageOf};

/// Waits until something is so, a minute at most.
#[cfg(all(test, target_os = "linux", not(feature = "portable")))]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "not within a minute: {what}");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}
