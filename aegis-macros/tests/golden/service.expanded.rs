/// Adds numbers.
///
/// And keeps them.
impl Calculator {
    /// Adds two numbers.
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn add(&self, ctx: &Context, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a + b)
    }
    #[deprecated]
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn create(&self, order: Params<NewOrder>) -> Result<Receipt, OrderError> {
        Ok(Receipt::of(order))
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn r#type(&self, mut r#fn: Vec<Self>) -> Result<Self, Failure> {
        Ok(r#fn.remove(0))
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn ping(&self) -> Result<(), Failure> {
        Ok(())
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn warm_up(&self, ctx: &Context) -> Result<(), Failure> {
        Ok(())
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn flush(&self) {}
    fn helper(&self) {}
}
/// Calls the service `calculator`, version 1.2.0.
///
/// Adds numbers.
///
/// And keeps them.
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
        const METHODS: &[::aegis::__private::Method] = &[
            ::aegis::__private::Method {
                name: "sum",
                subject: ::aegis::Subject::literal("rpc.calculator.sum"),
                timeout: ::core::option::Option::Some(
                    ::core::time::Duration::from_nanos(2000000000u64),
                ),
                idempotent: true,
                exclusive: false,
            },
            ::aegis::__private::Method {
                name: "create",
                subject: ::aegis::Subject::literal("rpc.calculator.create"),
                timeout: ::core::option::Option::None,
                idempotent: false,
                exclusive: false,
            },
            ::aegis::__private::Method {
                name: "type",
                subject: ::aegis::Subject::literal("rpc.calculator.type"),
                timeout: ::core::option::Option::None,
                idempotent: false,
                exclusive: false,
            },
            ::aegis::__private::Method {
                name: "ping",
                subject: ::aegis::Subject::literal("rpc.calculator.ping"),
                timeout: ::core::option::Option::None,
                idempotent: false,
                exclusive: false,
            },
        ];
        Self {
            stub: ::aegis::__private::Stub::new(client, "calculator", METHODS),
        }
    }
    /// Adds two numbers.
    pub fn add(
        &self,
        a: i64,
        b: i64,
    ) -> ::aegis::Call<
        <Result<i64, Failure> as ::aegis::__private::Outcome>::Ok,
        <Result<i64, Failure> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.call("sum", &["a", "b"], (a, b))
    }
    #[deprecated]
    /// Calls `create` of the service `calculator`.
    pub fn create(
        &self,
        order: Params<NewOrder>,
    ) -> ::aegis::Call<
        <Result<Receipt, OrderError> as ::aegis::__private::Outcome>::Ok,
        <Result<Receipt, OrderError> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.call("create", &["order"], (order,))
    }
    /// Calls `type` of the service `calculator`.
    pub fn r#type(
        &self,
        r#fn: Vec<Calculator>,
    ) -> ::aegis::Call<
        <Result<Calculator, Failure> as ::aegis::__private::Outcome>::Ok,
        <Result<Calculator, Failure> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.call("type", &["fn"], (r#fn,))
    }
    /// Calls `ping` of the service `calculator`.
    pub fn ping(
        &self,
    ) -> ::aegis::Call<
        <Result<(), Failure> as ::aegis::__private::Outcome>::Ok,
        <Result<(), Failure> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.call("ping", &[], ())
    }
}
impl ::core::convert::From<&::aegis::Client> for CalculatorClient {
    fn from(client: &::aegis::Client) -> Self {
        Self::new(client)
    }
}
#[allow(deprecated, unused_qualifications, reason = "said once, at the handler")]
const _: () = {
    impl ::aegis::Service for Calculator {
        const NAME: &'static str = "calculator";
        const VERSION: &'static str = "1.2.0";
        const DESCRIPTION: &'static str = "Adds numbers.\n\nAnd keeps them.";
        const METADATA: &'static [(&'static str, &'static str)] = &[
            ("team", "core"),
            ("tier", "1"),
        ];
        const HANDLERS: usize = {
            const ROWS: &[()] = &[(), (), (), ()];
            ROWS.len()
        };
        fn on_start<'a>(
            &'a self,
            context: &'a ::aegis::Context,
        ) -> ::aegis::__private::HookFuture<'a> {
            ::std::boxed::Box::pin(async move {
                {
                    use ::aegis::__private::StartedOtherwise as _;
                    ::aegis::__private::Started(
                            Self::warm_up(
                                    self,
                                    ::aegis::__private::lent_to_hook::<Context>(context),
                                )
                                .await,
                        )
                        .outcome()
                }
            })
        }
        fn on_stop<'a>(
            &'a self,
            _context: &'a ::aegis::Context,
        ) -> ::aegis::__private::BoxFuture<'a, ()> {
            ::std::boxed::Box::pin(async move { Self::flush(self).await })
        }
    }
    const SUBMIT: ::aegis::HandlerDescriptor = ::aegis::HandlerDescriptor {
        service: ::core::any::TypeId::of::<Calculator>,
        name: "sum",
        docs: "Adds two numbers.",
        signature: "(a: i64, b: i64) -> Result<i64, Failure>",
        source: ::aegis::Source {
            function: "add",
            file: ::core::file!(),
            line: ::core::line!(),
        },
        kind: ::aegis::HandlerKind::Rpc(::aegis::RpcHandler {
            subject: ::aegis::Subject::literal("rpc.calculator.sum"),
            arguments: &["a", "b"],
            timeout: ::core::option::Option::Some(
                ::core::time::Duration::from_nanos(2000000000u64),
            ),
            idempotent: true,
            exclusive: false,
            guard: ::core::option::Option::None,
            concurrency: ::core::option::Option::Some(8),
            queue: ::core::option::Option::Some(16),
            call: |service, request| ::std::boxed::Box::pin(async move {
                let service = ::aegis::__private::service::<Calculator>(&service);
                let arguments = match ::aegis::__private::arguments::<
                    (i64, i64),
                >(&request, &["a", "b"]) {
                    ::core::result::Result::Ok(arguments) => arguments,
                    ::core::result::Result::Err(reply) => return reply,
                };
                <Result<
                    i64,
                    Failure,
                > as ::aegis::__private::Outcome>::reply(
                    Calculator::add(
                            service,
                            ::aegis::__private::borrowed::<Context>(&request),
                            arguments.0,
                            arguments.1,
                        )
                        .await,
                    &request,
                )
            }),
        }),
    };
    const SUBMIT: ::aegis::HandlerDescriptor = ::aegis::HandlerDescriptor {
        service: ::core::any::TypeId::of::<Calculator>,
        name: "create",
        docs: "",
        signature: "(order: Params<NewOrder>) -> Result<Receipt, OrderError>",
        source: ::aegis::Source {
            function: "create",
            file: ::core::file!(),
            line: ::core::line!(),
        },
        kind: ::aegis::HandlerKind::Rpc(::aegis::RpcHandler {
            subject: ::aegis::Subject::literal("rpc.calculator.create"),
            arguments: &["order"],
            timeout: ::core::option::Option::None,
            idempotent: false,
            exclusive: false,
            guard: ::core::option::Option::None,
            concurrency: ::core::option::Option::None,
            queue: ::core::option::Option::None,
            call: |service, request| ::std::boxed::Box::pin(async move {
                let service = ::aegis::__private::service::<Calculator>(&service);
                let arguments = match ::aegis::__private::arguments::<
                    (Params<NewOrder>,),
                >(&request, &["order"]) {
                    ::core::result::Result::Ok(arguments) => arguments,
                    ::core::result::Result::Err(reply) => return reply,
                };
                <Result<
                    Receipt,
                    OrderError,
                > as ::aegis::__private::Outcome>::reply(
                    Calculator::create(service, arguments.0).await,
                    &request,
                )
            }),
        }),
    };
    const SUBMIT: ::aegis::HandlerDescriptor = ::aegis::HandlerDescriptor {
        service: ::core::any::TypeId::of::<Calculator>,
        name: "type",
        docs: "",
        signature: "(fn: Vec<Calculator>) -> Result<Calculator, Failure>",
        source: ::aegis::Source {
            function: "type",
            file: ::core::file!(),
            line: ::core::line!(),
        },
        kind: ::aegis::HandlerKind::Rpc(::aegis::RpcHandler {
            subject: ::aegis::Subject::literal("rpc.calculator.type"),
            arguments: &["fn"],
            timeout: ::core::option::Option::None,
            idempotent: false,
            exclusive: false,
            guard: ::core::option::Option::None,
            concurrency: ::core::option::Option::None,
            queue: ::core::option::Option::None,
            call: |service, request| ::std::boxed::Box::pin(async move {
                let service = ::aegis::__private::service::<Calculator>(&service);
                let arguments = match ::aegis::__private::arguments::<
                    (Vec<Calculator>,),
                >(&request, &["fn"]) {
                    ::core::result::Result::Ok(arguments) => arguments,
                    ::core::result::Result::Err(reply) => return reply,
                };
                <Result<
                    Calculator,
                    Failure,
                > as ::aegis::__private::Outcome>::reply(
                    Calculator::r#type(service, arguments.0).await,
                    &request,
                )
            }),
        }),
    };
    const SUBMIT: ::aegis::HandlerDescriptor = ::aegis::HandlerDescriptor {
        service: ::core::any::TypeId::of::<Calculator>,
        name: "ping",
        docs: "",
        signature: "() -> Result<(), Failure>",
        source: ::aegis::Source {
            function: "ping",
            file: ::core::file!(),
            line: ::core::line!(),
        },
        kind: ::aegis::HandlerKind::Rpc(::aegis::RpcHandler {
            subject: ::aegis::Subject::literal("rpc.calculator.ping"),
            arguments: &[],
            timeout: ::core::option::Option::None,
            idempotent: false,
            exclusive: false,
            guard: ::core::option::Option::None,
            concurrency: ::core::option::Option::None,
            queue: ::core::option::Option::None,
            call: |service, request| ::std::boxed::Box::pin(async move {
                let service = ::aegis::__private::service::<Calculator>(&service);
                let () = match ::aegis::__private::arguments::<()>(&request, &[]) {
                    ::core::result::Result::Ok(arguments) => arguments,
                    ::core::result::Result::Err(reply) => return reply,
                };
                <Result<
                    (),
                    Failure,
                > as ::aegis::__private::Outcome>::reply(
                    Calculator::ping(service).await,
                    &request,
                )
            }),
        }),
    };
};
