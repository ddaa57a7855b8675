use aegis::prelude::*;

#[derive(Failure)]
enum OrderError {
    NotFound,
}

fn main() {}
