impl Importer {
    /// Imports a file.
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn import(
        &self,
        ctx: &Context,
        progress: &Progress,
        url: String,
    ) -> Result<Report, Failure> {
        Ok(Report::of(url))
    }
    #[cfg(unix)]
    #[deprecated]
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn r#match(&self, r#type: Vec<Self>, depth: u8) -> Result<Self, ImportError> {
        Ok(r#type.remove(0))
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn clean(&self) -> Result<(), Failure> {
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
/// Calls the service `importer`, version 1.0.0.
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
pub struct ImporterClient {
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
impl ImporterClient {
    /// Calls over the connection of `client`.
    pub fn new(client: &::aegis::Client) -> Self {
        const METHODS: &[::aegis::__private::Method] = &[
            ::aegis::__private::Method {
                name: "total",
                subject: ::aegis::Subject::literal("rpc.importer.total"),
                timeout: ::core::option::Option::None,
                idempotent: false,
                exclusive: false,
            },
        ];
        Self {
            stub: ::aegis::__private::Stub::new(client, "importer", METHODS),
        }
    }
    /// Imports a file.
    pub fn import(
        &self,
        url: String,
    ) -> ::aegis::Command<
        <Result<Report, Failure> as ::aegis::__private::Outcome>::Ok,
        <Result<Report, Failure> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.command("importer", "import", &["url"], (url,))
    }
    #[cfg(unix)]
    #[deprecated]
    /// Sends the command `compact` to the service `importer`: `.send().await` returns when it is queued.
    pub fn r#match(
        &self,
        r#type: Vec<Importer>,
        depth: u8,
    ) -> ::aegis::Command<
        <Result<Importer, ImportError> as ::aegis::__private::Outcome>::Ok,
        <Result<Importer, ImportError> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.command("importer", "compact", &["type", "depth"], (r#type, depth))
    }
    /// Sends the command `clean` to the service `importer`: `.send().await` returns when it is queued.
    pub fn clean(
        &self,
    ) -> ::aegis::Command<
        <Result<(), Failure> as ::aegis::__private::Outcome>::Ok,
        <Result<(), Failure> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.command("importer", "clean", &[], ())
    }
    /// Calls `total` of the service `importer`.
    pub fn total(
        &self,
    ) -> ::aegis::Call<
        <Result<u64, Failure> as ::aegis::__private::Outcome>::Ok,
        <Result<u64, Failure> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.call("total", &[], ())
    }
}
impl ::core::convert::From<&::aegis::Client> for ImporterClient {
    fn from(client: &::aegis::Client) -> Self {
        Self::new(client)
    }
}
#[allow(deprecated, unused_qualifications, reason = "said once, at the handler")]
const _: () = {
    impl ::aegis::Service for Importer {
        const NAME: &'static str = "importer";
        const VERSION: &'static str = "1.0.0";
        const DESCRIPTION: &'static str = "";
        const METADATA: &'static [(&'static str, &'static str)] = &[];
        const HANDLERS: usize = {
            const ROWS: &[()] = &[(), #[cfg(unix)] (), (), ()];
            ROWS.len()
        };
    }
    const SUBMIT: ::aegis::HandlerDescriptor = ::aegis::HandlerDescriptor {
        service: ::core::any::TypeId::of::<Importer>,
        name: "import",
        docs: "Imports a file.",
        signature: "(url: String) -> Result<Report, Failure>",
        source: ::aegis::Source {
            function: "import",
            file: ::core::file!(),
            line: ::core::line!(),
        },
        kind: ::aegis::HandlerKind::Command(::aegis::CommandHandler {
            service: "importer",
            arguments: &["url"],
            retries: ::core::option::Option::Some(3),
            backoff: ::core::option::Option::None,
            ack_wait: ::core::option::Option::None,
            timeout: ::core::option::Option::Some(
                ::core::time::Duration::from_nanos(300000000000u64),
            ),
            guard: ::core::option::Option::None,
            concurrency: ::core::option::Option::Some(8),
            call: |service, assigned| ::std::boxed::Box::pin(async move {
                let service = ::aegis::__private::service::<Importer>(&service);
                let arguments = match ::aegis::__private::command_arguments::<
                    (String,),
                >(&assigned, &["url"]) {
                    ::core::result::Result::Ok(arguments) => arguments,
                    ::core::result::Result::Err(failure) => {
                        return ::core::result::Result::Err(failure);
                    }
                };
                <Result<
                    Report,
                    Failure,
                > as ::aegis::__private::Outcome>::finish(
                    Importer::import(
                            service,
                            ::aegis::__private::borrowed_by_command::<
                                Context,
                            >(&assigned),
                            ::aegis::__private::borrowed_by_command::<
                                Progress,
                            >(&assigned),
                            arguments.0,
                        )
                        .await,
                )
            }),
        }),
    };
    #[cfg(unix)]
    const SUBMIT: ::aegis::HandlerDescriptor = ::aegis::HandlerDescriptor {
        service: ::core::any::TypeId::of::<Importer>,
        name: "compact",
        docs: "",
        signature: "(type: Vec<Importer>, depth: u8) -> Result<Importer, ImportError>",
        source: ::aegis::Source {
            function: "match",
            file: ::core::file!(),
            line: ::core::line!(),
        },
        kind: ::aegis::HandlerKind::Command(::aegis::CommandHandler {
            service: "importer",
            arguments: &["type", "depth"],
            retries: ::core::option::Option::None,
            backoff: ::core::option::Option::Some((
                ::core::time::Duration::from_nanos(10000000u64),
                ::core::time::Duration::from_nanos(1000000000u64),
            )),
            ack_wait: ::core::option::Option::Some(
                ::core::time::Duration::from_nanos(60000000000u64),
            ),
            timeout: ::core::option::Option::None,
            guard: ::core::option::Option::None,
            concurrency: ::core::option::Option::None,
            call: |service, assigned| ::std::boxed::Box::pin(async move {
                let service = ::aegis::__private::service::<Importer>(&service);
                let arguments = match ::aegis::__private::command_arguments::<
                    (Vec<Importer>, u8),
                >(&assigned, &["type", "depth"]) {
                    ::core::result::Result::Ok(arguments) => arguments,
                    ::core::result::Result::Err(failure) => {
                        return ::core::result::Result::Err(failure);
                    }
                };
                <Result<
                    Importer,
                    ImportError,
                > as ::aegis::__private::Outcome>::finish(
                    Importer::r#match(service, arguments.0, arguments.1).await,
                )
            }),
        }),
    };
    const SUBMIT: ::aegis::HandlerDescriptor = ::aegis::HandlerDescriptor {
        service: ::core::any::TypeId::of::<Importer>,
        name: "clean",
        docs: "",
        signature: "() -> Result<(), Failure>",
        source: ::aegis::Source {
            function: "clean",
            file: ::core::file!(),
            line: ::core::line!(),
        },
        kind: ::aegis::HandlerKind::Command(::aegis::CommandHandler {
            service: "importer",
            arguments: &[],
            retries: ::core::option::Option::None,
            backoff: ::core::option::Option::Some((
                ::core::time::Duration::from_nanos(120000000000u64),
                ::core::time::Duration::from_nanos(120000000000u64),
            )),
            ack_wait: ::core::option::Option::None,
            timeout: ::core::option::Option::None,
            guard: ::core::option::Option::None,
            concurrency: ::core::option::Option::None,
            call: |service, assigned| ::std::boxed::Box::pin(async move {
                let service = ::aegis::__private::service::<Importer>(&service);
                let () = match ::aegis::__private::command_arguments::<
                    (),
                >(&assigned, &[]) {
                    ::core::result::Result::Ok(arguments) => arguments,
                    ::core::result::Result::Err(failure) => {
                        return ::core::result::Result::Err(failure);
                    }
                };
                <Result<
                    (),
                    Failure,
                > as ::aegis::__private::Outcome>::finish(Importer::clean(service).await)
            }),
        }),
    };
    const SUBMIT: ::aegis::HandlerDescriptor = ::aegis::HandlerDescriptor {
        service: ::core::any::TypeId::of::<Importer>,
        name: "total",
        docs: "",
        signature: "() -> Result<u64, Failure>",
        source: ::aegis::Source {
            function: "total",
            file: ::core::file!(),
            line: ::core::line!(),
        },
        kind: ::aegis::HandlerKind::Rpc(::aegis::RpcHandler {
            subject: ::aegis::Subject::literal("rpc.importer.total"),
            arguments: &[],
            timeout: ::core::option::Option::None,
            idempotent: false,
            exclusive: false,
            guard: ::core::option::Option::None,
            concurrency: ::core::option::Option::None,
            queue: ::core::option::Option::None,
            call: |service, request| ::std::boxed::Box::pin(async move {
                let service = ::aegis::__private::service::<Importer>(&service);
                let () = match ::aegis::__private::arguments::<()>(&request, &[]) {
                    ::core::result::Result::Ok(arguments) => arguments,
                    ::core::result::Result::Err(reply) => return reply,
                };
                <Result<
                    u64,
                    Failure,
                > as ::aegis::__private::Outcome>::reply(
                    Importer::total(service).await,
                    &request,
                )
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
    async fn import(&self, progress: &Progress, url: String) -> Result<(), Failure> {
        Ok(())
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the framework calls it, and asks for this shape"
    )]
    async fn clean(&self, path: &str, &depth: &u8) -> Result<(), Failure> {
        Ok(())
    }
}
::core::compile_error! {
    "`retries` must be from 0 to 1000"
}
::core::compile_error! {
    "an argument needs a plain name: take it apart inside the method"
}
const _: () = {
    const _: () = ::aegis::__private::assert_borrowed_by_command::<Progress>();
    const _: () = ::aegis::__private::assert_borrowed_by_command::<str>();
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
    /// Sends the command `import` to the service `mistaken`: `.send().await` returns when it is queued.
    pub fn import(
        &self,
        url: String,
    ) -> ::aegis::Command<
        <Result<(), Failure> as ::aegis::__private::Outcome>::Ok,
        <Result<(), Failure> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.command("mistaken", "import", &["url"], (url,))
    }
}
impl ::core::convert::From<&::aegis::Client> for MistakenClient {
    fn from(client: &::aegis::Client) -> Self {
        Self::new(client)
    }
}
#[allow(async_fn_in_trait, dead_code, reason = "only the generated client is called")]
trait Importing {
    async fn start(&self, url: String) -> Result<Report, ImportError>;
}
/// Calls the service `importer`, as [`Importing`] says.
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
struct ImportingClient {
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
impl ImportingClient {
    /// Calls over the connection of `client`.
    pub fn new(client: &::aegis::Client) -> Self {
        const METHODS: &[::aegis::__private::Method] = &[];
        Self {
            stub: ::aegis::__private::Stub::new(client, "importer", METHODS).elsewhere(),
        }
    }
    /// Sends the command `import` to the service `importer`: `.send().await` returns when it is queued.
    pub fn start(
        &self,
        url: String,
    ) -> ::aegis::Command<
        <Result<Report, ImportError> as ::aegis::__private::Outcome>::Ok,
        <Result<Report, ImportError> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.command("importer", "import", &["url"], (url,))
    }
}
impl ::core::convert::From<&::aegis::Client> for ImportingClient {
    fn from(client: &::aegis::Client) -> Self {
        Self::new(client)
    }
}
