//! Numbers that nobody means, and that must harm nobody.

use std::time::Duration;

use aegis::BreakerPolicy;
use aegis::prelude::*;
use aegis::testing::TestApp;

struct Quiet;

#[aegis::service(name = "quiet", version = "1.0.0")]
impl Quiet {
    #[rpc]
    async fn answer(&self) -> Result<(), Failure> {
        Ok(())
    }

    #[rpc]
    async fn silence(&self) -> Result<(), Failure> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn no_time_is_too_long_to_be_counted() {
    let policy = BreakerPolicy::default().failures(1).open_for(Duration::MAX);
    let app = TestApp::new().configure(|config| config.breaker(policy));
    let app = app.service(Quiet).start().await.unwrap();
    let client: QuietClient = app.client();
    let forever = RetryPolicy::default()
        .initial_delay(Duration::MAX)
        .max_delay(Duration::MAX);
    let call = client.answer().within(Duration::MAX).retry(forever);
    call.await.unwrap();
    let call = client.silence().within(Duration::from_millis(20));
    assert_eq!(call.await.unwrap_err().kind(), Some(ErrorKind::Timeout));
    let call = client.silence().within(Duration::MAX).retry(forever);
    assert_eq!(call.await.unwrap_err().kind(), Some(ErrorKind::CircuitOpen));
}
