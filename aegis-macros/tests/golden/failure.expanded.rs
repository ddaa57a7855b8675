pub enum OrderError {
    NotFound(String),
    #[failure(code = "SOLD_OUT", retryable, status = 410)]
    OutOfStock { sku: String },
    Gone,
}
const _: () = {
    impl ::aegis::DomainError for OrderError {
        const CODES: &'static [&'static str] = &["NOT_FOUND", "SOLD_OUT", "GONE"];
        fn to_failure(&self) -> ::aegis::Failure {
            let (
                code,
                retryable,
                status,
            ): (&'static str, bool, ::core::option::Option<u16>) = match self {
                Self::NotFound { .. } => {
                    ("NOT_FOUND", false, ::core::option::Option::None)
                }
                Self::OutOfStock { .. } => {
                    ("SOLD_OUT", true, ::core::option::Option::Some(410))
                }
                Self::Gone { .. } => ("GONE", false, ::core::option::Option::None),
            };
            ::aegis::__private::failure(self, code, retryable, status)
        }
        fn from_failure(failure: &::aegis::Failure) -> ::core::option::Option<Self> {
            ::aegis::__private::decode_failure(failure, Self::CODES)
        }
    }
};
#[failure(retryable)]
struct TooEarly;
const _: () = {
    impl ::aegis::DomainError for TooEarly {
        const CODES: &'static [&'static str] = &["TOO_EARLY"];
        fn to_failure(&self) -> ::aegis::Failure {
            let (
                code,
                retryable,
                status,
            ): (&'static str, bool, ::core::option::Option<u16>) = match self {
                Self { .. } => ("TOO_EARLY", true, ::core::option::Option::None),
            };
            ::aegis::__private::failure(self, code, retryable, status)
        }
        fn from_failure(failure: &::aegis::Failure) -> ::core::option::Option<Self> {
            ::aegis::__private::decode_failure(failure, Self::CODES)
        }
    }
};
