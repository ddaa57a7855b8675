//! NATS inside a Kubernetes cluster, reached from outside through a port-forward.
//!
//! `access` from a kubeconfig to a client of the API, `refusal` what an error of it means, `objects`
//! what is read of services and pods, `dial` one connection to a pod, `link` its bytes, `forward` the
//! local port whose connections go there.

mod access;
mod dial;
mod forward;
mod link;
mod objects;
mod refusal;

pub(crate) use forward::{Forward, ForwardOptions};
