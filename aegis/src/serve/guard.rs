//! Who may call a method: a function of the user's, asked before anything runs.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::context::Context;
use crate::model::Failure;

/// What a guard is: it looks at the facts of a call (`ctx.header(..)`, `ctx.source()`,
/// `ctx.method()`), and refuses with a failure. Whatever its code, the number is 403.
pub type Guard = fn(&Context) -> Result<(), Failure>;

/// Asks a guard. One that panics lets nobody pass.
pub(super) fn guarded(guard: Guard, context: &Context) -> Result<(), Failure> {
    let asked = catch_unwind(AssertUnwindSafe(|| context.enter(|| guard(context))));
    asked
        .unwrap_or_else(|_| {
            let method = context.method();
            tracing::error!(method, "a guard panicked: nobody passes it");
            Err(Failure::internal(format!("the guard of {method} panicked")))
        })
        .map_err(|failure| failure.with_status(403))
}
