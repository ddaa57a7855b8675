//! What generated code calls for commands.

use crate::serve::Assigned;

pub use crate::serve::{BorrowedByCommand, command_arguments};

/// What a handler for a command borrows.
pub fn borrowed_by_command<B: BorrowedByCommand + ?Sized>(assigned: &Assigned) -> &B {
    B::of_command(assigned)
}

/// Says at an argument's type that a handler for a command can borrow it.
pub const fn assert_borrowed_by_command<T: BorrowedByCommand + ?Sized>() {}
