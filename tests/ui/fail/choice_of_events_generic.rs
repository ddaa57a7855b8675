use aegis::prelude::*;

#[derive(aegis::Events)]
enum OrderEvent<T> {
    Created(T),
}

fn main() {}
