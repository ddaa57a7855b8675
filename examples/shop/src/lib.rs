use aegis::prelude::*;
use serde::{Deserialize, Serialize};

/// Somebody has placed an order.
#[derive(Debug, Serialize, Deserialize, aegis::Event)]
#[event("orders.placed")]
pub struct OrderPlaced {
    pub order: u64,
    pub cents: u64,
}

pub struct Billing;

#[aegis::service(name = "billing", version = "0.1.0")]
impl Billing {
    /// Any one instance bills an order. After an error, or a crash, its event comes again.
    #[subscribe(mode = "compete")]
    async fn bill(&self, ctx: &Context, event: OrderPlaced) -> Result<(), Failure> {
        let OrderPlaced { order, cents } = event;
        println!("{} bills order {order}: {cents} cents", ctx.instance());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aegis::testing::TestApp;

    #[tokio::test]
    async fn what_is_published_is_stored_once() {
        let app = TestApp::new().service(Billing).start().await.unwrap();
        let client = app.running().client();
        let event = OrderPlaced {
            order: 7,
            cents: 990,
        };
        for duplicate in [false, true] {
            let published = client.publish(&event).id("order-7-placed").await.unwrap();
            assert_eq!(published.is_duplicate(), duplicate);
        }
        app.stop().await.unwrap();
    }
}
