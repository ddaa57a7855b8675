impl Calculator {
    /// Stays callable in the client.
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a + b)
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    fn subtract(&mut self, (a, b): (i64, i64)) -> Result<i64, Failure> {
        Ok(a - b)
    }
}
::core::compile_error! {
    "`#[aegis::service]` has no option `colour`: it takes `name`, `version`, `description`, `metadata`, `group`, `failover`"
}
::core::compile_error! {
    "`soon` is not a duration: write a number and a unit, as in `500ms`, `2s` or `1m 30s`"
}
::core::compile_error! {
    "`subtract` must be an `async fn`: write `async` before `fn`"
}
::core::compile_error! {
    "`subtract` cannot have `&mut self`, calls run at the same time: take `&self`, and keep what changes in a `Mutex` or an atomic"
}
::core::compile_error! {
    "an argument needs a plain name: the name is the field of the message; take it apart inside the method"
}
::core::compile_error! {
    "the service name `two words` has a character that is not allowed: use a letter, then up to 63 letters, digits, `_` or `-`"
}
#[allow(deprecated, unused_qualifications, reason = "said once, at the handler")]
const _: () = {
    impl ::aegis::Service for Calculator {
        const NAME: &'static str = "two words";
        const VERSION: &'static str = "1.0.0";
        const DESCRIPTION: &'static str = "";
        const METADATA: &'static [(&'static str, &'static str)] = &[];
        const HANDLERS: usize = {
            const ROWS: &[()] = &[];
            ROWS.len()
        };
    }
};
/// Calls the service `two words`, version 1.0.0.
#[allow(
    dead_code,
    deprecated,
    private_bounds,
    private_interfaces,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    rustdoc::broken_intra_doc_links,
    rustdoc::private_intra_doc_links,
    reason = "generated from the handlers, whose surroundings the macro cannot see"
)]
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
pub struct CalculatorClient {
    stub: ::aegis::__private::Stub,
}
#[allow(
    dead_code,
    deprecated,
    private_bounds,
    private_interfaces,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    rustdoc::broken_intra_doc_links,
    rustdoc::private_intra_doc_links,
    reason = "generated from the handlers, whose surroundings the macro cannot see"
)]
impl CalculatorClient {
    /// Calls over the connection of `client`.
    pub fn new(client: &::aegis::Client) -> Self {
        const METHODS: &[::aegis::__private::Method] = &[];
        Self {
            stub: ::aegis::__private::Stub::new(client, "two words", METHODS),
        }
    }
    /// Stays callable in the client.
    pub fn add(
        &self,
        a: i64,
        b: i64,
    ) -> ::aegis::Call<
        <Result<i64, Failure> as ::aegis::__private::Outcome>::Ok,
        <Result<i64, Failure> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.call("add", &["a", "b"], (a, b))
    }
}
impl ::core::convert::From<&::aegis::Client> for CalculatorClient {
    fn from(client: &::aegis::Client) -> Self {
        Self::new(client)
    }
}
