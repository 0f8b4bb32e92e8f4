//! Listening sockets: one port for several threads, and accepting without giving up.

use crate::error::Failure;
use crate::os::is_exhausted;
use crate::server::Config;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use tokio::net::TcpStream;

/// Connections that may wait to be accepted; the kernel's `somaxconn` is the lower bound.
const BACKLOG: i32 = 65_535;
/// How long to wait if no descriptor is left.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Binds a listener for each thread on one address.
///
/// Several listeners share a port by `SO_REUSEPORT`, with which a second server would share it
/// too and take half of the clients. So a socket without it tries first; between that and the
/// shared ones another process may still slip in.
pub(crate) fn bind(
    address: SocketAddr,
    threads: u32,
    unacknowledged: Duration,
) -> io::Result<Vec<TcpListener>> {
    let shared = threads > 1;
    if shared && address.port() != 0 {
        drop(socket(address, false)?);
    }
    let mut address = address;
    let mut listeners = Vec::new();
    for _ in 0..threads {
        let socket = socket(address, shared)?;
        #[cfg(all(target_os = "linux", not(feature = "portable")))]
        socket.set_tcp_user_timeout(Some(unacknowledged))?;
        #[cfg(any(not(target_os = "linux"), feature = "portable"))]
        let _ = unacknowledged;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket);
        address = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A port with connections in TIME_WAIT can be bound again; one with a listener cannot.
    socket.set_reuse_address(true)?;
    if shared {
        #[cfg(unix)]
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// What a failed bind means, with its remedy.
pub(crate) fn explain(address: SocketAddr, error: &io::Error) -> Failure {
    Failure::run(match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "cannot listen on {address}: address in use; another server listens there, \
             end it or choose another port"
        ),
        io::ErrorKind::PermissionDenied => {
            format!("cannot listen on {address}: {error}; ports below 1024 are privileged")
        }
        _ => format!("cannot listen on {address}: {error}"),
    })
}

/// Accepts for ever. A connection that was gone before it was accepted is skipped. If no
/// descriptor is left, gives notice once and tries again.
pub(crate) async fn accept(
    listener: &tokio::net::TcpListener,
    config: &Config,
    mut connected: impl FnMut(TcpStream, SocketAddr),
) {
    let mut noticed = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => connected(stream, peer),
            Err(error) if is_exhausted(&error) => {
                if !std::mem::replace(&mut noticed, true) {
                    (config.notice)(&format!(
                        "cannot accept connections for now: {error}; raise the limit of open files"
                    ));
                }
                tokio::time::sleep(BACK_OFF).await;
            }
            // ECONNABORTED and the pending network errors of `accept(2)`: that connection's own.
            Err(_) => {}
        }
    }
}
