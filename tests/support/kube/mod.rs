//! A stand-in of the Kubernetes API: services, pods and port-forwards, over HTTP on loopback. It knows
//! what the library asks, and answers as an API server does.
//!
//! `http` reads requests and writes answers, `tunnel` is one port-forward.

mod http;
mod tunnel;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use http::Request;

/// The namespace of everything here.
pub const NAMESPACE: &str = "aegis-trader";

/// One pod: where its port leads, and whether it is ready.
#[derive(Debug, Clone)]
struct Pod {
    address: String,
    ready: bool,
    /// Tunnels to it end when this is dropped.
    alive: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct World {
    /// Services with their port.
    services: BTreeMap<String, u16>,
    pods: BTreeMap<String, Pod>,
    /// Paths that end so are refused, with this code.
    refused: Option<(&'static str, u16)>,
    /// The pods that were connected to, in order.
    dialled: Vec<String>,
    questions: usize,
}

/// The stand-in. It ends, with all port-forwards, when it is dropped.
#[derive(Debug)]
pub struct FakeKube {
    world: Arc<Mutex<World>>,
    address: SocketAddr,
    folder: TempDir,
    _server: AbortOnDropHandle<()>,
}

impl FakeKube {
    /// One with the service `aegis-trader-nats` on port 4222, and no pods.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let world = Arc::new(Mutex::new(World::default()));
        let server = tokio::spawn(serve(listener, world.clone()));
        let kube = Self {
            world,
            address,
            folder: tempfile::tempdir().expect("room for a folder"),
            _server: AbortOnDropHandle::new(server),
        };
        kube.service("aegis-trader-nats", 4222);
        kube
    }

    fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a service.
    pub fn service(&self, name: &str, port: u16) {
        self.world().services.insert(name.to_owned(), port);
    }

    /// Adds a pod, or replaces it, whose port leads to an address.
    pub fn pod(&self, name: &str, address: &str, ready: bool) {
        let pod = Pod {
            address: address.to_owned(),
            ready,
            alive: watch::Sender::default(),
        };
        self.world().pods.insert(name.to_owned(), pod);
    }

    /// Removes a pod: its port-forwards end.
    pub fn remove(&self, name: &str) {
        self.world().pods.remove(name);
    }

    /// Ends the port-forwards to a pod; it stays.
    pub fn cut(&self, name: &str) {
        if let Some(pod) = self.world().pods.get_mut(name) {
            pod.alive = watch::Sender::default();
        }
    }

    /// Refuses requests whose path ends so, with an HTTP status.
    pub fn refuse(&self, end: &'static str, code: u16) {
        self.world().refused = Some((end, code));
    }

    /// Refuses nothing any more.
    pub fn allow(&self) {
        self.world().refused = None;
    }

    /// The pods that were connected to, in order.
    pub fn dialled(&self) -> Vec<String> {
        self.world().dialled.clone()
    }

    /// How many requests came.
    pub fn questions(&self) -> usize {
        self.world().questions
    }

    /// Writes a kubeconfig with these contexts, which all lead here.
    pub fn kubeconfig(&self, contexts: &[&str], current: &str) -> PathBuf {
        let named = |key: &str, value: &Value| {
            let all = contexts
                .iter()
                .map(|name| json!({"name": name, key: value}));
            all.collect::<Vec<_>>()
        };
        let cluster = json!({"server": format!("http://{}", self.address)});
        // JSON is YAML as well; the library looks for this key at the start of a line.
        let rest = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "fake", "cluster": cluster}],
            "contexts": named("context", &json!({"cluster": "fake", "user": "dev"})),
            "users": [{"name": "dev", "user": {"token": "very-secret"}}],
        });
        let mut text = format!("current-context: {current}\n");
        for (key, value) in rest.as_object().expect("an object") {
            writeln!(text, "{key}: {value}").expect("room in memory");
        }
        self.file(&text)
    }

    /// Writes a kubeconfig.
    pub fn file(&self, text: &str) -> PathBuf {
        let path = self.folder().join("kubeconfig");
        std::fs::write(&path, text).expect("room for a file");
        path
    }

    /// A folder that ends with this.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

async fn serve(listener: TcpListener, world: Arc<Mutex<World>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, world.clone()));
    }
}

/// One connection, one request.
async fn connection(mut stream: TcpStream, world: Arc<Mutex<World>>) {
    let Some(request) = http::read(&mut stream).await else {
        return;
    };
    match answer(&request, &world) {
        Ok(Reply::Object(value)) => http::write(&mut stream, 200, &value).await,
        Ok(Reply::Tunnel(pod)) => {
            let ended = pod.alive.subscribe();
            drop(pod.alive);
            tunnel::run(stream, &request, &pod.address, ended).await;
        }
        Err((code, message)) => {
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure",
                "message": message, "reason": "Because", "code": code,
            });
            http::write(&mut stream, code, &status).await;
        }
    }
}

enum Reply {
    Object(Value),
    Tunnel(Pod),
}

fn answer(request: &Request, world: &Mutex<World>) -> Result<Reply, (u16, String)> {
    let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
    world.questions += 1;
    let path = request.path();
    if let Some((end, code)) = world.refused
        && path.ends_with(end)
    {
        let wish = "cannot get resource \"pods/portforward\"";
        return Err((code, format!("{path} is forbidden: User \"dev\" {wish}")));
    }
    if request.header("authorization") != Some("Bearer very-secret") {
        return Err((401, "Unauthorized".to_owned()));
    }
    let missing = || (404, format!("{path} not found"));
    let inside = path.strip_prefix(&format!("/api/v1/namespaces/{NAMESPACE}/"));
    let parts: Vec<&str> = inside.ok_or_else(missing)?.split('/').collect();
    match parts[..] {
        ["services"] => {
            let names = world.services.keys();
            let items = names.map(|name| json!({"metadata": {"name": name}}));
            Ok(Reply::Object(json!({"items": items.collect::<Vec<_>>()})))
        }
        ["services", name] => {
            let port = world.services.get(name).ok_or_else(missing)?;
            let port = json!({"port": port, "targetPort": "client"});
            let spec = json!({"selector": {"app": "nats"}, "ports": [port]});
            Ok(Reply::Object(
                json!({"metadata": {"name": name}, "spec": spec}),
            ))
        }
        ["pods"] => {
            let pods = world.pods.iter().map(|(name, pod)| shown(name, pod.ready));
            Ok(Reply::Object(json!({"items": pods.collect::<Vec<_>>()})))
        }
        ["pods", name, "portforward"] => {
            let pod = world.pods.get(name).ok_or_else(missing)?.clone();
            world.dialled.push(name.to_owned());
            Ok(Reply::Tunnel(pod))
        }
        _ => Err(missing()),
    }
}

fn shown(name: &str, ready: bool) -> Value {
    let ready = if ready { "True" } else { "False" };
    json!({
        "metadata": {"name": name},
        "spec": {"containers": [{"ports": [{"name": "client", "containerPort": 4222}]}]},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    })
}
