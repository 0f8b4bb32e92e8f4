//! Whether A and B are one and the same server, or would listen at the same address at the same time.

use crate::os::listeners;
use crate::plan::{PORT, Plan, Server};
use std::net::SocketAddr;

/// Where a side's server listens.
struct ListenPlace<'a> {
    addresses: Vec<&'a SocketAddr>,
    /// Whether it is started for each run.
    started: bool,
}

impl ListenPlace<'_> {
    /// That of a plan's server; `None` if it gets a port of its own.
    fn of(plan: &Plan) -> Option<ListenPlace<'_>> {
        match &plan.server {
            Server::External { url, address, others, start, .. } if !url.contains(PORT) => {
                let addresses = std::iter::once(address).chain(others).collect();
                Some(ListenPlace { addresses, started: start.is_some() })
            }
            Server::External { .. } | Server::Bundled => None,
        }
    }
}

/// Returns the first address of A that is B's too.
fn shared<'a>(a: &ListenPlace<'a>, b: &ListenPlace<'_>) -> Option<&'a SocketAddr> {
    a.addresses.iter().copied().find(|address| b.addresses.contains(address))
}

/// Says that two servers that are started would listen at the same address, and so cannot live at the
/// same time.
pub(super) fn describe_one_address(a: &Plan, b: &Plan) -> Option<String> {
    let a = ListenPlace::of(a)?;
    let b = ListenPlace::of(b)?;
    let address = shared(&a, &b).filter(|_| a.started && b.started)?;
    Some(format!(
        "A and B listen at the same address, {address}, and so run one after the other: with {PORT} in \
         command line and address of each they would run at the same time, which decides sooner"
    ))
}

/// Says that both sides are the same server, which may be meant so.
pub(super) fn describe_same_server(a: &Plan, b: &Plan) -> Option<String> {
    let a = ListenPlace::of(a)?;
    let b = ListenPlace::of(b)?;
    if a.started || b.started {
        return None;
    }
    if let Some(address) = shared(&a, &b) {
        return Some(format!(
            "A and B are one and the same server, at {address}: what differs between them is noise"
        ));
    }
    let of = |place: &ListenPlace<'_>| listeners(place.addresses.iter().copied());
    let of_a = of(&a);
    let of_b = of(&b);
    let pid = of_a.intersection(&of_b).next()?;
    Some(format!(
        "A and B are answered by the same process, {pid}: if they are one and the same server, what \
         differs between them is noise"
    ))
}
