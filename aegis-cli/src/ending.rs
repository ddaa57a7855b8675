//! How a run ends: errors with their causes on standard error, and an exit code to branch on.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::process::ExitCode;

use aegis::Failure;

const ANSWERED: u8 = 1;
const FAILED: u8 = 2;
const CONFLICT: u8 = 3;
const USAGE: u8 = 64;
const INTERRUPTED: u8 = 130;

/// The command line, or what it names, is wrong.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// The service answered with an error.
#[derive(Debug)]
pub(crate) struct Answered(pub(crate) Failure);

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        if !self.0.details().is_null() {
            write!(f, "\n  details: {}", self.0.details())?;
        }
        if self.0.is_retryable() {
            write!(f, "\n  the service says that trying again later may help")?;
        }
        Ok(())
    }
}

impl std::error::Error for Answered {}

/// The answer is no: there is no such key, bucket or job, or it is not so that this can be done.
#[derive(Debug)]
pub(crate) struct Missing(pub(crate) String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missing {}

/// What is promised was not kept.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a promise was broken:\n  {}", self.0)
    }
}

impl std::error::Error for Broken {}

/// Something that was looked at is not as it should be; it was told already.
#[derive(Debug)]
pub(crate) struct Found;

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("something is wrong, as told above")
    }
}

impl std::error::Error for Found {}

/// Another revision is there than the one expected; nothing was written.
#[derive(Debug)]
pub(crate) struct Conflicting(pub(crate) String);

impl fmt::Display for Conflicting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Conflicting {}

/// Ctrl-C or SIGTERM came before the work was done.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ended by a signal; nothing is left running")
    }
}

impl std::error::Error for Interrupted {}

/// Ctrl-C or SIGTERM came, and what was waited for goes on without this.
#[derive(Debug)]
pub(crate) struct Left(pub(crate) String);

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Left {}

/// Ends a run whose command line was not understood, or that asked for help.
pub(crate) fn not_understood(error: &clap::Error) -> ExitCode {
    // Nothing can be done about a closed output.
    let _ = error.print();
    if error.use_stderr() {
        ExitCode::from(USAGE)
    } else {
        ExitCode::SUCCESS
    }
}

/// Ends a run: tells its error, and gives the exit code.
pub(crate) fn code(outcome: anyhow::Result<()>) -> ExitCode {
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    let reader_gone = error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
    if reader_gone {
        // `aegis services | head` is not a mistake.
        return ExitCode::SUCCESS;
    }
    tell(&error);
    if error.is::<Answered>()
        || error.is::<Missing>()
        || error.is::<Broken>()
        || error.is::<Found>()
    {
        ExitCode::from(ANSWERED)
    } else if error.is::<Conflicting>() {
        ExitCode::from(CONFLICT)
    } else if error.is::<Usage>() {
        ExitCode::from(USAGE)
    } else if error.is::<Interrupted>() || error.is::<Left>() {
        ExitCode::from(INTERRUPTED)
    } else {
        ExitCode::from(FAILED)
    }
}

fn tell(error: &anyhow::Error) {
    let mut text = format!("error: {error}\n");
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Many libraries quote their cause: once is enough.
        if !text.trim_end().ends_with(&cause) {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "  because: {cause}");
        }
    }
    // Nothing can be done about a closed standard error.
    let _ = io::stderr().write_all(text.as_bytes());
}
