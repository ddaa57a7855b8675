impl Billing {
    /// Bills an order.
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn bill(&self, ctx: &Context, event: OrderCreated) -> Result<(), Failure> {
        Ok(())
    }
    #[cfg(unix)]
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn note(&self, OrderEvent { id }: OrderEvent) -> Result<(), AuditError> {
        Ok(())
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn book(
        &self,
        leader: &Leadership,
        _: AnyEvent,
        c: &Context,
    ) -> Result<(), Failure> {
        Ok(())
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn total(&self) -> Result<u64, Failure> {
        Ok(0)
    }
}
/// Calls the service `billing`, version 1.0.0.
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
pub struct BillingClient {
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
impl BillingClient {
    /// Calls over the connection of `client`.
    pub fn new(client: &::aegis::Client) -> Self {
        const METHODS: &[::aegis::__private::Method] = &[
            ::aegis::__private::Method {
                name: "total",
                subject: ::aegis::Subject::literal("rpc.billing.total"),
                timeout: ::core::option::Option::None,
                idempotent: false,
                exclusive: false,
            },
        ];
        Self {
            stub: ::aegis::__private::Stub::new(client, "billing", METHODS),
        }
    }
    /// Calls `total` of the service `billing`.
    pub fn total(
        &self,
    ) -> ::aegis::Call<
        <Result<u64, Failure> as ::aegis::__private::Outcome>::Ok,
        <Result<u64, Failure> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.call("total", &[], ())
    }
}
impl ::core::convert::From<&::aegis::Client> for BillingClient {
    fn from(client: &::aegis::Client) -> Self {
        Self::new(client)
    }
}
#[allow(deprecated, unused_qualifications, reason = "said once, at the handler")]
const _: () = {
    impl ::aegis::Service for Billing {
        const NAME: &'static str = "billing";
        const VERSION: &'static str = "1.0.0";
        const DESCRIPTION: &'static str = "";
        const METADATA: &'static [(&'static str, &'static str)] = &[];
        const HANDLERS: usize = {
            const ROWS: &[()] = &[(), (), #[cfg(unix)] (), ()];
            ROWS.len()
        };
        const GROUP: ::core::option::Option<&'static str> = ::core::option::Option::Some(
            "main",
        );
    }
    const SUBMIT: ::aegis::HandlerDescriptor = ::aegis::HandlerDescriptor {
        service: ::core::any::TypeId::of::<Billing>,
        name: "total",
        docs: "",
        signature: "() -> Result<u64, Failure>",
        source: ::aegis::Source {
            function: "total",
            file: ::core::file!(),
            line: ::core::line!(),
        },
        kind: ::aegis::HandlerKind::Rpc(::aegis::RpcHandler {
            subject: ::aegis::Subject::literal("rpc.billing.total"),
            arguments: &[],
            timeout: ::core::option::Option::None,
            idempotent: false,
            exclusive: false,
            guard: ::core::option::Option::None,
            concurrency: ::core::option::Option::None,
            queue: ::core::option::Option::None,
            call: |service, request| ::std::boxed::Box::pin(async move {
                let service = ::aegis::__private::service::<Billing>(&service);
                let () = match ::aegis::__private::arguments::<()>(&request, &[]) {
                    ::core::result::Result::Ok(arguments) => arguments,
                    ::core::result::Result::Err(reply) => return reply,
                };
                <Result<
                    u64,
                    Failure,
                > as ::aegis::__private::Outcome>::reply(
                    Billing::total(service).await,
                    &request,
                )
            }),
        }),
    };
    const _: () = ::core::assert!(
        ! ::aegis::__private::event_names:: < OrderCreated > ().is_empty(), "{}",
        "`OrderCreated` can be any event: say which ones you want with a pattern, as in `#[subscribe(\"orders.*\", ..)]`"
    );
    const SUBMIT: ::aegis::HandlerDescriptor = ::aegis::HandlerDescriptor {
        service: ::core::any::TypeId::of::<Billing>,
        name: "bill",
        docs: "Bills an order.",
        signature: "(event: OrderCreated) -> Result<(), Failure>",
        source: ::aegis::Source {
            function: "bill",
            file: ::core::file!(),
            line: ::core::line!(),
        },
        kind: ::aegis::HandlerKind::Event(::aegis::EventHandler {
            service: "billing",
            pattern: ::core::option::Option::None,
            names: ::aegis::__private::event_names::<OrderCreated>(),
            mode: ::aegis::EventMode::Compete,
            start: ::aegis::EventStart::New,
            retries: ::core::option::Option::None,
            backoff: ::core::option::Option::None,
            ack_wait: ::core::option::Option::None,
            timeout: ::core::option::Option::None,
            concurrency: ::core::option::Option::None,
            durable: false,
            exactly: false,
            call: |service, delivered| ::std::boxed::Box::pin(async move {
                let service = ::aegis::__private::service::<Billing>(&service);
                let event = match ::aegis::__private::event::<OrderCreated>(&delivered) {
                    ::core::result::Result::Ok(event) => event,
                    ::core::result::Result::Err(failure) => {
                        return ::core::result::Result::Err(failure);
                    }
                };
                {
                    use ::aegis::__private::HandledOtherwise as _;
                    ::aegis::__private::Handled(
                            Billing::bill(
                                    service,
                                    ::aegis::__private::borrowed_by_event::<
                                        Context,
                                    >(&delivered),
                                    event,
                                )
                                .await,
                        )
                        .outcome()
                }
            }),
        }),
    };
    #[cfg(unix)]
    const _: () = ::core::assert!(
        ::aegis::__private::pattern_covers("orders.*", ::aegis::__private::event_names::
        < OrderEvent > ()), "{}",
        "the pattern `orders.*` does not match every name that `OrderEvent` can have: widen the pattern, take another type, or leave the pattern out"
    );
    #[cfg(unix)]
    const SUBMIT: ::aegis::HandlerDescriptor = ::aegis::HandlerDescriptor {
        service: ::core::any::TypeId::of::<Billing>,
        name: "audit",
        docs: "",
        signature: "(event: OrderEvent) -> Result<(), AuditError>",
        source: ::aegis::Source {
            function: "note",
            file: ::core::file!(),
            line: ::core::line!(),
        },
        kind: ::aegis::HandlerKind::Event(::aegis::EventHandler {
            service: "billing",
            pattern: ::core::option::Option::Some("orders.*"),
            names: ::aegis::__private::event_names::<OrderEvent>(),
            mode: ::aegis::EventMode::Broadcast,
            start: ::aegis::EventStart::All,
            retries: ::core::option::Option::Some(0),
            backoff: ::core::option::Option::Some((
                ::core::time::Duration::from_nanos(120000000000u64),
                ::core::time::Duration::from_nanos(120000000000u64),
            )),
            ack_wait: ::core::option::Option::Some(
                ::core::time::Duration::from_nanos(90000000000u64),
            ),
            timeout: ::core::option::Option::None,
            concurrency: ::core::option::Option::Some(8),
            durable: true,
            exactly: true,
            call: |service, delivered| ::std::boxed::Box::pin(async move {
                let service = ::aegis::__private::service::<Billing>(&service);
                let event = match ::aegis::__private::event::<OrderEvent>(&delivered) {
                    ::core::result::Result::Ok(event) => event,
                    ::core::result::Result::Err(failure) => {
                        return ::core::result::Result::Err(failure);
                    }
                };
                {
                    use ::aegis::__private::HandledOtherwise as _;
                    ::aegis::__private::Handled(Billing::note(service, event).await)
                        .outcome()
                }
            }),
        }),
    };
    const _: () = ::core::assert!(
        ::aegis::__private::pattern_covers("audit.>", ::aegis::__private::event_names:: <
        AnyEvent > ()), "{}",
        "the pattern `audit.>` does not match every name that `AnyEvent` can have: widen the pattern, take another type, or leave the pattern out"
    );
    const SUBMIT: ::aegis::HandlerDescriptor = ::aegis::HandlerDescriptor {
        service: ::core::any::TypeId::of::<Billing>,
        name: "book",
        docs: "",
        signature: "(event: AnyEvent) -> Result<(), Failure>",
        source: ::aegis::Source {
            function: "book",
            file: ::core::file!(),
            line: ::core::line!(),
        },
        kind: ::aegis::HandlerKind::Event(::aegis::EventHandler {
            service: "billing",
            pattern: ::core::option::Option::Some("audit.>"),
            names: ::aegis::__private::event_names::<AnyEvent>(),
            mode: ::aegis::EventMode::Exclusive,
            start: ::aegis::EventStart::New,
            retries: ::core::option::Option::None,
            backoff: ::core::option::Option::Some((
                ::core::time::Duration::from_nanos(10000000u64),
                ::core::time::Duration::from_nanos(1000000000u64),
            )),
            ack_wait: ::core::option::Option::None,
            timeout: ::core::option::Option::None,
            concurrency: ::core::option::Option::None,
            durable: false,
            exactly: false,
            call: |service, delivered| ::std::boxed::Box::pin(async move {
                let service = ::aegis::__private::service::<Billing>(&service);
                let event = match ::aegis::__private::event::<AnyEvent>(&delivered) {
                    ::core::result::Result::Ok(event) => event,
                    ::core::result::Result::Err(failure) => {
                        return ::core::result::Result::Err(failure);
                    }
                };
                {
                    use ::aegis::__private::HandledOtherwise as _;
                    ::aegis::__private::Handled(
                            Billing::book(
                                    service,
                                    ::aegis::__private::borrowed_by_leader_for_event::<
                                        Leadership,
                                    >(&delivered),
                                    event,
                                    ::aegis::__private::borrowed_by_leader_for_event::<
                                        Context,
                                    >(&delivered),
                                )
                                .await,
                        )
                        .outcome()
                }
            }),
        }),
    };
};
impl Mistaken {
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn bill(&self, leader: &Leadership, event: AnyEvent) -> Result<(), Failure> {
        Ok(())
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn book(&self, ctx: &Context, event: AnyEvent) -> Result<(), Failure> {
        Ok(())
    }
}
::core::compile_error! {
    "`retries` must be from 0 to 1000"
}
const _: () = {
    const _: () = ::aegis::__private::assert_borrowed_by_leader::<Leadership>();
    const _: () = ::aegis::__private::assert_borrowed_by_event::<Context>();
};
#[allow(deprecated, unused_qualifications, reason = "said once, at the handler")]
const _: () = {
    impl ::aegis::Service for Mistaken {
        const NAME: &'static str = "mistaken";
        const VERSION: &'static str = "1.0.0";
        const DESCRIPTION: &'static str = "";
        const METADATA: &'static [(&'static str, &'static str)] = &[];
        const HANDLERS: usize = {
            const ROWS: &[()] = &[];
            ROWS.len()
        };
        const GROUP: ::core::option::Option<&'static str> = ::core::option::Option::Some(
            "main",
        );
    }
};
/// Calls the service `mistaken`, version 1.0.0.
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
pub struct MistakenClient {
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
impl MistakenClient {
    /// Calls over the connection of `client`.
    pub fn new(client: &::aegis::Client) -> Self {
        const METHODS: &[::aegis::__private::Method] = &[];
        Self {
            stub: ::aegis::__private::Stub::new(client, "mistaken", METHODS),
        }
    }
}
impl ::core::convert::From<&::aegis::Client> for MistakenClient {
    fn from(client: &::aegis::Client) -> Self {
        Self::new(client)
    }
}
