//! `--metrics`: the same figures at an address, in the text format of OpenMetrics 1.0.

use super::figures::{
    BUCKETS_S, LiveBuckets, LiveCase, LiveFigures, SHOWN, SharedFigures, lock, parts,
};
use crate::error::{Failure, Outcome, at};
use crate::record::{Metric, Phase, PhaseTotals};
use crate::report::finding::Decision;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The media type of the text format (OpenMetrics 1.0, "Protocol Negotiation").
const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// How long a request's head may take.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// Between two attempts to accept, if the system refuses one.
const PAUSE: Duration = Duration::from_millis(100);

/// Names and values of labels.
type Labels = Vec<(&'static str, String)>;

/// An address that answers with figures, until it is dropped.
pub(super) struct MetricsEndpoint {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for MetricsEndpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl MetricsEndpoint {
    /// Listens at an address.
    ///
    /// # Errors
    /// If that is not possible.
    pub(super) async fn start(
        address: SocketAddr,
        figures: SharedFigures,
    ) -> Outcome<MetricsEndpoint> {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            let why = Failure::usage(format!(
                "--metrics {address}: cannot listen there; choose another address or port"
            ));
            why.caused_by(error)
        })?;
        let address = listener.local_addr().map_err(at("cannot read an address"))?;
        let mut registry = Registry::default();
        registry.register_collector(Box::new(FigureCollector(figures)));
        let registry = Arc::new(registry);
        let task = tokio::spawn(async move {
            loop {
                let Ok((socket, _)) = listener.accept().await else {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                };
                let registry = registry.clone();
                tokio::spawn(async move {
                    let answer = service_fn(move |request| {
                        let response = answer(&request, &registry);
                        async move { Ok::<_, Infallible>(response) }
                    });
                    let mut server = http1::Builder::new();
                    server.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT);
                    // A reader that goes away is no failure of the run.
                    let _ = server.serve_connection(TokioIo::new(socket), answer).await;
                });
            }
        });
        Ok(MetricsEndpoint { address, task })
    }
}

fn answer(request: &Request<Incoming>, registry: &Registry) -> Response<Full<Bytes>> {
    let plain = |status: StatusCode, text: &'static str| {
        let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
        *response.status_mut() = status;
        response
    };
    if request.uri().path() != "/metrics" {
        return plain(StatusCode::NOT_FOUND, "the figures are at /metrics\n");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "GET /metrics\n");
    }
    let mut body = String::new();
    if text::encode(&mut body, registry).is_err() {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "the figures cannot be written\n");
    }
    let mut response = Response::new(Full::new(Bytes::from(body)));
    let kind = hyper::header::HeaderValue::from_static(MEDIA_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// Writes figures when somebody asks for them.
struct FigureCollector(SharedFigures);

impl fmt::Debug for FigureCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FigureCollector")
    }
}

fn of_case(case: &LiveCase) -> Labels {
    vec![("series", case.series.clone()), ("clients", case.clients.to_string())]
}

fn with(labels: &Labels, more: impl IntoIterator<Item = (&'static str, &'static str)>) -> Labels {
    let more = more.into_iter().map(|(name, value)| (name, value.to_owned()));
    labels.iter().cloned().chain(more).collect()
}

/// A counter: its name, what it counts, and its value of a phase.
type CounterOf = (&'static str, &'static str, fn(&PhaseTotals) -> u64);

const COUNTERS: [CounterOf; 4] = [
    ("wsbench_turns", "Turns whose intended time came", |t| t.counts.turns),
    ("wsbench_completed", "Completed exchanges, or received messages", |t| t.counts.completed),
    ("wsbench_messages", "Updates that the client did not have yet", |t| t.counts.messages),
    ("wsbench_faults", "Turns or clients that ended with a fault", |t| t.counts.faults),
];

impl Collector for FigureCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let live = lock(&self.0);
        encode_state(&live, &mut encoder)?;
        for (name, help, of) in COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (case, phase) in phases(&live) {
                let labels = with(&of_case(case), [("phase", phase.name())]);
                let value = of(&case.phases[phase]);
                family
                    .encode_family(&labels)?
                    .encode_counter::<NoLabelSet, u64, f64>(&value, None)?;
            }
        }
        let help = "Bytes at the sockets";
        let mut family =
            encoder.encode_descriptor("wsbench_wire_bytes", help, None, MetricType::Counter)?;
        for (case, phase) in phases(&live) {
            let ledger = &case.phases[phase].ledger;
            for (way, bytes) in [("up", ledger.up.wire.get()), ("down", ledger.down.wire.get())] {
                let labels = with(&of_case(case), [("phase", phase.name()), ("direction", way)]);
                family
                    .encode_family(&labels)?
                    .encode_counter::<NoLabelSet, u64, f64>(&bytes, None)?;
            }
        }
        let help = "Bytes at the sockets by part, which add up to wsbench_wire_bytes";
        let mut family =
            encoder.encode_descriptor("wsbench_part_bytes", help, None, MetricType::Counter)?;
        for (case, phase) in phases(&live) {
            for (part, up, down) in parts(&case.phases[phase]) {
                for (way, bytes) in [("up", up), ("down", down)] {
                    let own = [("phase", phase.name()), ("part", part.name()), ("direction", way)];
                    let labels = with(&of_case(case), own);
                    family
                        .encode_family(&labels)?
                        .encode_counter::<NoLabelSet, u64, f64>(&bytes, None)?;
                }
            }
        }
        for (n, metric) in SHOWN.into_iter().enumerate() {
            encode_latency(&live, n, metric, &mut encoder)?;
        }
        Ok(())
    }
}

/// Each case with the phases in which something happened.
fn phases(live: &LiveFigures) -> impl Iterator<Item = (&LiveCase, Phase)> {
    live.cases.iter().flat_map(|case| case.phases.used().map(move |phase| (case, phase)))
}

fn encode_state(live: &LiveFigures, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let run: Labels = vec![
        ("scenario", live.scenario.clone()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    encoder
        .encode_descriptor("wsbench_run", "The run", None, MetricType::Info)?
        .encode_info(&run)?;
    if let Some(info) = &live.info {
        let own: Labels =
            vec![("series", info.series.clone()), ("clients", info.clients.to_string())];
        let stage = with(&own, [("stage", live.stage)]);
        let gauges: [(&str, &str, &Labels, u64); 4] = [
            ("wsbench_stage", "What is done in the case that runs", &stage, 1),
            (
                "wsbench_clients_connected",
                "Clients with a connection",
                &own,
                live.progress.connected,
            ),
            ("wsbench_case", "The place of the case that runs", &own, live.place.0 as u64),
            ("wsbench_cases", "Cases in all", &own, live.place.1 as u64),
        ];
        for (name, help, labels, value) in gauges {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            family.encode_family(labels)?.encode_gauge(&value)?;
        }
    }
    let help = "Whether a limit holds so far: 1 or 0; absent while that is not decided";
    let mut family =
        encoder.encode_descriptor("wsbench_limit_kept", help, None, MetricType::Gauge)?;
    for state in &live.limits {
        let kept = match state.decision {
            Decision::Pass => 1u64,
            Decision::Fail => 0,
            Decision::Inconclusive | Decision::NotComparable => continue,
        };
        let labels: Labels = vec![("limit", state.what.clone())];
        family.encode_family(&labels)?.encode_gauge(&kept)?;
    }
    Ok(())
}

fn encode_latency(
    live: &LiveFigures,
    n: usize,
    metric: Metric,
    encoder: &mut DescriptorEncoder<'_>,
) -> fmt::Result {
    let name = format!("wsbench_{}_seconds", metric.name());
    let help = crate::report::metrics::metric_about(metric);
    let mut family = encoder.encode_descriptor(&name, help, None, MetricType::Histogram)?;
    for case in live.cases.iter().filter(|case| case.latencies[n].count() > 0) {
        let LiveBuckets { counts, sum_s } = &case.latencies[n];
        let bounds = BUCKETS_S.into_iter().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(counts.iter().copied()).collect();
        family.encode_family(&of_case(case))?.encode_histogram::<NoLabelSet>(
            *sum_s,
            case.latencies[n].count(),
            &buckets,
            None,
        )?;
    }
    Ok(())
}
