#[cfg(feature = "system")]
impl my::System {
    #[cfg(unix)]
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn unix_load(&self) -> Result<f64, Failure> {
        Ok(0.5)
    }
    #[cfg(windows)]
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn windows_load(&self) -> Result<f64, Failure> {
        Ok(0.5)
    }
    #[cfg(unix)]
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn flush(&self, ctx: &Context) {}
}
#[cfg(feature = "system")]
/// Calls the service `system`, version 1.0.0.
///
/// Knows the system.
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
pub struct SystemClient {
    stub: ::aegis::__private::Stub,
}
#[cfg(feature = "system")]
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
impl SystemClient {
    /// Calls over the connection of `client`.
    pub fn new(client: &::aegis::Client) -> Self {
        const METHODS: &[::aegis::__private::Method] = &[
            #[cfg(unix)]
            ::aegis::__private::Method {
                name: "load",
                subject: ::aegis::Subject::literal("rpc.system.load"),
                timeout: ::core::option::Option::None,
                idempotent: false,
                exclusive: false,
            },
            #[cfg(windows)]
            ::aegis::__private::Method {
                name: "load",
                subject: ::aegis::Subject::literal("rpc.system.load"),
                timeout: ::core::option::Option::None,
                idempotent: false,
                exclusive: false,
            },
        ];
        Self {
            stub: ::aegis::__private::Stub::new(client, "system", METHODS),
        }
    }
    #[cfg(unix)]
    /// Calls `load` of the service `system`.
    pub fn unix_load(
        &self,
    ) -> ::aegis::Call<
        <Result<f64, Failure> as ::aegis::__private::Outcome>::Ok,
        <Result<f64, Failure> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.call("load", &[], ())
    }
    #[cfg(windows)]
    /// Calls `load` of the service `system`.
    pub fn windows_load(
        &self,
    ) -> ::aegis::Call<
        <Result<f64, Failure> as ::aegis::__private::Outcome>::Ok,
        <Result<f64, Failure> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.call("load", &[], ())
    }
}
#[cfg(feature = "system")]
impl ::core::convert::From<&::aegis::Client> for SystemClient {
    fn from(client: &::aegis::Client) -> Self {
        Self::new(client)
    }
}
#[cfg(feature = "system")]
#[allow(deprecated, unused_qualifications, reason = "said once, at the handler")]
const _: () = {
    impl ::aegis::Service for my::System {
        const NAME: &'static str = "system";
        const VERSION: &'static str = "1.0.0";
        const DESCRIPTION: &'static str = "Knows the system.";
        const METADATA: &'static [(&'static str, &'static str)] = &[];
        const HANDLERS: usize = {
            const ROWS: &[()] = &[#[cfg(unix)] (), #[cfg(windows)] ()];
            ROWS.len()
        };
        #[cfg(unix)]
        fn on_stop<'a>(
            &'a self,
            context: &'a ::aegis::Context,
        ) -> ::aegis::__private::BoxFuture<'a, ()> {
            ::std::boxed::Box::pin(async move {
                Self::flush(self, ::aegis::__private::lent_to_hook::<Context>(context))
                    .await
            })
        }
    }
    #[cfg(unix)]
    const SUBMIT: ::aegis::HandlerDescriptor = ::aegis::HandlerDescriptor {
        service: ::core::any::TypeId::of::<my::System>,
        name: "load",
        docs: "",
        signature: "() -> Result<f64, Failure>",
        source: ::aegis::Source {
            function: "unix_load",
            file: ::core::file!(),
            line: ::core::line!(),
        },
        kind: ::aegis::HandlerKind::Rpc(::aegis::RpcHandler {
            subject: ::aegis::Subject::literal("rpc.system.load"),
            arguments: &[],
            timeout: ::core::option::Option::None,
            idempotent: false,
            exclusive: false,
            guard: ::core::option::Option::None,
            concurrency: ::core::option::Option::None,
            queue: ::core::option::Option::None,
            call: |service, request| ::std::boxed::Box::pin(async move {
                let service = ::aegis::__private::service::<my::System>(&service);
                let () = match ::aegis::__private::arguments::<()>(&request, &[]) {
                    ::core::result::Result::Ok(arguments) => arguments,
                    ::core::result::Result::Err(reply) => return reply,
                };
                <Result<
                    f64,
                    Failure,
                > as ::aegis::__private::Outcome>::reply(
                    my::System::unix_load(service).await,
                    &request,
                )
            }),
        }),
    };
    #[cfg(windows)]
    const SUBMIT: ::aegis::HandlerDescriptor = ::aegis::HandlerDescriptor {
        service: ::core::any::TypeId::of::<my::System>,
        name: "load",
        docs: "",
        signature: "() -> Result<f64, Failure>",
        source: ::aegis::Source {
            function: "windows_load",
            file: ::core::file!(),
            line: ::core::line!(),
        },
        kind: ::aegis::HandlerKind::Rpc(::aegis::RpcHandler {
            subject: ::aegis::Subject::literal("rpc.system.load"),
            arguments: &[],
            timeout: ::core::option::Option::None,
            idempotent: false,
            exclusive: false,
            guard: ::core::option::Option::None,
            concurrency: ::core::option::Option::None,
            queue: ::core::option::Option::None,
            call: |service, request| ::std::boxed::Box::pin(async move {
                let service = ::aegis::__private::service::<my::System>(&service);
                let () = match ::aegis::__private::arguments::<()>(&request, &[]) {
                    ::core::result::Result::Ok(arguments) => arguments,
                    ::core::result::Result::Err(reply) => return reply,
                };
                <Result<
                    f64,
                    Failure,
                > as ::aegis::__private::Outcome>::reply(
                    my::System::windows_load(service).await,
                    &request,
                )
            }),
        }),
    };
};
