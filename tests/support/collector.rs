//! A stand-in for a collector: takes OTLP by HTTP on loopback, or does not, as a test wants it.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub use opentelemetry_proto::tonic::metrics::v1::{Metric, metric, number_data_point};

/// What it does with requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Takes them.
    Takes,
    /// Answers with this status.
    Refuses(u16),
    /// Reads them, and says nothing.
    Hangs,
}

/// A span as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What it is of.
    pub trace: String,
    /// Its own id.
    pub id: String,
    /// Empty without one.
    pub parent: String,
    /// As `docs/tracing.md` lists them.
    pub name: String,
    /// 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub kind: i32,
    /// Ids of traces and spans.
    pub links: Vec<(String, String)>,
    /// 0 unset, 1 right, 2 an error.
    pub status: i32,
    /// The span's own.
    pub attributes: BTreeMap<String, String>,
    /// Those of the program that sent it.
    pub sender: BTreeMap<String, String>,
    /// The log lines inside.
    pub events: Vec<String>,
}

impl Span {
    /// The name of the program that sent it.
    pub fn service(&self) -> &str {
        self.sender.get("service.name").map_or("", String::as_str)
    }

    /// One attribute; empty if there is none.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

#[derive(Debug, Default)]
struct Taken {
    spans: Vec<Span>,
    /// As of the last request of each program, by its name.
    metrics: BTreeMap<String, Vec<Metric>>,
    headers: Vec<String>,
    requests: usize,
}

/// The stand-in; dropping it ends it.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    taken: Arc<Mutex<Taken>>,
    mood: watch::Sender<Mood>,
    news: watch::Receiver<usize>,
    listening: tokio::task::JoinHandle<()>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Collector {
    /// Listens on a free port.
    pub async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let taken = Arc::<Mutex<Taken>>::default();
        let (mood, moods) = watch::channel(mood);
        let (tell, news) = watch::channel(0);
        let shared = taken.clone();
        let listening = tokio::spawn(async move {
            let tell = Arc::new(tell);
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serve(stream, shared.clone(), moods.clone(), tell.clone());
                // An end of the connection is its end.
                tokio::spawn(async move { drop(serving.await) });
            }
        });
        Self {
            address,
            taken,
            mood,
            news,
            listening,
        }
    }

    /// What a program is told.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Does something else from now on; what hangs goes on hanging.
    pub fn change(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<Span> {
        self.taken().spans.clone()
    }

    /// The metrics of a program, as it told them last.
    pub fn metrics(&self, service: &str) -> Vec<Metric> {
        let taken = self.taken();
        taken.metrics.get(service).cloned().unwrap_or_default()
    }

    /// Lines of the heads of requests.
    pub fn headers(&self) -> Vec<String> {
        self.taken().headers.clone()
    }

    /// How many requests came, in every mood.
    pub fn requests(&self) -> usize {
        self.taken().requests
    }

    /// Waits until what came is as it should be.
    pub async fn until(&self, what: &str, is_there: impl Fn(&Self) -> bool) {
        let mut news = self.news.clone();
        let came = news.wait_for(|_| is_there(self));
        let came = tokio::time::timeout(crate::PATIENCE, came).await;
        assert!(
            came.is_ok(),
            "in vain: {what}; there are {:#?}",
            self.spans()
        );
    }

    /// Waits for a span of that name, and tells it.
    pub async fn span(&self, name: &str) -> Span {
        let find = |collector: &Self| collector.spans().into_iter().find(|span| span.name == name);
        self.until(name, |collector| find(collector).is_some())
            .await;
        find(self).expect("it is there")
    }
}

async fn serve(
    stream: TcpStream,
    taken: Arc<Mutex<Taken>>,
    moods: watch::Receiver<Mood>,
    tell: Arc<watch::Sender<usize>>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (head, body) = request(&mut stream).await?;
        let mood = *moods.borrow();
        {
            let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
            taken.requests += 1;
            taken.headers.extend(head.iter().cloned());
            if mood == Mood::Takes {
                take(&mut taken, &head[0], &body);
            }
        }
        tell.send_modify(|count| *count += 1);
        let status = match mood {
            Mood::Takes => 200,
            Mood::Refuses(status) => status,
            Mood::Hangs => std::future::pending().await,
        };
        let answer = format!("HTTP/1.1 {status} so\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// The lines of the head, and the body.
async fn request(stream: &mut BufReader<TcpStream>) -> io::Result<(Vec<String>, Vec<u8>)> {
    let (mut head, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        head.push(line);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok((head, body))
}

fn take(taken: &mut Taken, first: &str, body: &[u8]) {
    if first.starts_with("POST /v1/traces ") {
        let request = ExportTraceServiceRequest::decode(body).expect("OTLP");
        for program in request.resource_spans {
            let sender = sender(program.resource);
            let spans = program
                .scope_spans
                .into_iter()
                .flat_map(|scope| scope.spans);
            taken.spans.extend(spans.map(|span| shown(span, &sender)));
        }
    } else if first.starts_with("POST /v1/metrics ") {
        let request = ExportMetricsServiceRequest::decode(body).expect("OTLP");
        for program in request.resource_metrics {
            let sender = sender(program.resource);
            let name = sender.get("service.name").cloned().unwrap_or_default();
            let metrics = program.scope_metrics.into_iter();
            let metrics = metrics.flat_map(|scope| scope.metrics).collect();
            taken.metrics.insert(name, metrics);
        }
    } else {
        panic!("what is {first}?");
    }
}

fn sender(resource: Option<Resource>) -> BTreeMap<String, String> {
    pairs(&resource.unwrap_or_default().attributes)
}

fn shown(
    span: opentelemetry_proto::tonic::trace::v1::Span,
    sender: &BTreeMap<String, String>,
) -> Span {
    let links = span.links.iter();
    Span {
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        name: span.name,
        kind: span.kind,
        links: links
            .map(|link| (hex(&link.trace_id), hex(&link.span_id)))
            .collect(),
        status: span.status.map_or(0, |status| status.code),
        attributes: pairs(&span.attributes),
        sender: sender.clone(),
        events: span.events.into_iter().map(|event| event.name).collect(),
    }
}

/// Attributes as texts.
pub fn pairs(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |pair: &KeyValue| match pair.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text.clone()),
        any_value::Value::IntValue(number) => Some(number.to_string()),
        any_value::Value::BoolValue(is) => Some(is.to_string()),
        other => Some(format!("{other:?}")),
    };
    let pairs = attributes.iter();
    pairs
        .filter_map(|pair| Some((pair.key.clone(), text(pair)?)))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
