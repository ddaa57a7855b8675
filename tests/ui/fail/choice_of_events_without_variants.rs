use aegis::prelude::*;

#[derive(aegis::Events)]
enum OrderEvent {}

fn main() {}
