//! One service on a bus: its subscriptions, the tasks that read them, and their orderly end.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{FutureExt, join_all};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::call::Request;
use super::cancel::Cancels;
use super::context::Home;
use super::descriptor::HandlerKind;
use super::endpoint::{Endpoint, GRACE, Shared};
use super::inboxes::Inboxes;
use super::micro::{About, Micro};
use super::respond;
use super::table::HandlerTable;
use crate::error::Result;
use crate::model::{Code, Failure, Layout, Lifecycle};
use crate::port::{Message, Outgoing, Stop, Subscription};

/// What all services of one program have in common.
#[derive(Debug, Clone)]
pub(crate) struct ServeSettings {
    /// Prefixes that a reply subject may have.
    pub(crate) reply_prefixes: Vec<String>,
    /// The program's state, for self-description.
    pub(crate) state: watch::Receiver<Lifecycle>,
}

/// One service that serves. [`stop`](Self::stop) ends it in order; dropping it ends the reading of
/// calls at once, while handlers that run go on to their end.
pub(crate) struct Server {
    shared: Arc<Shared>,
    /// Ends what brings calls.
    stops: Vec<Stop>,
    readers: Vec<AbortOnDropHandle<()>>,
    /// Ends self-description, which goes on while calls are finished.
    last_stops: Vec<Stop>,
    last_readers: Vec<AbortOnDropHandle<()>>,
}

impl Server {
    /// Subscribes everything. The caller flushes the bus before it says that the service serves.
    pub(crate) async fn start(
        table: HandlerTable,
        about: About,
        service: Arc<dyn Any + Send + Sync>,
        home: Arc<Home>,
        settings: ServeSettings,
    ) -> Result<Self> {
        let bus = home.client.bus().clone();
        let shared = Arc::new(Shared {
            bus,
            home,
            cancels: Arc::default(),
            tasks: TaskTracker::new(),
            abort: CancellationToken::new(),
            inboxes: Inboxes::new(settings.reply_prefixes),
        });
        let endpoints: Vec<Arc<Endpoint>> = table
            .rows
            .iter()
            .map(|row| {
                let HandlerKind::Rpc(handler) = &row.kind;
                Arc::new(Endpoint::new(
                    row,
                    handler.clone(),
                    service.clone(),
                    shared.clone(),
                ))
            })
            .collect();
        let mut server = Self {
            shared,
            stops: Vec::new(),
            readers: Vec::new(),
            last_stops: Vec::new(),
            last_readers: Vec::new(),
        };
        match server.subscribe(&endpoints, about, settings.state).await {
            Ok(()) => Ok(server),
            Err(error) => {
                server.stop(Instant::now()).await;
                Err(error)
            }
        }
    }

    async fn subscribe(
        &mut self,
        endpoints: &[Arc<Endpoint>],
        about: About,
        state: watch::Receiver<Lifecycle>,
    ) -> Result<()> {
        let shared = self.shared.clone();
        let home = &shared.home;
        let layout = home.client.layout();
        let cancels = shared
            .bus
            .subscribe(layout.cancels(&home.service), None)
            .await?;
        self.last_stops.push(cancels.stop_handle());
        self.last_readers
            .push(spawn(read_cancels(cancels, shared.cancels.clone())));
        for endpoint in endpoints {
            let subject = layout.place(&endpoint.handler.subject);
            let queue = Layout::rpc_queue(&home.service);
            let calls = shared.bus.subscribe(subject.into(), Some(queue)).await?;
            let endpoint = endpoint.clone();
            self.read(calls, move |message| {
                let endpoint = endpoint.clone();
                async move { endpoint.handle(message).await }
            });
        }
        let own = layout.rpc_instance(&home.service, &home.instance);
        let calls = shared.bus.subscribe(own, None).await?;
        let by_name: HashMap<&str, Arc<Endpoint>> = endpoints
            .iter()
            .map(|endpoint| (endpoint.row.name, endpoint.clone()))
            .collect();
        let by_name = Arc::new(by_name);
        let answering = shared.clone();
        self.read(calls, move |message| {
            let (by_name, shared) = (by_name.clone(), answering.clone());
            async move { handle_own(message, &by_name, &shared).await }
        });
        let inboxes = shared.inboxes.clone();
        let micro = Micro::new(about, home.clone(), inboxes, endpoints.to_vec(), state);
        for subscription in micro.subscribe(&shared.bus).await? {
            self.last_stops.push(subscription.stop_handle());
            self.last_readers
                .push(spawn(micro.clone().answer(subscription)));
        }
        Ok(())
    }

    /// Reads a subscription to its end, in a task of its own.
    fn read<F, Fut>(&mut self, mut messages: Subscription, handle: F)
    where
        F: Fn(Message) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send,
    {
        self.stops.push(messages.stop_handle());
        self.readers.push(spawn(async move {
            while let Some(message) = messages.next().await {
                // A handler's panic is caught deeper down; nothing else may end this loop either.
                if AssertUnwindSafe(handle(message))
                    .catch_unwind()
                    .await
                    .is_err()
                {
                    tracing::error!("a request was lost to a panic of the framework");
                }
            }
        }));
    }

    /// Takes nothing new, and finishes what runs until the deadline. What runs still is told so,
    /// and dropped after a second.
    pub(crate) async fn stop(self, deadline: Instant) {
        end(self.stops).await;
        for reader in self.readers {
            // It ends by itself once the subscription's last message is handled.
            let _ = tokio::time::timeout_at(deadline + GRACE, reader).await;
        }
        let shared = &self.shared;
        shared.tasks.close();
        if tokio::time::timeout_at(deadline, shared.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                calls = shared.tasks.len(),
                "calls did not end in time and are dropped"
            );
            shared.abort.cancel();
            let rest = GRACE + Duration::from_millis(100);
            let _ = tokio::time::timeout(rest, shared.tasks.wait()).await;
        }
        end(self.last_stops).await;
        for reader in self.last_readers {
            let _ = tokio::time::timeout(GRACE, reader).await;
        }
    }
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(task))
}

async fn end(stops: Vec<Stop>) {
    for ended in join_all(stops.iter().map(|stop| stop())).await {
        if let Err(error) = ended {
            tracing::warn!(%error, "a subscription did not end cleanly");
        }
    }
}

async fn read_cancels(mut messages: Subscription, cancels: Arc<Cancels>) {
    while let Some(message) = messages.next().await {
        cancels.cancel(message.subject.as_str());
    }
}

/// Handles a call that was meant for this instance: `rpc.{service}.{method}.{instance}`.
async fn handle_own(
    message: Message,
    by_name: &HashMap<&str, Arc<Endpoint>>,
    shared: &Arc<Shared>,
) {
    let method = message
        .subject
        .as_str()
        .rsplit('.')
        .nth(1)
        .unwrap_or_default();
    if let Some(endpoint) = by_name.get(method) {
        return endpoint.handle(message).await;
    }
    let home = &shared.home;
    let text = format!(
        "{} {} has no method {method:?}",
        home.service, home.instance
    );
    let Some(reply) = shared.inboxes.reply_of(&message) else {
        return;
    };
    let request = Request::read(message, home, "unknown", None, Instant::now());
    let failure = Failure::framework(Code::UnknownMethod, text);
    let answer = respond::failure(&request.call, &failure);
    let message = Outgoing::new(reply, answer.payload).with_headers(answer.headers);
    if let Err(error) = shared.bus.publish(message).await {
        tracing::warn!(%error, "a reply was not sent");
    }
}
