//! The answer to a request, in the request's own encoding and form.

use std::marker::PhantomData;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::call::{Incoming, Request};
use crate::model::{
    Arguments, Code, Codec, CodecError, DomainError, Failure, Headers, InEnvelope, Names,
    ReadArguments, ResponseEnvelope, header,
};

/// An answer, ready for the wire.
#[derive(Debug)]
pub struct Reply {
    pub(super) headers: Headers,
    pub(super) payload: Bytes,
    /// What goes into the statistics, if it is a failure.
    pub(super) failure: Option<Failed>,
    /// A layer refused before the handler began.
    pub(super) unbegun: bool,
}

impl Reply {
    /// The failure it tells of.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.failure
            .as_ref()
            .map(|failed| (*failed.failure).clone())
    }
}

/// A failure, as statistics count it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failed {
    pub(super) status: u16,
    pub(super) text: String,
    /// The service did not do its work: an error in it, or too slow. What it says on purpose is no
    /// fault.
    pub(super) is_fault: bool,
    /// What the caller is told.
    pub(super) failure: Box<Failure>,
}

/// A value that can be a handler's result.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a handler's result",
    label = "not a value for the wire",
    note = "a result needs `serde::Serialize` for the service and `serde::Deserialize` for the client"
)]
pub trait Returned: Serialize + DeserializeOwned + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Returned for T {}

/// What a handler returns: a `Result` whose parts can travel.
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    label = "not a `Result<T, E>`",
    note = "return `Result<T, Failure>`, where `T` has `serde::Serialize` and `serde::Deserialize`"
)]
pub trait Outcome {
    /// The result.
    type Ok: Returned;
    /// The error.
    type Err: DomainError;

    /// The reply to a request.
    fn reply(self, request: &Request) -> Reply;

    /// The end of a command.
    fn finish(self) -> Result<Value, Failure>;
}

impl<T: Returned, E: DomainError> Outcome for Result<T, E> {
    type Ok = T;
    type Err = E;

    fn reply(self, request: &Request) -> Reply {
        reply(request, self)
    }

    fn finish(self) -> Result<Value, Failure> {
        let value = self.map_err(|error| error.to_failure())?;
        serde_json::to_value(&value).map_err(|cause| {
            let text = format!("the result cannot be kept: {cause}");
            Failure::internal(text).terminal()
        })
    }
}

/// Reads the arguments of a request; if that fails, the reply says why.
pub fn arguments<A: Arguments>(request: &Request, names: Names) -> Result<A, Reply> {
    let call = &*request.call;
    let seed = ReadArguments::<A>(names, PhantomData);
    let read = match (&call.envelope, call.body.is_empty()) {
        (Some(_), _) => call.codec.decode_seed(
            &call.body,
            InEnvelope {
                field: "params",
                seed,
            },
        ),
        // `nats req rpc.x.y ''`: no params.
        (None, true) => Codec::Json.decode_seed(b"{}", seed),
        (None, false) => call.codec.decode_seed(&call.body, seed),
    };
    read.map_err(|cause| {
        // Who is told the argument's name needs no line and column.
        let text = if cause.reason().contains("argument") {
            format!("the params cannot be read: {}", cause.reason())
        } else {
            format!("the params cannot be read: {cause}")
        };
        failure(call, &Failure::framework(Code::InvalidParams, text))
    })
}

/// Makes the reply to a request from what its method returned.
pub fn reply<T: Returned, E: DomainError>(request: &Request, outcome: Result<T, E>) -> Reply {
    let call = &*request.call;
    let value = match outcome {
        Ok(value) => value,
        Err(error) => return failure(call, &own(error.to_failure())),
    };
    let encoded = match &call.envelope {
        None => call.codec.encode(&value),
        Some(_) => enveloped(call, Some(value), None),
    };
    match encoded {
        Ok(payload) => Reply {
            headers: content_type(call),
            payload,
            failure: None,
            unbegun: false,
        },
        Err(cause) => {
            let text = format!("the result cannot be sent: {cause}");
            failure(call, &Failure::framework(Code::Internal, text))
        }
    }
}

/// The reply of a result that is encoded already.
pub(super) fn encoded(call: &Incoming, payload: Bytes) -> Reply {
    Reply {
        headers: content_type(call),
        payload,
        failure: None,
        unbegun: false,
    }
}

/// A handler's failure, with a code of its own: one of the framework's codes, passed on from a call
/// that the handler made, would tell the caller that nothing ran, and make it repeat the work.
fn own(failure: Failure) -> Failure {
    match Code::parse(failure.code()) {
        // Who may not do it is a handler's to say as well.
        None | Some(Code::Internal | Code::Forbidden) => failure,
        Some(_) => Failure::internal(failure.to_string()),
    }
}

/// Makes the reply of a failure: the facts in headers for everybody, and in the body for those who
/// understand them.
pub(super) fn failure(call: &Incoming, failure: &Failure) -> Reply {
    let encoded = match &call.envelope {
        None => call.codec.encode(&PlainFailure {
            error: failure.to_string(),
            failure,
        }),
        Some(_) => enveloped::<()>(call, None, Some(failure)),
    };
    let mut headers = content_type(call);
    let text = failure.to_string();
    headers.own_text(header::SERVICE_ERROR, &text);
    headers.own(header::SERVICE_ERROR_CODE, failure.status().to_string());
    Reply {
        headers,
        // The headers say it all, if the details cannot be written.
        payload: encoded.unwrap_or_default(),
        failure: Some(Failed {
            status: failure.status(),
            text: failure.logged(),
            is_fault: Code::parse(failure.code()) == Some(Code::Internal),
            failure: Box::new(failure.clone()),
        }),
        unbegun: false,
    }
}

/// The body of a failure to a plain request.
#[derive(Serialize)]
struct PlainFailure<'a> {
    error: String,
    #[serde(flatten)]
    failure: &'a Failure,
}

fn content_type(call: &Incoming) -> Headers {
    let mut headers = Headers::new();
    if call.codec != Codec::Json {
        headers.own(header::CONTENT_TYPE, call.codec.content_type().to_owned());
    }
    headers
}

fn enveloped<T: Serialize>(
    call: &Incoming,
    result: Option<T>,
    failure: Option<&Failure>,
) -> Result<Bytes, CodecError> {
    let facts = call.envelope.clone().unwrap_or_default();
    // The present is always a date that can be written.
    let timestamp = OffsetDateTime::now_utc()
        .format(&Rfc3339)
        .unwrap_or_default();
    call.codec.encode(&ResponseEnvelope {
        message_id: &uuid::Uuid::now_v7().to_string(),
        trace_id: &facts.trace_id,
        correlation_id: facts.message_id.as_deref(),
        timestamp: &timestamp,
        source: call.service.service.as_str(),
        target: facts.source.as_deref(),
        success: failure.is_none(),
        result,
        error: failure.map(Failure::to_string),
        failure: failure.filter(|_| call.extended),
    })
}
