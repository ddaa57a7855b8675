use aegis::prelude::*;

#[derive(Failure)]
#[failure(retryable)]
enum OrderError {
    NotFound(#[failure(status = 404)] String),
}

fn main() {}
