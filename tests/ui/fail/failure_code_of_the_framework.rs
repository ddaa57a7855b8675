use aegis::prelude::*;

#[derive(Failure)]
enum OrderError {
    #[failure(code = "TIMEOUT")]
    TooLate,
    Internal,
}

fn main() {}
