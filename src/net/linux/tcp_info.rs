//! `TCP_INFO`: what the kernel counted for one connection.
//!
//! The structure is read as bytes at the offsets of `struct tcp_info` (`linux/tcp.h`), the same
//! from `getsockopt` and from `sock_diag`. An older kernel gives a shorter one, which is an error.

use crate::record::TcpReading;
use std::io;

/// The bytes up to `tcpi_bytes_retrans`, which Linux has since 4.19.
const NEEDED_BYTES: usize = 216;
/// `TCPI_OPT_TIMESTAMPS`.
const TIMESTAMPS: u8 = 1;
/// A state after this side's FIN (`enum` in `net/tcp_states.h`); the others are [`LAST_ACK`] and [`CLOSING`].
const FIN_WAIT_1: u8 = 4;
/// States after the peer's FIN (`enum` in `net/tcp_states.h`).
const TIME_WAIT: u8 = 6;
const CLOSE_WAIT: u8 = 8;
const LAST_ACK: u8 = 9;
const CLOSING: u8 = 11;

/// Reads a `struct tcp_info`.
///
/// # Errors
/// If the kernel's structure is too short to hold the byte counts (before Linux 4.19).
pub(crate) fn parse(info: &[u8], ipv6: bool) -> io::Result<TcpReading> {
    if info.len() < NEEDED_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!(
                "TCP_INFO has {} bytes; byte counts need {NEEDED_BYTES} (Linux 4.19)",
                info.len()
            ),
        ));
    }
    // Every socket has a state (from 1): a system that answers and knows nothing leaves it empty.
    if info.iter().all(|byte| *byte == 0) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "TCP_INFO is empty"));
    }
    // The slices have the right length by construction.
    let u32_at = |at: usize| u32::from_ne_bytes(info[at..at + 4].try_into().unwrap_or_default());
    let u64_at = |at: usize| u64::from_ne_bytes(info[at..at + 8].try_into().unwrap_or_default());
    let ip = if ipv6 { 40 } else { 20 };
    // The peer's FIN takes a place in the sequence and is counted as a byte received.
    let fin = u64::from(matches!(info[0], TIME_WAIT | CLOSE_WAIT | LAST_ACK | CLOSING));
    // So does this side's in what is to be sent, behind all else: it waits, too, if anything does.
    let unsent = u64::from(u32_at(144));
    let own_fin = u64::from(matches!(info[0], FIN_WAIT_1 | LAST_ACK | CLOSING)).min(unsent);
    let options = if info[5] & TIMESTAMPS != 0 { 12 } else { 0 };
    Ok(TcpReading {
        bytes_sent: u64_at(200),
        bytes_retrans: u64_at(208),
        bytes_unsent: unsent - own_fin,
        bytes_received: u64_at(128) - fin.min(u64_at(128)),
        fin_received: fin != 0,
        segs_out: u32_at(136),
        segs_in: u32_at(140),
        data_segs_out: u32_at(156),
        data_segs_in: u32_at(152),
        header_bytes: ip + 20 + options,
    })
}

/// Reads `TCP_INFO` of a socket, until two readings agree.
///
/// # Errors
/// From `getsockopt(2)`, or if this system has none.
#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub(crate) fn read(socket: std::os::fd::BorrowedFd<'_>, ipv6: bool) -> io::Result<TcpReading> {
    crate::net::linux::agreeing::until_two_agree(|| read_once(socket, ipv6))
}

#[cfg(all(target_os = "linux", not(feature = "portable")))]
#[allow(unsafe_code)]
fn read_once(socket: std::os::fd::BorrowedFd<'_>, ipv6: bool) -> io::Result<TcpReading> {
    use std::os::fd::AsRawFd;
    let mut info = [0u8; 280];
    let mut len = info.len() as libc::socklen_t;
    // SAFETY: the descriptor is open for as long as `socket` is borrowed; the kernel writes at most
    // `len` bytes into `info` and says in `len` how many they were.
    let code = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &mut len,
        )
    };
    if code != 0 {
        return Err(io::Error::last_os_error());
    }
    parse(&info[..(len as usize).min(info.len())], ipv6)
}

/// # Errors
/// Always.
#[cfg(any(not(target_os = "linux"), feature = "portable"))]
pub(crate) fn read(_socket: std::os::fd::BorrowedFd<'_>, _ipv6: bool) -> io::Result<TcpReading> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "TCP_INFO with byte counts needs Linux"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_structure_is_refused() {
        assert!(parse(&[0; 104], false).unwrap_err().to_string().contains("4.19"));
        assert!(parse(&[0; 280], false).unwrap_err().to_string().contains("empty"));
    }

    #[test]
    fn fields_are_read_where_linux_puts_them() {
        let mut info = [0u8; 280];
        info[5] = TIMESTAMPS;
        info[128..136].copy_from_slice(&7u64.to_ne_bytes());
        info[136..140].copy_from_slice(&3u32.to_ne_bytes());
        info[200..208].copy_from_slice(&9u64.to_ne_bytes());
        let reading = parse(&info, false).unwrap();
        assert_eq!((reading.bytes_received, reading.segs_out, reading.bytes_sent), (7, 3, 9));
        assert_eq!(reading.header_bytes, 52);
    }

    #[test]
    fn the_end_of_either_side_is_no_byte() {
        let of = |state: u8, unsent: u32| {
            let mut info = [0u8; 280];
            info[0] = state;
            info[128..136].copy_from_slice(&7u64.to_ne_bytes());
            info[144..148].copy_from_slice(&unsent.to_ne_bytes());
            let reading = parse(&info, false).unwrap();
            (reading.bytes_unsent, reading.bytes_received)
        };
        // Open: both directions go on.
        assert_eq!(of(1, 5), (5, 7));
        // This side has ended, and its end waits behind what it had to say, or was sent.
        assert_eq!(of(FIN_WAIT_1, 5), (4, 7));
        assert_eq!(of(FIN_WAIT_1, 0), (0, 7));
        assert_eq!(of(CLOSE_WAIT, 5), (5, 6));
        assert_eq!(of(LAST_ACK, 5), (4, 6));
        assert_eq!(of(CLOSING, 1), (0, 6));
    }
}
