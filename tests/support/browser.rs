//! A browser without a window, driven over its own protocol (Chrome DevTools Protocol).

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::protocol::WebSocket;
use tokio_tungstenite::tungstenite::{Message, client};

/// Names under which systems have it.
const PROGRAMS: [&str; 4] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// How long anything on a page may take, on a machine that does much else.
const LIMIT: Duration = Duration::from_secs(60);

/// A browser, until it is dropped.
pub struct Browser {
    child: Child,
    socket: WebSocket<TcpStream>,
    next: u64,
    /// What it said without being asked.
    events: Vec<Value>,
    _profile: tempfile::TempDir,
}

/// A tab.
#[derive(Debug, Clone)]
pub struct Tab {
    session: String,
    target: String,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Browser {
    /// Starts one; `None` if there is none on this machine.
    pub fn start() -> Option<Browser> {
        let profile = tempfile::tempdir().expect("a folder");
        let mut started = PROGRAMS.iter().filter_map(|program| {
            let mut command = Command::new(program);
            command.args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--remote-debugging-port=0",
            ]);
            command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().ok()
        });
        let mut child = started.next()?;
        drop(started);
        let errors = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut lines = errors.lines().map_while(Result::ok);
        let url = lines
            .find_map(|line| line.strip_prefix("DevTools listening on ").map(str::to_owned))?;
        // It must not wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let address = url.strip_prefix("ws://")?.split('/').next()?.to_owned();
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        let (socket, _) = client(&url, stream).expect("it is a WebSocket");
        socket.get_ref().set_read_timeout(Some(Duration::from_millis(200))).expect("a limit");
        Some(Browser { child, socket, next: 0, events: Vec::new(), _profile: profile })
    }

    fn read(&mut self) -> Option<Value> {
        match self.socket.read() {
            Ok(Message::Text(text)) => serde_json::from_str(&text).ok(),
            _ => None,
        }
    }

    /// Calls a method of the protocol, of a tab or of the browser itself.
    pub fn call(&mut self, tab: Option<&Tab>, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(tab) = tab {
            message["sessionId"] = json!(tab.session);
        }
        self.socket.send(Message::text(message.to_string())).expect("it is there");
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < LIMIT, "no answer to {method}");
            let Some(came) = self.read() else { continue };
            if came["id"] == id {
                assert!(came["error"].is_null(), "{method}: {}", came["error"]);
                return came["result"].clone();
            }
            self.events.push(came);
        }
    }

    /// Opens a page in a tab of its own, and listens to what it does.
    pub fn open(&mut self, url: &str) -> Tab {
        let target = self.call(None, "Target.createTarget", json!({ "url": "about:blank" }));
        let target = target["targetId"].as_str().expect("a tab").to_owned();
        let attached = self.call(
            None,
            "Target.attachToTarget",
            json!({ "targetId": target, "flatten": true }),
        );
        let session = attached["sessionId"].as_str().expect("a session").to_owned();
        let tab = Tab { session, target };
        for domain in ["Runtime", "Log", "Network", "Page"] {
            self.call(Some(&tab), &format!("{domain}.enable"), json!({}));
        }
        // One that is behind another one would not hear of its place.
        self.call(Some(&tab), "Emulation.setFocusEmulationEnabled", json!({ "enabled": true }));
        self.call(Some(&tab), "Page.navigate", json!({ "url": url }));
        self.wait_for(&tab, "document.readyState === 'complete'");
        tab
    }

    /// Brings a tab to the front.
    pub fn show(&mut self, tab: &Tab) {
        self.call(Some(tab), "Page.bringToFront", json!({}));
    }

    /// Closes a tab.
    pub fn close(&mut self, tab: &Tab) {
        self.call(None, "Target.closeTarget", json!({ "targetId": tab.target }));
    }

    /// The value of an expression in a page.
    pub fn value(&mut self, tab: &Tab, expression: &str) -> Value {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true });
        let result = self.call(Some(tab), "Runtime.evaluate", params);
        assert!(
            result["exceptionDetails"].is_null(),
            "{expression}: {}",
            result["exceptionDetails"]
        );
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub fn wait_for(&mut self, tab: &Tab, expression: &str) {
        let began = Instant::now();
        while self.value(tab, expression) != true {
            assert!(
                began.elapsed() < LIMIT,
                "not within {LIMIT:?}: {expression}\n{}",
                self.value(tab, "document.body.innerText")
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Errors that a tab has shown: exceptions, and messages of the browser about it.
    pub fn errors(&self, tab: &Tab) -> Vec<String> {
        let own = self.events.iter().filter(|event| event["sessionId"] == tab.session.as_str());
        let error = |event: &Value| match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => {
                Some(event["params"]["exceptionDetails"].to_string())
            }
            Some("Log.entryAdded") if event["params"]["entry"]["level"] == "error" => {
                Some(event["params"]["entry"].to_string())
            }
            Some("Runtime.consoleAPICalled") if event["params"]["type"] == "error" => {
                Some(event["params"]["args"].to_string())
            }
            _ => None,
        };
        own.filter_map(error).collect()
    }

    /// The addresses that a tab has asked for.
    pub fn requests(&self, tab: &Tab) -> Vec<String> {
        let own = self.events.iter().filter(|event| event["sessionId"] == tab.session.as_str());
        let asked = own.filter(|event| event["method"] == "Network.requestWillBeSent");
        asked
            .filter_map(|event| event["params"]["request"]["url"].as_str().map(str::to_owned))
            .collect()
    }

    /// Opens a page whose certificate nobody has signed.
    pub fn open_insecure(&mut self, url: &str) -> Tab {
        let tab = self.open("about:blank");
        self.call(Some(&tab), "Security.setIgnoreCertificateErrors", json!({ "ignore": true }));
        self.call(Some(&tab), "Page.navigate", json!({ "url": url }));
        self.wait_for(&tab, "document.readyState === 'complete' && location.protocol === 'https:'");
        tab
    }

    /// The statuses with which servers have taken WebSockets of a tab: 101, or 200 over HTTP/2 (RFC 8441 §5).
    pub fn upgrades(&self, tab: &Tab) -> Vec<Value> {
        let own = self.events.iter().filter(|event| event["sessionId"] == tab.session.as_str());
        let taken =
            own.filter(|event| event["method"] == "Network.webSocketHandshakeResponseReceived");
        taken.map(|event| event["params"]["response"]["status"].clone()).collect()
    }

    /// Writes a picture of a tab into the folder that `WSBENCH_PICTURES` names, if it does.
    pub fn picture(&mut self, tab: &Tab, name: &str) {
        let Some(folder) = std::env::var_os("WSBENCH_PICTURES") else { return };
        let shot = self.call(
            Some(tab),
            "Page.captureScreenshot",
            json!({ "captureBeyondViewport": true }),
        );
        let text = shot["data"].as_str().expect("a picture");
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text);
        let path = std::path::Path::new(&folder).join(format!("{name}.png"));
        std::fs::write(path, bytes.expect("base64")).expect("a file");
    }
}
