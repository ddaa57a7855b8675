//! Laws of consumers.
