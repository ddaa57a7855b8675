//! Made by another macro, and with odd things around.
#![allow(
    deprecated,
    clippy::needless_arbitrary_self_type,
    reason = "asks for it"
)]

macro_rules! echo {
    ($(#[$doc:meta])* $name:literal, $version:literal, $ty:ty, $method:ident, $of:ty, $limit:literal) => {
        $(#[$doc])*
        #[allow(unused_qualifications, reason = "on purpose")]
        #[::sky::service(name = $name, version = $version)]
        impl $ty {
            #[rpc(concurrency = $limit)]
            async fn $method(&self, value: $of, ctx: &::sky::Context) -> ::core::result::Result<$of, ::sky::Failure> {
                let _ = ctx;
                ::core::result::Result::Ok(value)
            }
        }
    };
}

/// Echoes.
#[derive(Debug)]
#[deprecated]
pub struct Echo;

echo!(
    /// Says it again.
    "echo", "0.1.0", self::Echo, say, ::std::vec::Vec<i64>, 4
);

mod private {
    #[derive(Debug)]
    struct Hidden;

    #[::sky::service(name = "hidden", version = "1.0.0")]
    #[cfg(any(unix, not(unix)))]
    impl Hidden {
        #[rpc]
        async fn many(
            self: &Self,
            a: i64,
            b: i64,
            c: i64,
        ) -> ::core::result::Result<
            ::std::collections::HashMap<
                i64,
                ::std::vec::Vec<(i64, ::std::option::Option<(i64, i64)>)>,
            >,
            ::sky::Failure,
        > {
            let _ = (a, b, c);
            ::core::result::Result::Err(::sky::Failure::new("A", "b"))
        }
    }

    #[::sky::service(name = "empty", version = "1.0.0")]
    impl super::Empty {}
}

/// Has no handler.
#[derive(Debug)]
pub struct Empty;
