/// Keeps the books.
impl Ledger {
    /// Adds an entry.
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn post(
        &self,
        leader: &Leadership,
        ctx: &Context,
        entry: Entry,
    ) -> Result<u64, Failure> {
        Ok(leader.epoch())
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn balance(&self, ctx: &Context, account: String) -> Result<i64, Failure> {
        Ok(0)
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn promoted(&self, leader: &Leadership, ctx: &Context) -> Result<(), Failure> {
        Ok(())
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn demoted(&self, ctx: &Context) {}
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
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn health(&self) -> Health {
        Health::Up
    }
}
/// Calls the service `ledger`, version 1.0.0.
///
/// Keeps the books.
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
pub struct LedgerClient {
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
impl LedgerClient {
    /// Calls over the connection of `client`.
    pub fn new(client: &::aegis::Client) -> Self {
        const METHODS: &[::aegis::__private::Method] = &[
            ::aegis::__private::Method {
                name: "post",
                subject: ::aegis::Subject::literal("rpc.ledger.post"),
                timeout: ::core::option::Option::Some(
                    ::core::time::Duration::from_nanos(2000000000u64),
                ),
                idempotent: true,
                exclusive: true,
            },
            ::aegis::__private::Method {
                name: "balance",
                subject: ::aegis::Subject::literal("rpc.ledger.balance"),
                timeout: ::core::option::Option::None,
                idempotent: false,
                exclusive: false,
            },
        ];
        Self {
            stub: ::aegis::__private::Stub::new(client, "ledger", METHODS),
        }
    }
    /// Adds an entry.
    pub fn post(
        &self,
        entry: Entry,
    ) -> ::aegis::Call<
        <Result<u64, Failure> as ::aegis::__private::Outcome>::Ok,
        <Result<u64, Failure> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.call("post", &["entry"], (entry,))
    }
    /// Calls `balance` of the service `ledger`.
    pub fn balance(
        &self,
        account: String,
    ) -> ::aegis::Call<
        <Result<i64, Failure> as ::aegis::__private::Outcome>::Ok,
        <Result<i64, Failure> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.call("balance", &["account"], (account,))
    }
}
impl ::core::convert::From<&::aegis::Client> for LedgerClient {
    fn from(client: &::aegis::Client) -> Self {
        Self::new(client)
    }
}
#[allow(deprecated, unused_qualifications, reason = "said once, at the handler")]
const _: () = {
    impl ::aegis::Service for Ledger {
        const NAME: &'static str = "ledger";
        const VERSION: &'static str = "1.0.0";
        const DESCRIPTION: &'static str = "Keeps the books.";
        const METADATA: &'static [(&'static str, &'static str)] = &[];
        const HANDLERS: usize = {
            const ROWS: &[()] = &[(), ()];
            ROWS.len()
        };
        const GROUP: ::core::option::Option<&'static str> = ::core::option::Option::Some(
            "eu",
        );
        const FAILOVER: ::aegis::Failover = ::aegis::__private::failover(600, 100, 120);
        fn on_leader<'a>(
            &'a self,
            context: &'a ::aegis::Context,
            leader: &'a ::aegis::Leadership,
        ) -> ::aegis::__private::HookFuture<'a> {
            ::std::boxed::Box::pin(async move {
                {
                    use ::aegis::__private::PromotedOtherwise as _;
                    ::aegis::__private::Promoted(
                            Self::promoted(
                                    self,
                                    ::aegis::__private::lent::<Leadership>(context, leader),
                                    ::aegis::__private::lent::<Context>(context, leader),
                                )
                                .await,
                        )
                        .outcome()
                }
            })
        }
        fn on_standby<'a>(
            &'a self,
            context: &'a ::aegis::Context,
        ) -> ::aegis::__private::BoxFuture<'a, ()> {
            ::std::boxed::Box::pin(async move {
                Self::demoted(self, ::aegis::__private::lent_to_hook::<Context>(context))
                    .await
            })
        }
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
        fn health<'a>(
            &'a self,
            _context: &'a ::aegis::Context,
        ) -> ::aegis::__private::BoxFuture<'a, ::aegis::Health> {
            ::std::boxed::Box::pin(async move {
                <::aegis::Health as ::core::convert::From<
                    _,
                >>::from(Self::health(self).await)
            })
        }
    }
    const SUBMIT: ::aegis::HandlerDescriptor = ::aegis::HandlerDescriptor {
        service: ::core::any::TypeId::of::<Ledger>,
        name: "post",
        docs: "Adds an entry.",
        signature: "(entry: Entry) -> Result<u64, Failure>",
        source: ::aegis::Source {
            function: "post",
            file: ::core::file!(),
            line: ::core::line!(),
        },
        kind: ::aegis::HandlerKind::Rpc(::aegis::RpcHandler {
            subject: ::aegis::Subject::literal("rpc.ledger.post"),
            arguments: &["entry"],
            timeout: ::core::option::Option::Some(
                ::core::time::Duration::from_nanos(2000000000u64),
            ),
            idempotent: true,
            exclusive: true,
            guard: ::core::option::Option::None,
            concurrency: ::core::option::Option::None,
            queue: ::core::option::Option::None,
            call: |service, request| ::std::boxed::Box::pin(async move {
                let service = ::aegis::__private::service::<Ledger>(&service);
                let arguments = match ::aegis::__private::arguments::<
                    (Entry,),
                >(&request, &["entry"]) {
                    ::core::result::Result::Ok(arguments) => arguments,
                    ::core::result::Result::Err(reply) => return reply,
                };
                <Result<
                    u64,
                    Failure,
                > as ::aegis::__private::Outcome>::reply(
                    Ledger::post(
                            service,
                            ::aegis::__private::borrowed_by_leader::<
                                Leadership,
                            >(&request),
                            ::aegis::__private::borrowed_by_leader::<Context>(&request),
                            arguments.0,
                        )
                        .await,
                    &request,
                )
            }),
        }),
    };
    const SUBMIT: ::aegis::HandlerDescriptor = ::aegis::HandlerDescriptor {
        service: ::core::any::TypeId::of::<Ledger>,
        name: "balance",
        docs: "",
        signature: "(account: String) -> Result<i64, Failure>",
        source: ::aegis::Source {
            function: "balance",
            file: ::core::file!(),
            line: ::core::line!(),
        },
        kind: ::aegis::HandlerKind::Rpc(::aegis::RpcHandler {
            subject: ::aegis::Subject::literal("rpc.ledger.balance"),
            arguments: &["account"],
            timeout: ::core::option::Option::None,
            idempotent: false,
            exclusive: false,
            guard: ::core::option::Option::None,
            concurrency: ::core::option::Option::None,
            queue: ::core::option::Option::None,
            call: |service, request| ::std::boxed::Box::pin(async move {
                let service = ::aegis::__private::service::<Ledger>(&service);
                let arguments = match ::aegis::__private::arguments::<
                    (String,),
                >(&request, &["account"]) {
                    ::core::result::Result::Ok(arguments) => arguments,
                    ::core::result::Result::Err(reply) => return reply,
                };
                <Result<
                    i64,
                    Failure,
                > as ::aegis::__private::Outcome>::reply(
                    Ledger::balance(
                            service,
                            ::aegis::__private::borrowed::<Context>(&request),
                            arguments.0,
                        )
                        .await,
                    &request,
                )
            }),
        }),
    };
};
impl Archive {
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn on_leader(&self) -> Result<(), Failure> {
        Ok(())
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn on_standby(&self) {}
}
/// Calls the service `archive`, version 1.0.0.
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
pub struct ArchiveClient {
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
impl ArchiveClient {
    /// Calls over the connection of `client`.
    pub fn new(client: &::aegis::Client) -> Self {
        const METHODS: &[::aegis::__private::Method] = &[];
        Self {
            stub: ::aegis::__private::Stub::new(client, "archive", METHODS),
        }
    }
}
impl ::core::convert::From<&::aegis::Client> for ArchiveClient {
    fn from(client: &::aegis::Client) -> Self {
        Self::new(client)
    }
}
#[allow(deprecated, unused_qualifications, reason = "said once, at the handler")]
const _: () = {
    impl ::aegis::Service for Archive {
        const NAME: &'static str = "archive";
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
        const FAILOVER: ::aegis::Failover = ::aegis::__private::failover(1200, 200, 200);
        fn on_leader<'a>(
            &'a self,
            _context: &'a ::aegis::Context,
            _leader: &'a ::aegis::Leadership,
        ) -> ::aegis::__private::HookFuture<'a> {
            ::std::boxed::Box::pin(async move {
                {
                    use ::aegis::__private::PromotedOtherwise as _;
                    ::aegis::__private::Promoted(Self::on_leader(self).await).outcome()
                }
            })
        }
        fn on_standby<'a>(
            &'a self,
            _context: &'a ::aegis::Context,
        ) -> ::aegis::__private::BoxFuture<'a, ()> {
            ::std::boxed::Box::pin(async move { Self::on_standby(self).await })
        }
    }
};
impl Optional {
    #[cfg(unix)]
    #[cfg(feature = "writes")]
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn write(&self) -> Result<(), Failure> {
        Ok(())
    }
    #[cfg(test)]
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn demoted(&self) {}
}
/// Calls the service `optional`, version 1.0.0.
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
pub struct OptionalClient {
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
impl OptionalClient {
    /// Calls over the connection of `client`.
    pub fn new(client: &::aegis::Client) -> Self {
        const METHODS: &[::aegis::__private::Method] = &[
            #[cfg(unix)]
            #[cfg(feature = "writes")]
            ::aegis::__private::Method {
                name: "write",
                subject: ::aegis::Subject::literal("rpc.optional.write"),
                timeout: ::core::option::Option::None,
                idempotent: false,
                exclusive: true,
            },
        ];
        Self {
            stub: ::aegis::__private::Stub::new(client, "optional", METHODS),
        }
    }
    #[cfg(unix)]
    #[cfg(feature = "writes")]
    /// Calls `write` of the service `optional`.
    pub fn write(
        &self,
    ) -> ::aegis::Call<
        <Result<(), Failure> as ::aegis::__private::Outcome>::Ok,
        <Result<(), Failure> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.call("write", &[], ())
    }
}
impl ::core::convert::From<&::aegis::Client> for OptionalClient {
    fn from(client: &::aegis::Client) -> Self {
        Self::new(client)
    }
}
#[allow(deprecated, unused_qualifications, reason = "said once, at the handler")]
const _: () = {
    impl ::aegis::Service for Optional {
        const NAME: &'static str = "optional";
        const VERSION: &'static str = "1.0.0";
        const DESCRIPTION: &'static str = "";
        const METADATA: &'static [(&'static str, &'static str)] = &[];
        const HANDLERS: usize = {
            const ROWS: &[()] = &[#[cfg(unix)] #[cfg(feature = "writes")] ()];
            ROWS.len()
        };
        #[cfg(any(all(unix, feature = "writes"), all(test)))]
        const GROUP: ::core::option::Option<&'static str> = ::core::option::Option::Some(
            "main",
        );
        #[cfg(any(all(unix, feature = "writes"), all(test)))]
        const FAILOVER: ::aegis::Failover = ::aegis::__private::failover(
            12000,
            2000,
            1000,
        );
        #[cfg(test)]
        fn on_standby<'a>(
            &'a self,
            _context: &'a ::aegis::Context,
        ) -> ::aegis::__private::BoxFuture<'a, ()> {
            ::std::boxed::Box::pin(async move { Self::demoted(self).await })
        }
    }
    #[cfg(unix)]
    #[cfg(feature = "writes")]
    const SUBMIT: ::aegis::HandlerDescriptor = ::aegis::HandlerDescriptor {
        service: ::core::any::TypeId::of::<Optional>,
        name: "write",
        docs: "",
        signature: "() -> Result<(), Failure>",
        source: ::aegis::Source {
            function: "write",
            file: ::core::file!(),
            line: ::core::line!(),
        },
        kind: ::aegis::HandlerKind::Rpc(::aegis::RpcHandler {
            subject: ::aegis::Subject::literal("rpc.optional.write"),
            arguments: &[],
            timeout: ::core::option::Option::None,
            idempotent: false,
            exclusive: true,
            guard: ::core::option::Option::None,
            concurrency: ::core::option::Option::None,
            queue: ::core::option::Option::None,
            call: |service, request| ::std::boxed::Box::pin(async move {
                let service = ::aegis::__private::service::<Optional>(&service);
                let () = match ::aegis::__private::arguments::<()>(&request, &[]) {
                    ::core::result::Result::Ok(arguments) => arguments,
                    ::core::result::Result::Err(reply) => return reply,
                };
                <Result<
                    (),
                    Failure,
                > as ::aegis::__private::Outcome>::reply(
                    Optional::write(service).await,
                    &request,
                )
            }),
        }),
    };
};
#[allow(async_fn_in_trait, dead_code, reason = "only the generated client is called")]
trait Elsewhere {
    async fn post(&self, entry: Entry) -> Result<u64, Failure>;
    async fn balance(&self, account: String) -> Result<i64, Failure>;
}
/// Calls the service `ledger`, as [`Elsewhere`] says.
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
struct ElsewhereClient {
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
impl ElsewhereClient {
    /// Calls over the connection of `client`.
    pub fn new(client: &::aegis::Client) -> Self {
        const METHODS: &[::aegis::__private::Method] = &[
            ::aegis::__private::Method {
                name: "post",
                subject: ::aegis::Subject::literal("rpc.ledger.post"),
                timeout: ::core::option::Option::None,
                idempotent: false,
                exclusive: true,
            },
            ::aegis::__private::Method {
                name: "balance",
                subject: ::aegis::Subject::literal("rpc.ledger.balance"),
                timeout: ::core::option::Option::None,
                idempotent: false,
                exclusive: false,
            },
        ];
        Self {
            stub: ::aegis::__private::Stub::new(client, "ledger", METHODS).elsewhere(),
        }
    }
    /// Calls `post` of the service `ledger`.
    pub fn post(
        &self,
        entry: Entry,
    ) -> ::aegis::Call<
        <Result<u64, Failure> as ::aegis::__private::Outcome>::Ok,
        <Result<u64, Failure> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.call("post", &["entry"], (entry,))
    }
    /// Calls `balance` of the service `ledger`.
    pub fn balance(
        &self,
        account: String,
    ) -> ::aegis::Call<
        <Result<i64, Failure> as ::aegis::__private::Outcome>::Ok,
        <Result<i64, Failure> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.call("balance", &["account"], (account,))
    }
}
impl ::core::convert::From<&::aegis::Client> for ElsewhereClient {
    fn from(client: &::aegis::Client) -> Self {
        Self::new(client)
    }
}
