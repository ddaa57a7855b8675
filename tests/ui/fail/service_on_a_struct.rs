use aegis::prelude::*;

#[aegis::service(name = "calculator", version = "1.0.0")]
struct Calculator;

fn main() {}
