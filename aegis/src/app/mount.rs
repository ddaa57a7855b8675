//! One service of a program, before it starts.

use std::any::{Any, TypeId};
use std::sync::Arc;

use super::leading::Led;
use crate::error::{Error, ErrorKind, Result};
use crate::model::grammar;
use crate::serve::{About, HandlerTable, Hooks, Service};

/// A service whose type is not known any more.
#[derive(Clone)]
pub(super) struct Mount {
    pub(super) id: TypeId,
    pub(super) name: &'static str,
    pub(super) about: About,
    pub(super) service: Arc<dyn Any + Send + Sync>,
    pub(super) hooks: Arc<dyn Hooks>,
    /// Some of its work is exclusive.
    pub(super) led: Option<Led>,
    version: &'static str,
    table: fn() -> Result<HandlerTable>,
}

impl Mount {
    pub(super) fn new<S: Service>(service: S) -> Self {
        let service = Arc::new(service);
        Self {
            id: TypeId::of::<S>(),
            name: S::NAME,
            about: About::of::<S>(),
            service: service.clone(),
            hooks: service,
            led: S::GROUP.map(|group| Led {
                group,
                failover: S::FAILOVER,
            }),
            version: S::VERSION,
            table: HandlerTable::of::<S>,
        }
    }

    /// The handlers, checked. Macros have checked names and versions; what was written by hand is
    /// checked here.
    pub(super) fn table(&self) -> Result<HandlerTable> {
        if let Err(fault) = grammar::version(self.version) {
            return Err(Error::new(
                ErrorKind::Lifecycle,
                format!(
                    "the version {:?} of {} {}: it is like 1.0.0 (semver.org)",
                    self.version,
                    self.name,
                    fault.text()
                ),
            ));
        }
        let table = (self.table)()?;
        let exclusive = table.exclusive();
        match (self.led, exclusive) {
            (None, Some(row)) => Err(Error::new(
                ErrorKind::Lifecycle,
                format!(
                    "{} is exclusive, and the service {} has no group: set `Service::GROUP`",
                    row.source, self.name
                ),
            )),
            (Some(led), _) if grammar::service(led.group).is_err() => Err(Error::new(
                ErrorKind::Lifecycle,
                format!(
                    "the group {:?} of {} is not allowed: it is {}",
                    led.group,
                    self.name,
                    grammar::SERVICE_RULE
                ),
            )),
            _ => Ok(table),
        }
    }
}
