//! What a program tells by HTTP: `/healthz`, `/readyz`, `/metrics`, `/status`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;

use super::facts::Facts;
use super::running::Page;
use crate::error::{Error, ErrorKind, Result};

/// Questions that are answered at once; further ones wait.
const AT_ONCE: usize = 64;
/// Longer than that no question takes, from its first byte to the last of its answer.
const LONGEST: Duration = Duration::from_secs(10);

/// Whoever has not said by then what is wanted gives way to others.
const SILENT: Duration = Duration::from_secs(2);

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
/// The text exposition format of Prometheus.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers until it is dropped. It runs where the user's code runs, so that a program whose
/// runtime is stuck does not look alive.
pub(super) async fn serve(address: SocketAddr, facts: Arc<Facts>) -> Result<Page> {
    let listener = TcpListener::bind(address).await.map_err(|cause| {
        let text = format!(
            "nothing can be told by HTTP at {address}: {cause}; choose another `http.address` \
             (AEGIS_HTTP_ADDRESS), or `off`"
        );
        Error::new(ErrorKind::Config, text).because(cause)
    })?;
    // With port 0 the system chooses one.
    let address = listener.local_addr().unwrap_or(address);
    tracing::info!(%address, "tells how it is: /healthz /readyz /metrics /status");
    let accepting = tokio::spawn(accept(listener, facts));
    Ok(Page {
        address,
        _accepting: AbortOnDropHandle::new(accepting),
    })
}

async fn accept(listener: TcpListener, facts: Arc<Facts>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut asked = tokio::task::JoinSet::new();
    loop {
        // The semaphore is never closed.
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => drop(asked.spawn(answer(stream, facts.clone(), place))),
            Err(error) => {
                tracing::debug!(%error, "a question by HTTP was not heard");
                // Such as too many open files, which do not pass at once.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        while asked.try_join_next().is_some() {}
    }
}

async fn answer(stream: TcpStream, facts: Arc<Facts>, _place: OwnedSemaphorePermit) {
    let page = service_fn(move |request: Request<Incoming>| {
        let page = page(&facts, request.method(), request.uri().path());
        std::future::ready(Ok::<_, Infallible>(page))
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .header_read_timeout(SILENT)
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), page);
    match tokio::time::timeout(LONGEST, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a question by HTTP was not answered"),
        Err(_) => tracing::debug!("a question by HTTP took longer than {LONGEST:?}"),
    }
}

fn page(facts: &Facts, method: &Method, path: &str) -> Response<Full<Bytes>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let text = "these pages can only be read: GET\n".to_owned();
        let mut response = written(StatusCode::METHOD_NOT_ALLOWED, TEXT, text);
        let allowed = hyper::header::HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    match path {
        "/healthz" => written(StatusCode::OK, TEXT, "alive\n".to_owned()),
        "/readyz" => match facts.unready() {
            None => written(StatusCode::OK, TEXT, "ready\n".to_owned()),
            Some(reason) => {
                let text = format!("not ready: {reason}\n");
                written(StatusCode::SERVICE_UNAVAILABLE, TEXT, text)
            }
        },
        "/metrics" => {
            facts.measure();
            written(
                StatusCode::OK,
                METRICS,
                crate::observe::metrics().prometheus(),
            )
        }
        "/status" => written(StatusCode::OK, JSON, format!("{:#}\n", facts.status())),
        _ => {
            let text = "there are /healthz /readyz /metrics /status\n".to_owned();
            written(StatusCode::NOT_FOUND, TEXT, text)
        }
    }
}

fn written(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
