use aegis::prelude::*;

#[derive(Failure)]
enum OrderError {}

fn main() {}
