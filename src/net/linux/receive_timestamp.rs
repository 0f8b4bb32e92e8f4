//! `SO_TIMESTAMPNS`: when the kernel received the bytes of a read, by `CLOCK_REALTIME` (`socket(7)`,
//! Documentation/networking/timestamping.rst).
//!
//! TCP gives the time of the last segment that a read took bytes from; of segments that the kernel
//! has joined, that of the last one. It is taken below the protocols, before the bytes are queued.

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd};

/// Room for control messages: more than one timestamp takes, which is 32 bytes.
#[repr(align(16))]
struct ControlBuffer([u8; 64]);

/// Asks for a timestamp with every read.
///
/// # Errors
/// If the system has none.
pub(crate) fn ask(socket: &impl AsFd) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::ReceiveTimestampns, &true)?)
}

/// Asks for no more timestamps.
///
/// # Errors
/// If the system has none.
pub(crate) fn stop(socket: &impl AsFd) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::ReceiveTimestampns, &false)?)
}

/// Receives bytes into the beginning of `into`. Returns how many, and when the kernel received them,
/// in nanoseconds of `CLOCK_REALTIME`; `None` if it did not say.
///
/// # Errors
/// If the connection is gone, or nothing has come.
pub(crate) fn receive(socket: &impl AsFd, into: &mut [u8]) -> io::Result<(usize, Option<u64>)> {
    let mut control = ControlBuffer([0; 64]);
    let mut slices = [IoSliceMut::new(into)];
    let socket = socket.as_fd().as_raw_fd();
    let control = Some(&mut control.0[..]);
    let message = recvmsg::<()>(socket, &mut slices, control, MsgFlags::empty())?;
    // An error only if the room does not suffice.
    let mut times = message.cmsgs().into_iter().flatten().filter_map(|message| match message {
        ControlMessageOwned::ScmTimestampns(time) => {
            let s = u64::try_from(time.tv_sec()).ok()?;
            let ns = u64::try_from(time.tv_nsec()).ok()?;
            Some(s.saturating_mul(1_000_000_000).saturating_add(ns))
        }
        _ => None,
    });
    Ok((message.bytes, times.next()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallClock;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    /// The time of the last segment of a read, as this machine's kernel gives it.
    #[test]
    fn the_kernel_says_when_the_last_bytes_of_a_read_came() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut server = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (client, _) = listener.accept().unwrap();
        server.set_nodelay(true).unwrap();
        ask(&client).unwrap();
        let mut clock = WallClock::new();
        // The kernel begins to take times some moments after it was first asked.
        let began = Instant::now();
        loop {
            server.write_all(b"first").unwrap();
            std::thread::sleep(Duration::from_millis(30));
            server.write_all(b"last").unwrap();
            std::thread::sleep(Duration::from_millis(20));
            let mut into = [0; 64];
            let (len, received_ns) = receive(&client, &mut into).unwrap();
            assert_eq!(&into[..len], b"firstlast");
            if let Some(received_ns) = received_ns {
                let (now_ns, moment) = clock.now_and_moment_of(received_ns);
                let waited_ns = now_ns - moment.expect("nobody sets the clock");
                assert!(waited_ns >= 19_000_000, "{waited_ns}");
                // That of the first segment was 30 ms more, on a machine with time for us.
                assert!(waited_ns < 2_000_000_000, "{waited_ns}");
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(10), "no timestamp comes");
        }
    }

    #[test]
    fn what_a_read_without_timestamps_meets_is_the_same() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (client, _) = listener.accept().unwrap();
        ask(&client).unwrap();
        client.set_nonblocking(true).unwrap();
        let nothing = receive(&client, &mut [0; 8]).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        drop(server);
        client.set_nonblocking(false).unwrap();
        assert_eq!(receive(&client, &mut [0; 8]).unwrap().0, 0);
    }
}
