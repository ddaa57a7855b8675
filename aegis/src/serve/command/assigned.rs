//! What the code of a handler for a command gets.

use std::marker::PhantomData;

use bytes::Bytes;

use super::super::context::Context;
use super::progress::Progress;
use crate::model::{Arguments, Code, Codec, Failure, Names, ReadArguments, header};

/// One command, handed to its handler.
#[derive(Debug, Clone)]
pub struct Assigned {
    context: Context,
    progress: Progress,
    body: Bytes,
}

impl Assigned {
    pub(super) fn new(context: Context, progress: Progress, body: Bytes) -> Self {
        Self {
            context,
            progress,
            body,
        }
    }

    /// What the handler may ask.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Where the handler says how far it is.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }
}

/// Reads the arguments of a command. What cannot be read is given up: no repetition helps.
pub fn command_arguments<A: Arguments>(assigned: &Assigned, names: Names) -> Result<A, Failure> {
    let Assigned { context, body, .. } = assigned;
    let seed = ReadArguments::<A>(names, PhantomData);
    let read = if body.is_empty() {
        Codec::Json.decode_seed(b"{}", seed)
    } else {
        let codec = Codec::detect(context.header(header::CONTENT_TYPE), body);
        codec.decode_seed(body, seed)
    };
    read.map_err(|cause| {
        let text = format!("the params cannot be read: {}", cause.reason());
        Failure::framework(Code::InvalidParams, text).terminal()
    })
}

/// What a handler for a command may borrow.
#[diagnostic::on_unimplemented(
    message = "a handler for a command cannot borrow `{Self}`",
    label = "does not come from the framework",
    note = "what a handler borrows comes from the framework: `&Context` and `&Progress`",
    note = "what it owns comes from the wire: take it by value (`String` instead of `&str`)"
)]
pub trait BorrowedByCommand {
    #[doc(hidden)]
    fn of_command(assigned: &Assigned) -> &Self;
}

impl BorrowedByCommand for Context {
    fn of_command(assigned: &Assigned) -> &Self {
        &assigned.context
    }
}

impl BorrowedByCommand for Progress {
    fn of_command(assigned: &Assigned) -> &Self {
        &assigned.progress
    }
}
