//! How long a call may take: on the wire a duration, so that no clocks are compared.

use std::time::Duration;

/// Longest time a header may grant; beyond it is nonsense.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// How long a call may take whose method and caller say nothing, as in `AegisSDK` 1.0: both sides
/// assume it without a word.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// The remaining time as the header's text: whole milliseconds, rounded up.
pub(crate) fn deadline_header(remaining: Duration) -> String {
    remaining.as_nanos().div_ceil(1_000_000).to_string()
}

/// The remaining time a header grants; none if its text is nonsense.
pub(crate) fn deadline_of(text: &str) -> Option<Duration> {
    let remaining = Duration::from_millis(text.trim().parse().ok()?);
    Some(remaining.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_travels_as_milliseconds() {
        assert_eq!(deadline_header(Duration::from_micros(1)), "1");
        assert_eq!(deadline_header(Duration::from_millis(2500)), "2500");
        assert_eq!(deadline_header(Duration::ZERO), "0");
        for (text, expected) in [
            ("2500", Some(Duration::from_millis(2500))),
            ("0", Some(Duration::ZERO)),
            ("18446744073709551615", Some(LONGEST)),
            ("-1", None),
            ("soon", None),
            ("", None),
            ("1e3", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(deadline_of(text), expected, "{text:?}");
        }
    }
}
