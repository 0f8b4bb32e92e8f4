//! `sock_diag(7)`: the kernel's counts of a socket, found by its addresses.
//!
//! For clients whose sockets cannot be wrapped. It works only while the socket is open.

use crate::record::TcpReading;
use std::io;
use std::net::SocketAddr;

/// Asks the kernel about sockets; one a thread.
#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub(crate) struct SockDiag(std::os::fd::OwnedFd);

#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod layout {
    //! Offsets and numbers of `linux/netlink.h`, `linux/sock_diag.h` and `linux/inet_diag.h`.
    pub(crate) const HEADER: usize = 16;
    pub(crate) const REQUEST: usize = 56;
    pub(crate) const MESSAGE: usize = 72;
    pub(crate) const SOCK_DIAG_BY_FAMILY: u16 = 20;
    pub(crate) const NLM_F_REQUEST: u16 = 1;
    pub(crate) const NLMSG_ERROR: u16 = 2;
    pub(crate) const INET_DIAG_INFO: u16 = 2;
    pub(crate) const NO_COOKIE: [u8; 8] = [0xff; 8];
    pub(crate) const AF_INET: u8 = 2;
    pub(crate) const AF_INET6: u8 = 10;
    pub(crate) const IPPROTO_TCP: u8 = 6;
    /// Where an answer has the state of its socket.
    pub(crate) const STATE: usize = HEADER + 1;
    pub(crate) const FIN_WAIT_2: u8 = 5;
    pub(crate) const TIME_WAIT: u8 = 6;
}

#[cfg(all(target_os = "linux", not(feature = "portable")))]
impl SockDiag {
    /// Opens a netlink socket.
    ///
    /// # Errors
    /// If the kernel has no `NETLINK_SOCK_DIAG`.
    pub(crate) fn new() -> io::Result<SockDiag> {
        use rustix::net::{AddressFamily, SocketFlags, SocketType, netlink, socket_with};
        let fd = socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            Some(netlink::SOCK_DIAG),
        )?;
        Ok(SockDiag(fd))
    }

    /// The counts of the socket with these addresses, read until two readings agree as those of
    /// `TCP_INFO` are.
    ///
    /// # Errors
    /// `ENOENT` if there is no such socket any more.
    pub(crate) fn read(&self, local: SocketAddr, remote: SocketAddr) -> io::Result<TcpReading> {
        crate::net::linux::agreeing::until_two_agree(|| self.read_once(local, remote))
    }

    fn read_once(&self, local: SocketAddr, remote: SocketAddr) -> io::Result<TcpReading> {
        use rustix::net::{RecvFlags, SendFlags, recv, send};
        send(&self.0, &request(local, remote), SendFlags::empty())?;
        let mut answer = [0u8; 1024];
        let (_, len) = recv(&self.0, &mut answer[..], RecvFlags::empty())?;
        parse(&answer[..len.min(answer.len())], local.is_ipv6())
    }
}

#[cfg(all(target_os = "linux", not(feature = "portable")))]
fn request(local: SocketAddr, remote: SocketAddr) -> [u8; layout::HEADER + layout::REQUEST] {
    use layout::*;
    use std::net::IpAddr;
    let mut out = [0; HEADER + REQUEST];
    out[..4].copy_from_slice(&((HEADER + REQUEST) as u32).to_ne_bytes());
    out[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    out[6..8].copy_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    let body = &mut out[HEADER..];
    body[0] = if local.is_ipv6() { AF_INET6 } else { AF_INET };
    body[1] = IPPROTO_TCP;
    body[2] = 1 << (INET_DIAG_INFO - 1);
    body[4..8].copy_from_slice(&u32::MAX.to_ne_bytes());
    body[8..10].copy_from_slice(&local.port().to_be_bytes());
    body[10..12].copy_from_slice(&remote.port().to_be_bytes());
    let mut put = |at: usize, ip: IpAddr| match ip {
        IpAddr::V4(v4) => body[at..at + 4].copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => body[at..at + 16].copy_from_slice(&v6.octets()),
    };
    put(12, local.ip());
    put(28, remote.ip());
    body[48..56].copy_from_slice(&NO_COOKIE);
    out
}

/// Reads an answer of the kernel's.
///
/// # Errors
/// If it is an error or is cut; `ENOENT` if this side has closed the socket, of which the kernel keeps the
/// addresses and no counts.
#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub(crate) fn parse(answer: &[u8], ipv6: bool) -> io::Result<TcpReading> {
    use crate::net::linux::tcp_info;
    use layout::*;
    let short = || io::Error::new(io::ErrorKind::InvalidData, "a short answer from sock_diag");
    let u16_at = |at: usize| -> Option<u16> {
        Some(u16::from_ne_bytes(answer.get(at..at + 2)?.try_into().ok()?))
    };
    if u16_at(4).ok_or_else(short)? == NLMSG_ERROR {
        let code = answer.get(HEADER..HEADER + 4).ok_or_else(short)?;
        let code = i32::from_ne_bytes(code.try_into().unwrap_or_default());
        return Err(io::Error::from_raw_os_error(code.wrapping_neg()));
    }
    let mut at = HEADER + MESSAGE;
    while let (Some(len), Some(kind)) = (u16_at(at), u16_at(at + 2)) {
        let len = usize::from(len);
        if kind == INET_DIAG_INFO {
            let info = answer.get(at + 4..at + len).ok_or_else(short)?;
            return tcp_info::parse(info, ipv6);
        }
        at += len.max(4).next_multiple_of(4);
    }
    match answer.get(STATE) {
        Some(&(FIN_WAIT_2 | TIME_WAIT)) => Err(io::Error::from_raw_os_error(libc::ENOENT)),
        _ => Err(short()),
    }
}

#[cfg(any(not(target_os = "linux"), feature = "portable"))]
pub(crate) struct SockDiag;

#[cfg(any(not(target_os = "linux"), feature = "portable"))]
impl SockDiag {
    /// # Errors
    /// Always: sock_diag needs Linux.
    pub(crate) fn new() -> io::Result<SockDiag> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "sock_diag needs Linux"))
    }
    /// # Errors
    /// Always.
    pub(crate) fn read(&self, _local: SocketAddr, _remote: SocketAddr) -> io::Result<TcpReading> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "sock_diag needs Linux"))
    }
}

#[cfg(all(test, target_os = "linux", not(feature = "portable")))]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    /// The kernel gives errors as negative numbers; the least one has no positive counterpart.
    #[test]
    fn any_error_is_one() {
        for (code, expected) in [(-2i32, 2), (0, 0), (i32::MIN, i32::MIN)] {
            let mut answer = [0u8; 36];
            answer[4..6].copy_from_slice(&layout::NLMSG_ERROR.to_ne_bytes());
            answer[16..20].copy_from_slice(&code.to_ne_bytes());
            let error = parse(&answer, false).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(expected));
        }
    }

    /// This side closes first: the kernel keeps addresses and state alone.
    #[test]
    fn a_socket_that_waits_for_its_time_to_pass_is_gone() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut server = listener.accept().unwrap().0;
        let local = client.local_addr().unwrap();
        let remote = client.peer_addr().unwrap();
        let diag = SockDiag::new().unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(server.read(&mut [0; 1]).unwrap(), 0);
        drop(server);
        assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
        drop(client);
        assert_eq!(diag.read(local, remote).unwrap_err().kind(), io::ErrorKind::NotFound);
        // Whatever else comes without counts is a system that has none.
        let other = parse(&[0; layout::HEADER + layout::MESSAGE], false).unwrap_err();
        assert_eq!(other.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn counts_of_a_socket_are_found_by_its_addresses() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut server = listener.accept().unwrap().0;
        client.write_all(b"three").unwrap();
        server.read_exact(&mut [0; 5]).unwrap();
        let local = client.local_addr().unwrap();
        let remote = client.peer_addr().unwrap();
        let diag = SockDiag::new().unwrap();
        let reading = diag.read(local, remote).unwrap();
        assert_eq!((reading.bytes_sent, reading.bytes_received), (5, 0));
        drop((client, server));
        let gone = "127.0.0.1:1".parse().unwrap();
        assert_eq!(diag.read(gone, gone).unwrap_err().raw_os_error(), Some(libc::ENOENT));
    }
}
