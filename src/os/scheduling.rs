//! `SCHED_BATCH`: more threads than cores take turns of milliseconds, not of single messages.
//!
//! With six driver and six server processes on two cores, every message that a server sends wakes
//! a driver, which under the normal policy may displace the sender at once; most of the machine
//! then goes into switching. A batch thread that wakes waits for the running one's slice to end
//! (`sched(7)`).

/// Asks for the batch policy, for this thread and those that it starts. A system that refuses
/// leaves the normal one, which works and is slower.
#[cfg(all(target_os = "linux", not(feature = "portable")))]
#[allow(unsafe_code)]
pub(crate) fn set_batch_scheduling() {
    // SAFETY: the structure is plain numbers, for which zero is valid, and outlives the call; pid
    // 0 is the calling thread.
    unsafe {
        let parameter: libc::sched_param = std::mem::zeroed();
        libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameter);
    }
}

/// Other systems have no such policy.
#[cfg(any(not(target_os = "linux"), feature = "portable"))]
pub(crate) fn set_batch_scheduling() {}
