//! W3C trace context: which trace a call belongs to (<https://www.w3.org/TR/trace-context/>).

use std::fmt;

/// A `traceparent`: the trace, the caller's span, and whether it is sampled.
///
/// ```
/// use aegis::TraceContext;
///
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let trace = TraceContext::parse(text).unwrap();
/// assert_eq!(trace.to_string(), text);
/// assert_eq!(trace.child(7).trace_id(), trace.trace_id());
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace: u128,
    span: u64,
    flags: u8,
}

impl TraceContext {
    /// A new trace; both ids must not be zero, which becomes one.
    pub fn root(trace: u128, span: u64) -> Self {
        Self {
            trace: trace.max(1),
            span: span.max(1),
            flags: 1,
        }
    }

    /// Reads a `traceparent` header; none if it is not valid, as the standard asks.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let version = hex(parts.next()?, 2)?;
        let trace = hex(parts.next()?, 32)?;
        let span = u64::try_from(hex(parts.next()?, 16)?).ok()?;
        let flags = u8::try_from(hex(parts.next()?, 2)?).ok()?;
        // A later version may add parts; version 0 has exactly four.
        let whole = version != 0xff && (version != 0 || parts.next().is_none());
        (whole && trace != 0 && span != 0).then_some(Self { trace, span, flags })
    }

    /// The same trace with another span as parent.
    #[must_use]
    pub fn child(self, span: u64) -> Self {
        Self {
            span: span.max(1),
            ..self
        }
    }

    /// The same with ids and flags as they are; none for ids that are zero.
    #[cfg(feature = "otel")]
    pub(crate) fn of_parts(trace: u128, span: u64, flags: u8) -> Option<Self> {
        (trace != 0 && span != 0).then_some(Self { trace, span, flags })
    }

    /// The ids of the trace and of the span, and the flags.
    #[cfg(feature = "otel")]
    pub(crate) fn parts(self) -> (u128, u64, u8) {
        (self.trace, self.span, self.flags)
    }

    /// Whether it is recorded somewhere: the flag `sampled`.
    pub fn is_sampled(self) -> bool {
        self.flags & 1 == 1
    }

    /// The span's id: 16 lower-case hexadecimal digits.
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span)
    }

    /// The trace's id: 32 lower-case hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{:032x}-{:016x}-{:02x}",
            self.trace, self.span, self.flags
        )
    }
}

/// As its text, by which it is found in logs and in a collector.
impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceContext({self})")
    }
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let lower = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if text.len() != digits || !lower {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    #[test]
    fn only_valid_texts_are_traces() {
        for (text, valid) in [
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                true,
            ),
            (
                "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                true,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                false,
            ),
            (
                "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                false,
            ),
            (
                "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                false,
            ),
            (
                "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                false,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                false,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
                false,
            ),
            (
                "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                false,
            ),
            ("", false),
        ] {
            assert_eq!(TraceContext::parse(text).is_some(), valid, "{text:?}");
        }
    }

    #[test]
    fn it_is_shown_as_its_text() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let shown = format!("{:?}", TraceContext::parse(text).unwrap());
        assert_eq!(shown, format!("TraceContext({text})"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(trace in any::<u128>(), span in any::<u64>()) {
            let context = TraceContext::root(trace, span);
            assert_eq!(TraceContext::parse(&context.to_string()), Some(context));
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = TraceContext::parse(&text);
        }
    }
}
