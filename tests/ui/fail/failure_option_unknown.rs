use aegis::prelude::*;

#[derive(Failure)]
enum OrderError {
    #[failure(retriable, cod = "NOT_FOUND")]
    NotFound,
}

fn main() {}
