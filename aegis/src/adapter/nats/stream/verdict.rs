//! What the server says beside messages to somebody who pulls: read here, without the server.
//!
//! The words are those of `consumer.go` in nats-server 2.10 to 2.15.

/// What follows from a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The server is there.
    Alive,
    /// The request ended; its rest is to be asked for again.
    Ended,
    /// The same, as another server takes over the consumer: what is there was not looked at.
    Moves,
    /// The consumer or its stream is gone, or nobody leads it.
    Gone,
    /// So many ask already that the server takes no more.
    TooMany,
    /// The server does not take such a request, now or later.
    Refused,
}

impl Verdict {
    pub(super) fn of(status: &str, description: &str) -> Self {
        let says = |words: &str| {
            description
                .get(..words.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(words))
        };
        match status {
            "100" => Self::Alive,
            // No messages; expired, by time or as nobody listened.
            "404" | "408" => Self::Ended,
            "503" => Self::Gone,
            "409" if says("Consumer Deleted") => Self::Gone,
            "409" if says("Exceeded MaxWaiting") => Self::TooMany,
            "409" if says("Leadership Change") || says("Server Shutdown") => Self::Moves,
            "409" if says("Batch Completed") || says("Message Size Exceeds MaxBytes") => {
                Self::Ended
            }
            _ => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_of_a_consumer_has_its_meaning() {
        for (status, description, expected) in [
            ("100", "Idle Heartbeat", Verdict::Alive),
            ("408", "Request Timeout", Verdict::Ended),
            ("408", "Interest Expired", Verdict::Ended),
            ("408", "Requests Pending", Verdict::Ended),
            ("404", "No Messages", Verdict::Ended),
            ("409", "Leadership Change", Verdict::Moves),
            ("409", "leadership change", Verdict::Moves),
            ("409", "Server Shutdown", Verdict::Moves),
            ("409", "Batch Completed", Verdict::Ended),
            ("409", "Message Size Exceeds MaxBytes", Verdict::Ended),
            ("409", "Consumer Deleted", Verdict::Gone),
            ("503", "", Verdict::Gone),
            ("409", "Exceeded MaxWaiting", Verdict::TooMany),
            ("409", "Consumer is push based", Verdict::Refused),
            ("409", "Exceeded MaxRequestBatch of 1", Verdict::Refused),
            ("400", "Bad Request - invalid batch size", Verdict::Refused),
            ("412", "Required Api Level", Verdict::Refused),
            ("423", "Nats-Wrong-Pin-Id", Verdict::Refused),
            ("", "", Verdict::Refused),
        ] {
            let verdict = Verdict::of(status, description);
            assert_eq!(verdict, expected, "{status} {description}");
        }
    }
}
