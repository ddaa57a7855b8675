#[event("orders.created", version = "1.1")]
pub struct OrderCreated {
    id: String,
}
const _: () = {
    impl ::aegis::Event for OrderCreated {
        const NAME: &'static str = "orders.created";
        const VERSION: &'static str = "1.1";
    }
};
#[event("orders.changed")]
enum OrderChanged {
    Moved,
    Priced(u64),
}
const _: () = {
    impl ::aegis::Event for OrderChanged {
        const NAME: &'static str = "orders.changed";
        const VERSION: &'static str = "1.0";
    }
};
struct OrderLost;
::core::compile_error! {
    "an event needs a name: add `#[event(\"order.lost\")]`"
}
const _: () = {
    impl ::aegis::Event for OrderLost {
        const NAME: &'static str = "";
        const VERSION: &'static str = "1.0";
    }
};
