use aegis::prelude::*;

#[aegis::main]
struct Program;

fn main() {}
