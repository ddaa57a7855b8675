//! Where a delivered message stands: its reply subject tells.

/// What a reply subject on `$JS.ACK.>` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The how manieth delivery of this message it is.
    pub(super) attempt: u64,
    /// In the stream.
    pub(super) sequence: u64,
    /// Among all that the consumer has delivered, from 1 on.
    pub(super) number: u64,
    /// When the stream took it: nanoseconds since 1970.
    pub(super) nanos: i128,
    /// What is still to come, when it was sent.
    pub(super) pending: u64,
}

/// Of `$JS.ACK.{domain}.{account}.{stream}.{consumer}`, and of what a later server may add.
const MOST_TOKENS: usize = 16;

impl Place {
    #[cfg(test)]
    pub(super) fn new(sequence: u64, number: u64, pending: u64) -> Self {
        Self {
            attempt: 1,
            sequence,
            number,
            nanos: 0,
            pending,
        }
    }

    /// Reads `$JS.ACK.{stream}.{consumer}.{attempt}.{sequence}.{number}.{time}.{pending}`, or the
    /// newer form with `{domain}.{account}` before the stream and perhaps a token at the end.
    pub(super) fn parse(reply: &str) -> Option<Self> {
        let mut tokens = [""; MOST_TOKENS];
        let mut count = 0;
        for token in reply.split('.') {
            *tokens.get_mut(count)? = token;
            count += 1;
        }
        let rest = match &tokens[..count] {
            ["$JS", "ACK", rest @ ..] if rest.len() == 7 => rest,
            ["$JS", "ACK", _, _, rest @ ..] if rest.len() >= 7 => rest,
            _ => return None,
        };
        Some(Self {
            attempt: rest[2].parse().ok()?,
            sequence: rest[3].parse().ok()?,
            number: rest[4].parse().ok()?,
            nanos: rest[5].parse().ok()?,
            pending: rest[6].parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_in_both_forms() {
        let many = format!("$JS.ACK.a.b{}", ".1".repeat(20));
        for (reply, expected) in [
            (
                "$JS.ACK.KV_a.c.2.42.7.1700000000000000000.3",
                Some((2, 42, 7, 3)),
            ),
            (
                "$JS.ACK._.hash.KV_a.c.1.42.7.1700000000000000000.3.rnd",
                Some((1, 42, 7, 3)),
            ),
            (
                "$JS.ACK.hub.hash.KV_a.c.1.42.7.1700000000000000000.3",
                Some((1, 42, 7, 3)),
            ),
            ("$JS.ACK.KV_a.c.1.42.7.1700000000000000000", None),
            ("$JS.ACK.KV_a.c.1.42.7.1700000000000000000.3.rnd", None),
            ("$JS.ACK.KV_a.c.1.x.7.1700000000000000000.3", None),
            ("$JS.ACK.KV_a.c.-1.1.7.1700000000000000000.3", None),
            ("$JS.FC.KV_a.c.1", None),
            (&many, None),
            ("", None),
        ] {
            let place = Place::parse(reply);
            let place =
                place.map(|place| (place.attempt, place.sequence, place.number, place.pending));
            assert_eq!(place, expected, "{reply}");
        }
    }
}
