//! What a program does, beside what it serves.

use super::manifest::ServiceManifest;
use crate::model::name::{MethodName, NameError, ServiceName};

/// What it does with a bucket, and all before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Access {
    Reads,
    Writes,
    Removes,
}

/// One thing that a program does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Need {
    Serve {
        service: ServiceManifest,
        /// It announces itself.
        registry: bool,
        /// It answers `health` and `metrics`.
        built_in: bool,
    },
    Call {
        service: String,
        method: Option<String>,
    },
    Publish(String),
    Send {
        service: String,
        command: Option<String>,
    },
    Bucket {
        name: String,
        access: Access,
    },
    Discover,
    Observe(String),
    Tool,
    Doctor,
}

impl Need {
    pub(super) fn served(&self) -> Option<&ServiceManifest> {
        match self {
            Self::Serve { service, .. } => Some(service),
            _ => None,
        }
    }

    pub(super) fn is_publish(&self) -> bool {
        matches!(self, Self::Publish(_))
    }
}

/// Reads `service` or `service.method`.
pub(super) fn service_and(text: &str) -> Result<(String, Option<String>), NameError> {
    let (service, method) = match text.split_once('.') {
        Some((service, method)) => (service, Some(method)),
        None => (text, None),
    };
    let service = ServiceName::parse(service)?.to_string();
    let method = method.map(MethodName::parse).transpose()?;
    Ok((service, method.map(|method| method.to_string())))
}
