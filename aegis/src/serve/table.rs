//! The handlers of one service, collected from the whole binary and checked.

use std::any::TypeId;

use super::command::CommandHandler;
use super::descriptor::{HandlerDescriptor, HandlerKind, Service};
use super::event::EventHandler;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Layout, MethodName, NameError, ServiceName};

/// The handlers of one service, sorted by name.
#[derive(Debug, Clone)]
pub(crate) struct HandlerTable {
    pub(crate) rows: Vec<&'static HandlerDescriptor>,
}

impl HandlerTable {
    /// Collects the rows of a service.
    pub(crate) fn of<S: Service>() -> Result<Self> {
        let rows = inventory::iter::<HandlerDescriptor>.into_iter();
        Self::check(S::NAME, TypeId::of::<S>(), S::HANDLERS, rows)
    }

    fn check(
        name: &str,
        service: TypeId,
        expected: usize,
        rows: impl Iterator<Item = &'static HandlerDescriptor>,
    ) -> Result<Self> {
        let mut rows: Vec<_> = rows.filter(|row| (row.service)() == service).collect();
        // Link order is not defined: sort, so that logs and documents are stable.
        rows.sort_by_key(|row| row.name);
        if rows.len() != expected {
            return Err(Error::new(
                ErrorKind::Lifecycle,
                format!(
                    "the service {name} has {expected} handlers, but {} are registered: \
                     is the crate linked, and is there one `#[aegis::service]` block per type?",
                    rows.len()
                ),
            ));
        }
        for pair in rows.windows(2) {
            if let [first, second] = pair
                && first.name == second.name
            {
                return Err(Error::new(
                    ErrorKind::Lifecycle,
                    format!(
                        "two handlers of {name} are called {}: {} and {}; rename one",
                        first.name, first.source, second.source
                    ),
                ));
            }
        }
        let service = ServiceName::parse(name)?;
        for row in &rows {
            let handler = match &row.kind {
                HandlerKind::Rpc(handler) => handler,
                HandlerKind::Event(handler) => {
                    check_event(row, handler, name)?;
                    continue;
                }
                HandlerKind::Command(handler) => {
                    check_command(row, handler, name)?;
                    continue;
                }
            };
            let subject = Layout::default().rpc(&service, &MethodName::parse(row.name)?);
            if handler.subject != subject {
                return Err(Error::new(
                    ErrorKind::Lifecycle,
                    format!(
                        "the subject of {} is {subject}, not {}, where no client would look for it",
                        row.source, handler.subject
                    ),
                ));
            }
        }
        Ok(Self { rows })
    }

    /// A handler that only a leader runs, if there is one.
    pub(crate) fn exclusive(&self) -> Option<&'static HandlerDescriptor> {
        let mut rows = self.rows.iter().copied();
        rows.find(|row| row.is_exclusive())
    }

    /// Services that are linked in but not mounted, for the log.
    pub(crate) fn unmounted(mounted: &[TypeId]) -> Vec<&'static HandlerDescriptor> {
        let rows = inventory::iter::<HandlerDescriptor>.into_iter();
        let mut unknown: Vec<_> = rows
            .filter(|row| !mounted.contains(&(row.service)()))
            .collect();
        unknown.sort_by_key(|row| (row.source.file, row.source.line));
        unknown.dedup_by_key(|row| (row.service)());
        unknown
    }
}

/// What the macros check, of a row that was written by hand.
fn check_event(row: &HandlerDescriptor, handler: &EventHandler, service: &str) -> Result<()> {
    let patterns = handler.patterns();
    let wrong = if handler.service != service {
        format!("it says that it is one of {}", handler.service)
    } else if patterns.is_empty() {
        "it has neither a pattern nor events with a name".to_owned()
    } else if let Some(fault) = patterns
        .iter()
        .find_map(|pattern| NameError::event_pattern(pattern).err())
    {
        fault.to_string()
    } else {
        return Ok(());
    };
    let text = format!("the handler {} of {service} is wrong: {wrong}", row.source);
    Err(Error::new(ErrorKind::Lifecycle, text))
}

/// The same of a handler for a command.
fn check_command(row: &HandlerDescriptor, handler: &CommandHandler, service: &str) -> Result<()> {
    MethodName::parse(row.name)?;
    let wrong = if handler.service != service {
        format!("it says that it is one of {}", handler.service)
    } else if handler.ack_wait.is_some_and(|wait| wait.is_zero()) {
        "its `ack_wait` is zero: give it a second or more".to_owned()
    } else {
        return Ok(());
    };
    let text = format!("the handler {} of {service} is wrong: {wrong}", row.source);
    Err(Error::new(ErrorKind::Lifecycle, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Failure, Subject};
    use crate::serve::{HandlerKind, RpcHandler, Source, reply};
    use futures_util::future::FutureExt;

    struct One;

    const fn row(name: &'static str, subject: Subject, line: u32) -> HandlerDescriptor {
        HandlerDescriptor {
            service: TypeId::of::<One>,
            name,
            docs: "",
            signature: "",
            source: Source {
                function: "f",
                file: "one.rs",
                line,
            },
            kind: HandlerKind::Rpc(RpcHandler {
                subject,
                arguments: &[],
                timeout: None,
                idempotent: false,
                exclusive: false,
                guard: None,
                concurrency: None,
                queue: None,
                call: |_, request| async move { reply(&request, Ok::<(), Failure>(())) }.boxed(),
            }),
        }
    }

    static ROWS: [HandlerDescriptor; 4] = [
        row("b", Subject::literal("rpc.one.b"), 1),
        row("a", Subject::literal("rpc.one.a"), 2),
        row("b", Subject::literal("rpc.one.b"), 3),
        row("c", Subject::literal("rpc.other.c"), 4),
    ];

    #[test]
    fn rows_are_counted_sorted_and_told_apart() {
        let id = TypeId::of::<One>();
        let table = HandlerTable::check("one", id, 2, ROWS[..2].iter()).unwrap();
        assert_eq!(
            table.rows.iter().map(|row| row.name).collect::<Vec<_>>(),
            ["a", "b"]
        );
        for (expected, rows, text) in [
            (3, &ROWS[..2], "has 3 handlers, but 2 are registered"),
            (0, &ROWS[..1], "has 0 handlers, but 1 are registered"),
            (
                1,
                &ROWS[3..],
                "the subject of `f` at one.rs:4 is rpc.one.c, not rpc.other.c",
            ),
            (
                3,
                &ROWS[..3],
                "two handlers of one are called b: `f` at one.rs:1 and `f` at one.rs:3",
            ),
        ] {
            let error = HandlerTable::check("one", id, expected, rows.iter()).unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
        let other = TypeId::of::<u8>();
        assert!(
            HandlerTable::check("other", other, 0, ROWS.iter())
                .unwrap()
                .rows
                .is_empty()
        );
    }
}
