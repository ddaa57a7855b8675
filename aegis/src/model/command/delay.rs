//! How much later than now a command begins: on the wire a duration, from when the queue took it.

use std::time::Duration;

/// Longest wait before a command begins; what a header asks for beyond it is cut to it.
pub(crate) const LONGEST_DELAY: Duration = Duration::from_secs(30 * 24 * 3600);

/// The wait that a header asks for, in whole milliseconds; none if its text is nonsense.
pub(crate) fn delay_of(text: &str) -> Option<Duration> {
    let delay = Duration::from_millis(text.trim().parse().ok()?);
    Some(delay.min(LONGEST_DELAY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::deadline_header;

    #[test]
    fn every_delay_that_can_be_sent_is_read_as_it_is() {
        let week = Duration::from_secs(7 * 24 * 3600);
        for delay in [
            Duration::ZERO,
            Duration::from_millis(1),
            week,
            LONGEST_DELAY,
        ] {
            assert_eq!(delay_of(&deadline_header(delay)), Some(delay));
        }
        assert_eq!(delay_of("18446744073709551615"), Some(LONGEST_DELAY));
        for nonsense in ["", "-1", "soon", "1e3", "99999999999999999999999"] {
            assert_eq!(delay_of(nonsense), None, "{nonsense:?}");
        }
    }
}
