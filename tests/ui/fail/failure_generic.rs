use aegis::prelude::*;

#[derive(Failure)]
enum OrderError<T> {
    NotFound(T),
}

fn main() {}
