use aegis::prelude::*;

#[aegis::client(service = "pricing")]
struct Pricing;

fn main() {}
