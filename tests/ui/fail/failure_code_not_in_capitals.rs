use aegis::prelude::*;

#[derive(Failure)]
enum OrderError {
    #[failure(code = "order-not-found")]
    NotFound,
}

fn main() {}
