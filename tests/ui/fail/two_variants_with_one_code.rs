use aegis::prelude::*;

#[derive(Failure)]
enum OrderError {
    OutOfStock,
    #[failure(code = "OUT_OF_STOCK")]
    Sold,
}

fn main() {}
