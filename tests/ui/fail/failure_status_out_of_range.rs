use aegis::prelude::*;

#[derive(Failure)]
enum OrderError {
    #[failure(status = 200)]
    NotFound,
    #[failure(status = 70000)]
    Gone,
}

fn main() {}
