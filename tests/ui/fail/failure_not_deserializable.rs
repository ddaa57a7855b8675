use aegis::prelude::*;

#[derive(Debug, thiserror::Error, serde::Serialize, aegis::Failure)]
enum OrderError {
    #[error("there is no such order")]
    NotFound,
}

fn main() {}
