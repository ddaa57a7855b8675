//! Names that were checked once: whoever holds one needs no further check.

use std::fmt;
use std::sync::Arc;

use super::grammar::{self, Fault};

/// A name refused at the edge: what it should have named, the text, the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} {}: it is {rule}", fault.text())]
pub struct NameError {
    what: &'static str,
    text: String,
    fault: Fault,
    rule: &'static str,
}

impl NameError {
    /// Whether a text can be the name of an event.
    pub(crate) fn event(text: &str) -> Result<(), Self> {
        let refuse = |fault| Self::new("the event name", text, fault, grammar::EVENT_RULE);
        grammar::event(text).map_err(refuse)
    }

    /// Whether a text can choose events.
    pub(crate) fn event_pattern(text: &str) -> Result<(), Self> {
        let rule = grammar::EVENT_PATTERN_RULE;
        let refuse = |fault| Self::new("the event pattern", text, fault, rule);
        grammar::event_pattern(text).map_err(refuse)
    }

    pub(crate) fn new(what: &'static str, text: &str, fault: Fault, rule: &'static str) -> Self {
        // A hostile text may be long: what is shown of it is bounded.
        let text = text.chars().take(80).collect();
        Self {
            what,
            text,
            fault,
            rule,
        }
    }
}

macro_rules! name {
    ($(#[$docs:meta])* $name:ident, $what:literal, $check:path, $rule:path) => {
        $(#[$docs])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks a text from run time.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                match $check(text) {
                    Ok(()) => Ok(Self(text.into())),
                    Err(fault) => Err(NameError::new($what, text, fault, $rule)),
                }
            }

            /// The checked text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }
    };
}

name! {
    /// The name of a service: a letter, then up to 63 letters, digits, `_` or `-`.
    ServiceName, "the service name", grammar::service, grammar::SERVICE_RULE
}
name! {
    /// The name of a method: a letter, then up to 63 letters, digits or `_`.
    MethodName, "the method name", grammar::method, grammar::METHOD_RULE
}
name! {
    /// The id of one running process of a service: a letter or digit, then up to 127 letters,
    /// digits, `_` or `-`.
    InstanceId, "the instance id", grammar::instance, grammar::INSTANCE_RULE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_their_rule() {
        let long = "a".repeat(65);
        for (text, service, method, instance) in [
            ("calculator", true, true, true),
            ("A", true, true, true),
            ("risk-engine", true, false, true),
            ("risk_engine2", true, true, true),
            ("2fast", false, false, true),
            ("_x", false, false, false),
            ("-x", false, false, false),
            ("", false, false, false),
            ("a.b", false, false, false),
            ("a b", false, false, false),
            ("a*", false, false, false),
            ("a>", false, false, false),
            ("$SRV", false, false, false),
            ("größe", false, false, false),
            ("a\n", false, false, false),
            (&long, false, false, true),
        ] {
            assert_eq!(
                ServiceName::parse(text).is_ok(),
                service,
                "service {text:?}"
            );
            assert_eq!(MethodName::parse(text).is_ok(), method, "method {text:?}");
            assert_eq!(
                InstanceId::parse(text).is_ok(),
                instance,
                "instance {text:?}"
            );
        }
    }

    #[test]
    fn a_refusal_names_the_text_and_the_rule() {
        let error = ServiceName::parse("order.service").unwrap_err().to_string();
        assert_eq!(
            error,
            "the service name \"order.service\" has a character that is not allowed: \
             it is a letter, then up to 63 letters, digits, `_` or `-`"
        );
        assert!(
            ServiceName::parse(&"x".repeat(1_000_000))
                .unwrap_err()
                .to_string()
                .len()
                < 300
        );
    }

    #[test]
    fn versions_follow_semver() {
        for (text, right) in [
            ("1.0.0", true),
            ("0.10.200", true),
            ("1.0.0-rc.1", true),
            ("1.0.0-rc.1+build.7", true),
            ("1.0.0+7", true),
            ("1.0.0+007", true),
            ("1.0", false),
            ("v1.0.0", false),
            ("01.0.0", false),
            ("1.0.0-", false),
            ("1.0.0-01", false),
            ("1.0.0-a..b", false),
            ("1.0.0+a+b", false),
            ("1.0.0 ", false),
            ("", false),
        ] {
            assert_eq!(grammar::version(text).is_ok(), right, "{text:?}");
        }
    }
}
