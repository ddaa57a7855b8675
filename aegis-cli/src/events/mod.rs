//! `aegis events`: events as they are published, or were: `choice` which, `show` how they look.

mod choice;
mod show;

use aegis::{AnyEvent, Client, ConnectionState, ErrorKind, Observed};

use crate::cli::{Common, Events};
use crate::connection;
use crate::ending::Usage;
use crate::out::Out;
use crate::signals::Signals;
use crate::terminal;
use choice::Choice;

pub(crate) async fn run(wish: &Events, common: &Common, out: &Out) -> anyhow::Result<()> {
    let config = common.config()?;
    config.start_log();
    let mut signals = Signals::listen()?;
    let client = connection::open(config, &mut signals).await?;
    let outcome = tokio::select! {
        outcome = follow(&client, wish, out) => outcome,
        // Nothing is left undone.
        () = signals.next() => Ok(()),
        () = terminal::reader_gone() => Ok(()),
    };
    // Nothing is left to be sent: a server that is not heard any more changes nothing.
    connection::close(&client).await;
    outcome
}

async fn follow(client: &Client, wish: &Events, out: &Out) -> anyhow::Result<()> {
    let mut events = open(client, wish).await?;
    let server = client.server();
    out.note(format_args!(
        "events {} at {server}; Ctrl-C ends it",
        wish.pattern
    ));
    let mut connection = client.connection();
    let choice = Choice::of(wish);
    let mut shown = 0;
    while wish.count.is_none_or(|count| shown < count) {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => shown += u64::from(show(&event, choice, wish, out)?),
                // It goes on by itself when that is over.
                Some(Err(error)) => out.note(format_args!("{error}")),
                None => anyhow::bail!("the events have ended: the connection was closed"),
            },
            Ok(()) = connection.changed() => {
                if *connection.borrow_and_update() == ConnectionState::Connected {
                    out.note(format_args!("{server} is heard again; what it stored meanwhile follows"));
                }
            }
        }
    }
    Ok(())
}

async fn open(client: &Client, wish: &Events) -> anyhow::Result<Observed> {
    let mut events = client.observe(&wish.pattern);
    if wish.all {
        events = events.all();
    }
    if let Some(time) = wish.since {
        events = events.since(time);
    }
    if let Some(sequence) = wish.from {
        events = events.from_sequence(sequence);
    }
    events.open().await.map_err(|error| match error.kind() {
        ErrorKind::Invalid if !error.was_sent() => Usage(error.to_string()).into(),
        _ => error.into(),
    })
}

/// Shows an event, if it is one of those asked for; tells whether it was.
fn show(event: &AnyEvent, choice: Choice<'_>, wish: &Events, out: &Out) -> anyhow::Result<bool> {
    let payload = event.payload().ok();
    if !choice.takes(event, payload.as_ref()) {
        return Ok(false);
    }
    if wish.json {
        let json = show::Json::of(event, payload, wish.body);
        out.line(serde_json::to_string(&json)?)?;
    } else {
        let columns = out.is_terminal().then(|| terminal::size().0);
        out.line(show::line(event, payload.as_ref(), wish.body, columns))?;
    }
    Ok(true)
}
