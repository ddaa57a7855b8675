//! A service with commands, where nothing is called as generated code calls it.

use ::sky::{Context, Failure, Params, Progress};

/// Stands where generated code might look for its own.
#[derive(Debug, ::serde::Serialize, ::serde::Deserialize)]
pub struct Load {
    url: ::std::string::String,
}

/// Works.
#[derive(Debug)]
pub struct Importer;

#[::sky::service(name = "importer", version = "1.0.0")]
impl Importer {
    /// Imports.
    #[command(
        retries = 0,
        backoff(first = "10ms", max = "1s"),
        ack_wait = "5s",
        timeout = "5m",
        concurrency = 8
    )]
    async fn import(
        &self,
        ctx: &Context,
        progress: &Progress,
        load: Params<Load>,
    ) -> ::core::result::Result<usize, Failure> {
        let _ = (ctx, progress);
        ::core::result::Result::Ok(load.0.url.len())
    }

    #[::sky::command(name = "kind")]
    async fn r#type(
        &self,
        assigned: u8,
        service: u8,
        arguments: u8,
        failure: u8,
    ) -> ::core::result::Result<u8, Failure> {
        ::core::result::Result::Ok(assigned ^ service ^ arguments ^ failure)
    }

    /// Old.
    #[command]
    #[deprecated]
    async fn nothing(&self) -> ::core::result::Result<(), Failure> {
        ::core::result::Result::Ok(())
    }

    #[cfg(any())]
    #[command]
    async fn never(&self, missing: Missing) -> ::core::result::Result<(), Failure> {
        ::core::result::Result::Ok(())
    }
}

/// The same from elsewhere.
#[::sky::client(service = "importer")]
pub trait Imports {
    /// Imports.
    #[command(name = "import")]
    async fn load(&self, load: Params<Load>) -> ::core::result::Result<usize, Failure>;
    /// Tells.
    async fn status(&self) -> ::core::result::Result<u8, Failure>;
}

/// Sends.
///
/// # Errors
/// Those of sending, and of the work.
pub async fn send(client: &::sky::Client) -> ::sky::Result<usize> {
    let load = || {
        Params(Load {
            url: ::std::string::String::new(),
        })
    };
    let job = ImporterClient::new(client).import(load()).send().await?;
    let other = ImportsClient::new(client).load(load()).send().await?;
    let _ = ImportsClient::new(client).status();
    ::core::result::Result::Ok(job.result().await? + other.result().await?)
}
