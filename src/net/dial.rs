//! TCP connections from a source address for each client.

use crate::net::linux::bind::choose_port_at_connect;
use crate::record::{ClientError, ClientErrorKind};
use crate::time::Delay;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};

/// How clients of a case connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialer {
    /// The server.
    pub address: SocketAddr,
    /// The source of client 0, as an offset into 127.0.0.0/8; 0 to let the kernel choose.
    pub first_source: u32,
    /// How long a connect may take.
    pub timeout: Duration,
    /// The delay of each connection's delay line. Connecting itself is not delayed.
    pub delay: Delay,
}

impl Dialer {
    /// The source address of a client. Each has its own, so that ports do not run short and a
    /// reconnect comes from the same address.
    pub fn source(&self, client: u32) -> Option<Ipv4Addr> {
        (self.first_source != 0).then(|| {
            let offset = (self.first_source + client) % (1 << 24);
            Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 0, 0)) + offset)
        })
    }
}

/// Makes a socket for an address's version of IP.
pub(super) fn tcp_socket(address: SocketAddr) -> std::io::Result<TcpSocket> {
    match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }
}

/// Connects a client with TCP_NODELAY.
///
/// # Errors
/// The error, with its `errno`, if no connection was made within the limit.
pub(crate) async fn dial(dialer: &Dialer, client: u32) -> Result<TcpStream, ClientError> {
    let fault = |e: std::io::Error| ClientError::io(ClientErrorKind::Connect, &e);
    let socket = tcp_socket(dialer.address).map_err(fault)?;
    if let Some(source) = dialer.source(client) {
        choose_port_at_connect(&socket);
        socket.bind(SocketAddr::new(IpAddr::V4(source), 0)).map_err(fault)?;
    }
    match tokio::time::timeout(dialer.timeout, socket.connect(dialer.address)).await {
        Err(_) => Err(ClientError::of(ClientErrorKind::ConnectTimeout)),
        Ok(Err(error)) => Err(fault(error)),
        Ok(Ok(stream)) => {
            stream.set_nodelay(true).map_err(fault)?;
            Ok(stream)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_has_its_own_source() {
        let dialer = Dialer {
            address: "127.0.0.1:80".parse().unwrap(),
            first_source: 65_536,
            timeout: Duration::from_secs(1),
            delay: Delay::default(),
        };
        assert_eq!(dialer.source(0), Some(Ipv4Addr::new(127, 1, 0, 0)));
        assert_eq!(dialer.source(99_999), Some(Ipv4Addr::new(127, 2, 134, 159)));
        assert_eq!(Dialer { first_source: 0, ..dialer }.source(5), None);
    }
}
