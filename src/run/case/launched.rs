//! A server that is not ours, started for one case: where it listens, what it costs so far.
//!
//! Separate from `worker::foreign`, which knows processes and no plan.

use crate::error::{Failure, Outcome};
use crate::os::{Caught, Signals};
use crate::plan::{Plan, Server};
use crate::result::file::Line;
use crate::result::{Cost, ServerEnd};
use crate::run::case::Coordinator;
use crate::run::external_server::{Foreign, PORT, free_port};
use std::net::SocketAddr;
use std::time::Duration;

/// How long it may take to end after SIGTERM: its clients are gone by then.
const GRACE: Duration = Duration::from_secs(5);

/// A server that runs.
pub(crate) struct Launched {
    server: Foreign,
    /// The `Host` of requests to it.
    pub authority: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// How long it may take to do so.
    pub ready: Duration,
    last_cpu_ns: u64,
    /// Why its cost is not known, where a reading failed.
    unknown: Option<String>,
}

impl Launched {
    /// Starts the server of a plan; `None` where the plan starts none.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub(crate) async fn start(plan: &Plan) -> Outcome<Option<Launched>> {
        let Server::External { url, authority, address, start: Some(start) } = &plan.server else {
            return Ok(None);
        };
        let (mut authority, mut address, mut words) =
            (authority.clone(), *address, start.words.clone());
        if url.contains(PORT) {
            let port = free_port()?;
            let put = |text: &str| text.replace(PORT, &port.to_string());
            words.iter_mut().for_each(|word| *word = put(word));
            let host = url.split_once("://").map_or(url.as_str(), |(_, host)| host);
            authority = put(host.trim_end_matches('/'));
            address.set_port(port);
        }
        let server = Foreign::start(&words, address).await?;
        let ready = Duration::from_nanos(start.ready_ns);
        Ok(Some(Launched { server, authority, address, ready, last_cpu_ns: 0, unknown: None }))
    }

    /// Waits until it accepts a connection.
    ///
    /// # Errors
    /// A sentence, where it ends before or does not within its limit.
    pub(crate) async fn ready(&mut self) -> Result<(), String> {
        self.server.ready(self.ready).await
    }

    /// CPU nanoseconds and resident bytes now; zeros where they are not known.
    pub(crate) fn sample(&mut self) -> (u64, u64) {
        let cost = match self.server.cost() {
            Ok(cost) if cost.cpu_ns < self.last_cpu_ns => {
                Err("a process of the server ended and took its CPU time with it".to_owned())
            }
            read => read,
        };
        match cost {
            Ok(cost) => {
                self.last_cpu_ns = cost.cpu_ns;
                (cost.cpu_ns, cost.resident)
            }
            Err(why) => {
                self.unknown.get_or_insert(why);
                (0, 0)
            }
        }
    }

    /// How it ended, where it is gone already.
    pub(crate) async fn gone(&mut self) -> Option<String> {
        self.server.gone().await
    }

    /// Its line in the result.
    pub(crate) fn line(&self, case: u32, cost: Cost) -> ServerEnd {
        let unknown = self.unknown.clone();
        ServerEnd { case, cost, foreign: true, unknown, ..ServerEnd::default() }
    }

    /// Ends it with all that it started.
    ///
    /// # Errors
    /// Where a signal asks to end at once: then it is killed.
    pub(crate) async fn end(self, signals: &mut Signals) -> Outcome<()> {
        tokio::select! {
            biased;
            () = self.server.end(GRACE) => Ok(()),
            caught = signals.next() => Err(Failure::signal(caught)),
        }
    }
}

impl Coordinator<'_> {
    /// Starts the server that is not ours, where the plan has one, and waits until it listens.
    pub(crate) async fn launch(&mut self) -> Outcome<Option<Caught>> {
        if self.case.floor {
            return Ok(None);
        }
        self.launched = Launched::start(self.plan).await?;
        let Some(launched) = &mut self.launched else { return Ok(None) };
        let ready = tokio::select! {
            biased;
            caught = self.signals.next() => return Ok(Some(caught)),
            ready = launched.ready() => ready,
        };
        if let Err(why) = ready {
            self.unready = true;
            self.crew.lose(why, self.watcher);
        }
        Ok(None)
    }

    /// Writes what the server cost, and ends it. One that is gone already is a loss.
    pub(crate) async fn end_launched(
        &mut self,
        mut launched: Launched,
        stopped: bool,
    ) -> Outcome<()> {
        if !self.unready {
            if let Some(how) = launched.gone().await.filter(|_| !stopped) {
                self.crew.lose(how, self.watcher);
            }
            let line = launched.line(self.case.index, self.server_cost[0]);
            self.sink.put(Line::Server(Box::new(line)))?;
        }
        launched.end(self.signals).await
    }
}
