//! Memory of the kernel's sockets, and how many of them there are: of the whole host, as it tells nothing
//! else.

/// What the kernel says of sockets at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SocketReading {
    /// Memory that sockets live in, in bytes, of the whole host: slab (`/proc/meminfo`) and TCP buffers
    /// (`/proc/net/sockstat`).
    pub bytes: u64,
    /// Sockets of all kinds that processes hold in this network namespace.
    pub held: u64,
    /// TCP sockets of the whole host, with those that no process holds any longer.
    pub allocated: u64,
    /// TCP connections that were opened or accepted so far in this network namespace
    /// (`/proc/net/snmp`).
    pub opened: u64,
}

/// Reads them. The difference of two readings is what sockets took, if nothing else happened between
/// them. `None` if the system does not tell.
#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub(crate) fn read_sockets() -> Option<SocketReading> {
    use procfs::{Current, Meminfo};
    let slab = Meminfo::current().ok()?.slab;
    let sockstat = std::fs::read_to_string("/proc/net/sockstat").ok()?;
    let snmp = std::fs::read_to_string("/proc/net/snmp").ok()?;
    let pages = count_in(&sockstat, "TCP:", "mem")?;
    Some(SocketReading {
        bytes: slab + pages * rustix::param::page_size() as u64,
        held: count_in(&sockstat, "sockets:", "used")?,
        allocated: count_in(&sockstat, "TCP:", "alloc")?,
        opened: opened(&snmp)?,
    })
}

/// Needs Linux.
#[cfg(any(not(target_os = "linux"), feature = "portable"))]
pub(crate) fn read_sockets() -> Option<SocketReading> {
    None
}

/// Whether any text has a count: for the fuzz target.
pub(super) fn understands(text: &str) -> bool {
    count_in(text, "TCP:", "mem").is_some() || opened(text).is_some()
}

/// Returns a count of `/proc/net/sockstat`: what follows its name in the line of a protocol.
fn count_in(sockstat: &str, protocol: &str, name: &str) -> Option<u64> {
    let line = sockstat.lines().find_map(|line| line.strip_prefix(protocol))?;
    let mut words = line.split_whitespace();
    words.find(|&word| word == name)?;
    words.next()?.parse().ok()
}

/// Returns the TCP connections of `/proc/net/snmp`, whose lines come in pairs: names, and counts.
fn opened(snmp: &str) -> Option<u64> {
    let mut lines = snmp.lines().filter_map(|line| line.strip_prefix("Tcp:"));
    let names = lines.next()?;
    let counts = lines.next()?;
    let count = |wanted: &str| {
        let mut pairs = names.split_whitespace().zip(counts.split_whitespace());
        pairs.find(|(name, _)| *name == wanted)?.1.parse::<u64>().ok()
    };
    count("ActiveOpens")?.checked_add(count("PassiveOpens")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_found_by_name() {
        let sockstat = "sockets: used 9\nTCP: inuse 5 orphan 0 tw 0 alloc 7 mem 12\nUDP: mem 3\n";
        assert_eq!(count_in(sockstat, "TCP:", "mem"), Some(12));
        assert_eq!(count_in(sockstat, "TCP:", "alloc"), Some(7));
        assert_eq!(count_in(sockstat, "sockets:", "used"), Some(9));
        assert_eq!(count_in("TCP: inuse 5", "TCP:", "mem"), None);
        let snmp = "Ip: Forwarding\nIp: 1\nTcp: MaxConn ActiveOpens PassiveOpens\nTcp: -1 30 12\n";
        assert_eq!(opened(snmp), Some(42));
        assert_eq!(opened("Tcp: ActiveOpens\nTcp: 1\n"), None);
        assert_eq!(opened("Tcp: ActiveOpens PassiveOpens\nTcp: 1"), None);
        assert_eq!(opened(""), None);
    }

    /// Other tests open sockets at the same time: counts of connections only rise.
    #[cfg(all(target_os = "linux", not(feature = "portable")))]
    #[test]
    fn this_host_counts_what_is_opened() {
        let before = read_sockets().unwrap();
        assert!(before.bytes > 10_000);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        for _ in 0..10 {
            let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let _accepted = listener.accept().unwrap();
        }
        let after = read_sockets().unwrap();
        assert!(after.opened >= before.opened + 20, "{before:?} {after:?}");
    }
}
