#[derive(aegis::Events)]
pub enum OrderEvent {
    Created(OrderCreated),
    Changed(shop::OrderChanged),
}

#[derive(aegis::Events)]
enum Anything {
    Created(OrderCreated),
    #[events(other)]
    Other(AnyEvent),
}

#[derive(aegis::Events)]
enum Broken {
    Created,
}
