#[derive(aegis::Failure)]
pub enum OrderError {
    NotFound(String),
    #[failure(code = "SOLD_OUT", retryable, status = 410)]
    OutOfStock { sku: String },
    Gone,
}

#[derive(aegis::Failure)]
#[failure(retryable)]
struct TooEarly;
