//! Layer 2: the outside, implemented: `nats` for real, `memory` for tests and small programs,
//! `kube` the way into a Kubernetes cluster,
//! `otel` to tell a collector of traces and metrics.

#[cfg(feature = "k8s")]
pub(crate) mod kube;
pub(crate) mod memory;
pub(crate) mod nats;
#[cfg(feature = "otel")]
pub(crate) mod otel;
