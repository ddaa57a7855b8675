//! One service of a program, before it starts.

use std::any::{Any, TypeId};
use std::sync::Arc;

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
        (self.table)()
    }
}
