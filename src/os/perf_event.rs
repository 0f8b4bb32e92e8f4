//! `perf_event_open(2)`: a counter of a thread and of all that it starts afterwards.

use std::fs::File;
use std::io;
use std::os::fd::FromRawFd;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CountedEvent {
    /// Instructions in user mode, by the processor.
    Instructions,
    /// CPU nanoseconds, by the kernel itself, which every machine has.
    #[cfg(test)]
    TaskClock,
}

/// `struct perf_event_attr` as its first version has it, which every kernel takes.
#[repr(C)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    breakpoint_type: u32,
    breakpoint_address: u64,
}

/// What a reading has beside the count: how long it was wanted, and how long it ran.
const TIMES: u64 = 1 | 1 << 1;
/// Threads and processes that are started are counted too; the kernel and a hypervisor are not.
const FLAGS: u64 = INHERIT | 1 << 5 | 1 << 6;
const INHERIT: u64 = 1 << 1;
/// Programs that are started do not get the descriptor.
const CLOSE_ON_EXEC: libc::c_long = 1 << 3;

/// Opens a counter of a thread, which counts from now on.
///
/// # Errors
/// From `perf_event_open(2)`.
#[allow(unsafe_code)]
pub(super) fn open(event: CountedEvent, thread: i32) -> io::Result<File> {
    let (kind, config) = match event {
        CountedEvent::Instructions => (0, 1),
        #[cfg(test)]
        CountedEvent::TaskClock => (1, 1),
    };
    let attributes = Attributes {
        kind,
        size: size_of::<Attributes>() as u32,
        config,
        sample_period: 0,
        sample_type: 0,
        read_format: TIMES,
        // They are bit fields, whose order is that of bytes.
        flags: if cfg!(target_endian = "big") { FLAGS.reverse_bits() } else { FLAGS },
        wakeup_events: 0,
        breakpoint_type: 0,
        breakpoint_address: 0,
    };
    let every_cpu: libc::c_long = -1;
    let no_group: libc::c_long = -1;
    // SAFETY: the structure has the size that it states and outlives the call, which only reads it. A
    // descriptor that is returned is new and nobody else's.
    unsafe {
        let descriptor = libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            libc::c_long::from(thread),
            every_cpu,
            no_group,
            CLOSE_ON_EXEC,
        );
        match i32::try_from(descriptor) {
            Ok(descriptor) if descriptor >= 0 => Ok(File::from_raw_fd(descriptor)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}
