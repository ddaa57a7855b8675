use aegis::Config;
use aegis::prelude::*;
use shop::OrderPlaced;

/// Places the order whose number is given: `place 7`.
#[aegis::main]
async fn main(config: Config) -> Result<()> {
    let number = std::env::args().nth(1);
    let order = number.and_then(|text| text.parse().ok()).unwrap_or(1);
    let client = Client::connect(config).await?;
    let event = OrderPlaced { order, cents: 990 };
    // Under an id of its own: whoever says it twice has said it once.
    let id = format!("order-{order}-placed");
    let published = client.publish(&event).id(&id).await?;
    if published.is_duplicate() {
        println!("order {order} was placed before");
    } else {
        println!("order {order} is event {}", published.sequence());
    }
    Ok(())
}
