use aegis::prelude::*;

#[derive(Failure)]
union OrderError {
    number: u32,
}

fn main() {}
