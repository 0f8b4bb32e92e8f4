//! The pages of `wsbench serve`, by hand and in a browser.

use crate::support::browser::{Browser, Tab};
use crate::support::{World, expect_ran, finish, wsbench};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;

const FEED: &str = "0123456789abcdef";

/// `wsbench serve`, until it is dropped.
struct Served {
    child: Child,
    address: SocketAddr,
    said: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines that it prints before those of pages: where it listens, and a route a transport.
const FIRST_LINES: usize = 6;

fn serve(bind: &str, more: &[&str]) -> Served {
    let mut command = wsbench(&["serve", "--bind", bind]);
    let mut child = command.args(more).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let has_pages = bind.starts_with("127.") && !more.contains(&"--no-pages");
    let wanted = FIRST_LINES + usize::from(has_pages);
    let said: Vec<String> = lines.by_ref().take(wanted).map_while(Result::ok).collect();
    let said = said.join("\n");
    std::thread::spawn(move || lines.for_each(drop));
    let address = said.lines().next().unwrap_or_default().rsplit("//").next().unwrap_or_default();
    let address = address.parse().unwrap_or_else(|_| panic!("{said}"));
    Served { child, address, said }
}

impl Served {
    fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.address.port())
    }

    /// Sends a request and returns the answer, which must be short.
    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut text = Vec::new();
        // It closes, as the request asks.
        let _ = stream.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    fn get(&self, path: &str, more: &str) -> String {
        let port = self.address.port();
        self.ask(&format!(
            "GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n{more}\r\n"
        ))
    }

    fn counts(&self) -> Value {
        let text = self.get(&format!("/pages/counts?feed={FEED}"), "");
        serde_json::from_str(text.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON")
    }
}

#[test]
fn pages_are_served_with_a_policy_and_counted_to_the_byte() {
    let served = serve("127.0.0.1:0", &[]);
    assert!(served.said.contains("pages for a browser: http://localhost:"), "{}", served.said);
    for path in ["/", "/websocket.html", "/broadcast.html", "/tracker.html"] {
        let text = served.get(path, "");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {text}");
        let head = text.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase();
        for part in [
            "content-security-policy: default-src 'none'",
            "x-content-type-options: nosniff",
            "permissions-policy: geolocation=",
        ] {
            assert!(head.contains(part), "{path}: {part}: {head}");
        }
        assert!(!text.contains("unsafe-inline"), "{path}");
    }
    let port = served.address.port();
    let request = format!(
        "GET /pages/poll?feed={FEED} HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\naccept: */*\r\n\r\n"
    );
    let answer = served.ask(&request);
    let own = &served.counts()["polling"];
    assert_eq!(own["requests"], 1);
    assert_eq!(own["up"], request.len());
    // hyper answers `Connection: close` with the same, which no poll of a browser has.
    assert_eq!(own["down"], answer.len() - "connection: close\r\n".len());
    let after = format!("/pages/long-poll?feed={FEED}&after=1");
    let came = served.get(&after, "");
    assert!(came.contains("\"n\":2"), "{came}");
    let rate = |hz: &str, more: &str| {
        served.ask(&format!(
            "POST /pages/rate?feed={FEED}&hz={hz} HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n\
             content-length: 0\r\n{more}\r\n"
        ))
    };
    let origin = format!("origin: http://localhost:{port}\r\n");
    assert!(rate("1000000", &origin).contains("{\"hz\":20}"), "bounded");
    assert!(rate("5", "").starts_with("HTTP/1.1 403"), "only a page may");
}

#[test]
fn another_site_gets_nothing() {
    let served = serve("127.0.0.1:0", &[]);
    let port = served.address.port();
    let poll = format!("/pages/poll?feed={FEED}");
    let rebound = served.ask(&format!(
        "GET {poll} HTTP/1.1\r\nhost: evil.example:{port}\r\nconnection: close\r\n\r\n"
    ));
    assert!(
        rebound.starts_with("HTTP/1.1 403") && rebound.contains("--pages-host evil.example"),
        "{rebound}"
    );
    for more in ["sec-fetch-site: cross-site\r\n", "origin: https://evil.example\r\n"] {
        assert!(served.get(&poll, more).starts_with("HTTP/1.1 403"), "{more}");
    }
    let upgrade = "upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (path, origin, code) in [
        ("/broadcast", "origin: https://evil.example\r\n".to_owned(), "403"),
        ("/broadcast", String::new(), "403"),
        ("/echo", format!("origin: http://localhost:{port}\r\n"), "101"),
    ] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: upgrade\r\n{upgrade}{origin}\r\n"
        );
        let mut stream = TcpStream::connect(served.address).expect("it listens");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut head = [0; 12];
        stream.read_exact(&mut head).expect("an answer");
        assert_eq!(String::from_utf8_lossy(&head), format!("HTTP/1.1 {code}"), "{path} {origin}");
    }
}

#[test]
fn pages_are_absent_where_others_could_reach_them_and_from_runs() {
    let served = serve("0.0.0.0:0", &[]);
    assert!(!served.said.contains("pages for"), "{}", served.said);
    let port = served.address.port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let own = Served {
        child: wsbench(&["--version"]).stdout(Stdio::null()).spawn().expect("it starts"),
        address,
        said: String::new(),
    };
    assert!(own.get("/", "").starts_with("HTTP/1.1 404"));
    let with = serve("127.0.0.1:0", &["--no-pages"]);
    assert!(with.get("/", "").starts_with("HTTP/1.1 404"));
    // A run's own server answers the routes of its scenario alone.
    let scenario = "clients = [1]\nwarmup = \"100ms\"\nduration = \"400ms\"\ndriver_lateness = \"1s\"\n\
                    [feed]\nrate = \"10/s\"\n[[series]]\ntransport = \"polling\"\ninterval = \"100ms\"\npath = \"/pages/poll\"\n";
    let world = World::new(scenario);
    expect_ran(&world, &finish(&mut world.run(&["--reports", "json"])));
}

/// What is wrong with a page's messages is said, and a server that is to end says goodbye at once: it waited for as
/// long as a request may take.
#[test]
fn sockets_of_pages_say_why_they_close() {
    for path in ["/echo", "/broadcast"] {
        // A frame that is not masked, one of 17 KB, and text that is no UTF-8; then the server is asked to end.
        let large = [&[0x82, 0xfe, 0x42, 0x68, 0, 0, 0, 0][..], &[7; 17_000]].concat();
        for (sent, code) in [
            (&[0x81, 0x01, b'x'][..], Some(1002_u16)),
            (&large, Some(1009)),
            (&[0x81, 0x81, 0, 0, 0, 0, 0xff], Some(1007)),
            (&[], None),
        ] {
            let served = serve("127.0.0.1:0", &[]);
            let mut stream = TcpStream::connect(served.address).expect("it listens");
            stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
            let port = served.address.port();
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: http://localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).expect("it reads");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("an answer");
                head.push(byte[0]);
            }
            assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
            stream.write_all(sent).expect("it reads");
            if code.is_none() {
                let process = rustix::process::Pid::from_child(&served.child);
                rustix::process::kill_process(process, rustix::process::Signal::TERM)
                    .expect("it lives");
            }
            let mut begin = [0; 2];
            stream.read_exact(&mut begin).unwrap_or_else(|why| panic!("{path} {code:?}: {why}"));
            assert_eq!(begin[0], 0x88, "{path} {code:?}: a close frame");
            if let Some(code) = code {
                let mut said = [0; 2];
                stream.read_exact(&mut said).expect("a code");
                assert_eq!(u16::from_be_bytes(said), code, "{path}");
            }
        }
    }
}

fn browser() -> Option<Browser> {
    let browser = Browser::start();
    if browser.is_none() {
        eprintln!("skipped: there is no Chromium here; .ci/run installs it");
    }
    browser
}

fn no_errors(browser: &Browser, tab: &Tab) {
    assert_eq!(browser.errors(tab), Vec::<String>::new());
}

#[test]
fn a_browser_shows_the_ticker_four_ways_in_two_tabs_and_says_why_not_in_a_third() {
    let Some(mut browser) = browser() else { return };
    let served = serve("127.0.0.1:0", &[]);
    let first = browser.open(&served.url("/"));
    let moves = "[...document.querySelectorAll('.card dl')].every((dl) => Number(dl.children[5].textContent) >= 3)";
    browser.wait_for(&first, moves);
    browser.wait_for(&first, "document.getElementById('answer').textContent.includes('times')");
    let second = browser.open(&served.url("/"));
    browser.wait_for(&second, moves);
    let third = browser.open(&served.url("/"));
    browser.wait_for(
        &third,
        "document.getElementById('refused').textContent.includes('six connections')",
    );
    browser.close(&third);
    // Its buttons act on its own feed alone.
    let updates = "Number(document.querySelectorAll('.card dl')[3].children[5].textContent)";
    browser.value(&first, "(() => { const rate = document.getElementById('rate'); rate.value = '10'; rate.dispatchEvent(new Event('change')); })()");
    let before = browser.value(&first, updates).as_f64().expect("a count");
    browser.wait_for(&first, &format!("{updates} >= {}", before + 30.0));
    let bytes = browser.value(&first, "JSON.stringify([...state].map(([id, own]) => [id, own.counts, own.latencies.length, median(own.latencies)]))");
    println!("{bytes}");
    browser.picture(&first, "ticker");
    for tab in [&first, &second] {
        no_errors(&browser, tab);
        let own = served.url("/");
        let foreign: Vec<String> = browser
            .requests(tab)
            .into_iter()
            .filter(|url| !url.starts_with(&own) && !url.starts_with("data:"))
            .collect();
        assert_eq!(foreign, Vec::<String>::new());
    }
}

/// Controls that lie on one another or leave the window, elements whose role their name does not allow, and boxes
/// that scroll but that a keyboard does not reach.
const LAYOUT_FAULTS: &str = "(() => {
    const found = [];
    const scrolls = (e) => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX);
    const isWithin = (e) => e && (scrolls(e) || isWithin(e.parentElement));
    const boxes = [...document.querySelectorAll('button, input, select, label > input')].map((e) => [e, e.getBoundingClientRect()])
        .filter(([, box]) => box.width > 0 && box.height > 0);
    for (const [one, a] of boxes) {
        const name = one.id || one.textContent;
        if (!isWithin(one.parentElement) && (a.left < 0 || a.right > innerWidth)) found.push(`${name} leaves the window`);
        for (const [other, b] of boxes) {
            const apart = a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
            if (one !== other && !apart) found.push(`${name} lies on ${other.id || other.textContent}`);
        }
    }
    if (document.documentElement.scrollWidth > innerWidth) found.push('the page is wider than its window');
    for (const list of document.querySelectorAll('ol[role], ul[role]')) found.push(`a list has the role ${list.role}`);
    for (const box of document.querySelectorAll('*')) {
        const isReached = box.tabIndex >= 0 || box.querySelector('button, input, select, a');
        if (scrolls(box) && box.scrollWidth > box.clientWidth && !isReached) found.push(`${box.tagName} ${box.className} scrolls without a keyboard`);
    }
    return found;
})()";

#[test]
fn pages_fit_a_desk_and_a_phone() {
    let Some(mut browser) = browser() else { return };
    let served = serve("127.0.0.1:0", &[]);
    let example = concat!("file://", env!("CARGO_MANIFEST_DIR"), "/reports/example/report.html");
    let pages =
        ["/", "/websocket.html", "/broadcast.html", "/tracker.html"].map(|path| served.url(path));
    for url in pages.iter().map(String::as_str).chain([example]) {
        let tab = browser.open(url);
        for (width, height, mobile) in [(1_280, 900, false), (390, 844, true)] {
            let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile });
            browser.call(Some(&tab), "Emulation.setDeviceMetricsOverride", size);
            browser.wait_for(
                &tab,
                &format!("document.readyState === 'complete' && innerWidth === {width}"),
            );
            assert_eq!(browser.value(&tab, LAYOUT_FAULTS), json!([]), "{url} at {width} pixels");
        }
        browser.close(&tab);
    }
}

#[test]
fn a_browser_echoes_text_and_bytes_and_comes_back_after_a_restart() {
    let Some(mut browser) = browser() else { return };
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let bind = format!("127.0.0.1:{port}");
    let served = serve(&bind, &[]);
    let tab = browser.open(&served.url("/websocket.html"));
    let logged =
        |text: &str| format!("document.getElementById('log').innerText.includes({})", json!(text));
    browser.wait_for(&tab, &logged("open"));
    browser.value(&tab, "document.getElementById('text').value = 'h\u{e9} <b>'; document.getElementById('form').requestSubmit()");
    browser.wait_for(&tab, &logged("message: h\u{e9} <b>"));
    browser.value(&tab, "document.getElementById('binary').click()");
    browser.wait_for(&tab, &logged("message of 7 bytes: 68 c3 a9 20 3c 62 3e"));
    assert_eq!(browser.value(&tab, "document.querySelectorAll('#log b').length"), 0);
    no_errors(&browser, &tab);
    drop(served);
    browser.wait_for(&tab, &logged("close 1006"));
    let _again = serve(&bind, &[]);
    browser.wait_for(&tab, "document.getElementById('state').textContent === 'open'");
    browser.value(&tab, "document.getElementById('toggle').click()");
    browser.wait_for(&tab, "document.getElementById('state').textContent === 'closed'");
    browser.picture(&tab, "websocket");
}

#[test]
fn a_line_reaches_every_page_and_stays_text() {
    let Some(mut browser) = browser() else { return };
    let served = serve("127.0.0.1:0", &["--threads", "3"]);
    let tabs = [
        browser.open(&served.url("/broadcast.html")),
        browser.open(&served.url("/broadcast.html")),
    ];
    for tab in &tabs {
        browser.wait_for(tab, "document.getElementById('state').textContent === 'open'");
    }
    let hostile = "<img src=x onerror=document.title=1>";
    for (n, tab) in tabs.iter().enumerate() {
        let text = json!(format!("{hostile} {n}"));
        browser.value(tab, &format!("document.getElementById('text').value = {text}; document.getElementById('form').requestSubmit()"));
    }
    for tab in &tabs {
        for n in 0..2 {
            let text = json!(format!("{hostile} {n}"));
            browser.wait_for(
                tab,
                &format!("document.getElementById('log').innerText.includes({text})"),
            );
        }
        assert_eq!(browser.value(tab, "document.querySelectorAll('#log img').length"), 0);
        no_errors(&browser, tab);
    }
    browser.picture(&tabs[0], "broadcast");
}

#[test]
fn participants_are_rows_by_their_number_and_a_denied_place_is_said() {
    let Some(mut browser) = browser() else { return };
    let served = serve("127.0.0.1:0", &[]);
    let origin = served.url("");
    let setting = |value: &str| json!({ "permission": { "name": "geolocation" }, "setting": value, "origin": origin });
    browser.call(None, "Browser.setPermission", setting("denied"));
    let denied = browser.open(&served.url("/tracker.html"));
    browser.value(&denied, "document.getElementById('share').click()");
    browser.wait_for(&denied, "document.getElementById('place').textContent === 'denied'");
    browser.call(None, "Browser.setPermission", setting("granted"));
    let tabs =
        [browser.open(&served.url("/tracker.html")), browser.open(&served.url("/tracker.html"))];
    for (tab, latitude) in tabs.iter().zip([48.1, 52.5]) {
        let place = json!({ "latitude": latitude, "longitude": 12.0, "accuracy": 20 });
        browser.show(tab);
        browser.call(Some(tab), "Emulation.setGeolocationOverride", place);
        browser.wait_for(tab, "document.getElementById('state').textContent === 'open'");
        browser.value(tab, "document.getElementById('share').click()");
        browser.wait_for(tab, "document.getElementById('place').textContent.startsWith('shared')");
    }
    for tab in &tabs {
        browser.wait_for(tab, "document.querySelectorAll('#rows tr').length === 2");
    }
    // One moves: its row changes, and there is no third.
    let place = json!({ "latitude": -33.9, "longitude": 151.2, "accuracy": 20 });
    browser.show(&tabs[0]);
    browser.call(Some(&tabs[0]), "Emulation.setGeolocationOverride", place);
    for tab in &tabs {
        browser.wait_for(tab, "document.getElementById('rows').innerText.includes('-33.9000')");
        assert_eq!(browser.value(tab, "document.querySelectorAll('#rows tr').length"), 2);
    }
    browser.wait_for(&tabs[1], "/\\d\\.\\d km/.test(document.getElementById('rows').innerText)");
    for tab in [&tabs[0], &tabs[1], &denied] {
        no_errors(&browser, tab);
    }
    browser.picture(&tabs[1], "tracker");
}

#[test]
fn a_report_opens_without_a_request_and_its_controls_work() {
    let Some(mut browser) = browser() else { return };
    let world = World::new(
        "clients = [3]\nwarmup = \"100ms\"\nduration = \"900ms\"\ndriver_lateness = \"1s\"\n[feed]\nrate = \"20/s\"\n\
         [[series]]\ntransport = \"websocket\"\n[[series]]\ntransport = \"sse\"\n",
    );
    expect_ran(&world, &finish(&mut world.run(&["--reports", "json,html"])));
    let url = format!("file://{}", world.path("out/report.html").display());
    let tab = browser.open(&url);
    browser.value(&tab, "document.querySelector('#series input').click()");
    let hidden = browser.value(&tab, "document.querySelectorAll('main [data-hidden]').length");
    assert!(hidden.as_u64().is_some_and(|count| count > 5), "{hidden}");
    browser.value(&tab, "document.querySelector('#series input').click()");
    browser.value(&tab, "document.querySelectorAll('#overview thead button')[4].click()");
    assert_eq!(
        browser.value(
            &tab,
            "document.querySelector('#overview [aria-sort]').getAttribute('aria-sort')"
        ),
        "ascending"
    );
    browser.value(&tab, "document.getElementById('filter').value = 'kernel_agrees'; document.getElementById('filter').dispatchEvent(new Event('input'))");
    assert_eq!(browser.value(&tab, "[...document.querySelectorAll('#checks tbody tr')].filter((row) => !row.hasAttribute('data-hidden')).length"), 2);
    no_errors(&browser, &tab);
    assert_eq!(
        browser.requests(&tab).into_iter().filter(|asked| *asked != url).collect::<Vec<_>>(),
        Vec::<String>::new()
    );
}
