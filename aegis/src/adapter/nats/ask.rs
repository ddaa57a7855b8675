//! A request and its answer.

use async_nats::StatusCode;
use futures_util::future::FutureExt;
use tokio::time::Instant;

use super::bus::{NatsBus, stuck};
use super::convert;
use super::inbox::Ticket;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Subject;
use crate::observe;
use crate::port::{Answer, OpenCall, Outgoing};

impl NatsBus {
    pub(super) async fn ask(
        &self,
        message: Outgoing,
        call: &OpenCall,
        deadline: Instant,
    ) -> Result<Answer> {
        let Outgoing {
            subject,
            headers,
            payload,
            ..
        } = message;
        if !self.is_connected() {
            self.connected(&subject, deadline).boxed().await?;
        }
        let mut ticket = self.watch.inbox.ticket(call, &subject);
        let reply = async_nats::Subject::from(self.watch.inbox.reply_to(call));
        let handing = self.hand_over(&subject, &headers, payload, Some(reply));
        // What is dropped while it waits for room in the client's queue was not sent.
        match tokio::time::timeout_at(deadline, handing).await {
            Ok(handed) => handed?,
            Err(_) => return Err(stuck(&subject)),
        }
        call.mark_sent();
        self.answered(&mut ticket, &subject, deadline).await
    }

    /// The same for a message that has headers, and may be sent again. Its future is small: of many
    /// messages on their way at once each has one.
    pub(super) async fn ask_with_headers(
        &self,
        message: &Outgoing,
        call: &OpenCall,
        deadline: Instant,
    ) -> Result<Answer> {
        let (subject, headers) = (&message.subject, &message.headers);
        if !self.is_connected() {
            self.connected(subject, deadline).boxed().await?;
        }
        let mut ticket = self.watch.inbox.ticket(call, subject);
        let reply = async_nats::Subject::from(self.watch.inbox.reply_to(call));
        self.check_size(headers, &message.payload)?;
        let handing = self.hand_over_with(subject, headers, message.payload.clone(), Some(reply));
        match tokio::time::timeout_at(deadline, handing.boxed()).await {
            Ok(handed) => handed?,
            Err(_) => return Err(stuck(subject)),
        }
        call.mark_sent();
        self.answered(&mut ticket, subject, deadline).await
    }

    /// Waits for the answer to what was sent.
    async fn answered(
        &self,
        ticket: &mut Ticket<'_>,
        subject: &Subject,
        deadline: Instant,
    ) -> Result<Answer> {
        match tokio::time::timeout_at(deadline, ticket.answered()).await {
            Ok(Ok(Ok(answer))) if answer.status == Some(StatusCode::NO_RESPONDERS) => {
                Err(observe::no_service(subject))
            }
            Ok(Ok(answer)) => answer.map(convert::to_answer),
            Err(_) if self.is_connected() => Err(observe::no_answer(subject)),
            _ => Err(Error::new(
                ErrorKind::Disconnected,
                format!("the connection to NATS was lost while {subject} was asked"),
            )
            .after_sending()),
        }
    }
}
