//! The WebSocket client as an echo client of the Autobahn test suite, with the kernel's network:
//! `tests/conformance/autobahn` starts the suite's server and runs this.

use crate::client::context::ThreadContext;
use crate::client::{ClientCore, ClientHalf};
use crate::driver::engine::Engine;
use crate::feed::{Feed, Spec};
use crate::net::Dialer;
use crate::net::linux::epoll::{Epoll, Wake};
use crate::protocol::http1::Target;
use crate::time::{Delay, now_ns};
use crate::transport::AnySeries;
use std::net::SocketAddr;
use std::time::Duration;

const SECOND_NS: u64 = 1_000_000_000;
/// Longer than the suite gives any case.
const CASE_LIMIT_NS: u64 = 120 * SECOND_NS;

/// Runs one connection to its end. Returns false if the server refused it.
fn run(address: SocketAddr, path: String) -> bool {
    let dialer = Dialer {
        address,
        first_source: 0,
        timeout: Duration::from_secs(10),
        delay: Delay::default(),
    };
    let thread = ThreadContext::new(vec![dialer], Spec::PLAIN, 10 * SECOND_NS, 0, 0);
    thread.feed.set(Some(Feed { spec: Spec::PLAIN, epoch_ns: now_ns() }));
    thread.sent_back.replace(Some(Vec::new()));
    let network = Epoll::new(Wake::new().expect("a descriptor"), None).expect("epoll");
    let mut engine = Engine::new(network, 0, thread.clone(), 0);
    // It must not connect again.
    let json = serde_json::json!({"transport": "websocket", "params": {
        "read_buffer_bytes": 512, "reconnect_ns": 1_000 * SECOND_NS,
        "options": {"deflate": "permessage-deflate; client_max_window_bits"}}});
    let series: AnySeries = serde_json::from_value(json).expect("settings of the transport");
    let target = Target {
        authority: address.to_string(),
        credentials: None,
        path: path.clone(),
        bundled: false,
        tls: false,
    };
    let Ok(ClientHalf::Machines(clients)) = series.client_half(&target, &Spec::PLAIN) else {
        panic!("no machines")
    };
    engine.spawn(&*clients, ClientCore::new(0, now_ns(), thread.clone()));
    let until_ns = now_ns() + CASE_LIMIT_NS;
    let has_lost = || {
        let tally = thread.tally.get();
        tally.connected_peak > 0 && tally.connected == 0
    };
    while engine.alive() > 0 && !has_lost() {
        assert!(now_ns() < until_ns, "{path} does not end");
        engine.run_until(now_ns() + SECOND_NS / 100);
    }
    engine.stop();
    thread.tally.get().connected_peak > 0
}

#[test]
#[ignore = "needs the server of the Autobahn test suite: tests/conformance/autobahn starts it"]
fn every_case_of_autobahn_is_run() {
    let address =
        std::env::var("WSBENCH_AUTOBAHN").expect("WSBENCH_AUTOBAHN: the server's address");
    let address = address.parse().expect("an address and a port");
    // The server refuses a number that no case has.
    let cases = (1..).take_while(|n| run(address, format!("/runCase?case={n}&agent=wsbench")));
    let cases = cases.count();
    assert!(cases > 0, "the server has no cases");
    println!("{cases} cases");
    run(address, "/updateReports?agent=wsbench".to_owned());
}
