//! Which addresses are this machine's.

use std::net::{IpAddr, UdpSocket};

/// Returns whether an address is one of this machine: then a server there has its clocks.
pub(crate) fn is_own_address(ip: IpAddr) -> bool {
    // Nobody else's can be bound. No packet is sent.
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_this_machine_and_a_documentation_address_is_not() {
        assert!(is_own_address("127.1.2.3".parse().unwrap()));
        assert!(is_own_address("::1".parse().unwrap()));
        // RFC 5737.
        assert!(!is_own_address("192.0.2.1".parse().unwrap()));
    }
}
