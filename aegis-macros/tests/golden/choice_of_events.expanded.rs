pub enum OrderEvent {
    Created(OrderCreated),
    Changed(shop::OrderChanged),
}
const _: () = {
    impl ::aegis::FromEvent for OrderEvent {
        const NAMES: &'static [&'static str] = &[
            <OrderCreated as ::aegis::__private::OneOfSeveral>::NAME,
            <shop::OrderChanged as ::aegis::__private::OneOfSeveral>::NAME,
        ];
        fn from_event(
            event: &::aegis::AnyEvent,
        ) -> ::core::result::Result<Self, ::aegis::Failure> {
            if let ::core::option::Option::Some(read) = <OrderCreated as ::aegis::__private::OneOfSeveral>::READ(
                event,
            ) {
                return read.map(Self::Created);
            }
            if let ::core::option::Option::Some(read) = <shop::OrderChanged as ::aegis::__private::OneOfSeveral>::READ(
                event,
            ) {
                return read.map(Self::Changed);
            }
            ::core::result::Result::Err(
                ::aegis::__private::unexpected_event(
                    event,
                    <Self as ::aegis::FromEvent>::NAMES,
                ),
            )
        }
    }
    const _: () = ::core::assert!(
        ! ::aegis::__private::same_name(< OrderCreated as
        ::aegis::__private::OneOfSeveral > ::NAME, < shop::OrderChanged as
        ::aegis::__private::OneOfSeveral > ::NAME), "{}",
        "`Changed` holds the event of `Created`, which is tried first: keep one of the two variants, or give their types names of their own"
    );
};
enum Anything {
    Created(OrderCreated),
    #[events(other)]
    Other(AnyEvent),
}
const _: () = {
    impl ::aegis::FromEvent for Anything {
        const NAMES: &'static [&'static str] = &[];
        fn from_event(
            event: &::aegis::AnyEvent,
        ) -> ::core::result::Result<Self, ::aegis::Failure> {
            if let ::core::option::Option::Some(read) = <OrderCreated as ::aegis::__private::OneOfSeveral>::READ(
                event,
            ) {
                return read.map(Self::Created);
            }
            ::core::result::Result::Ok(
                Self::Other(<AnyEvent as ::aegis::__private::TheRest>::TAKE(event)),
            )
        }
    }
};
enum Broken {
    Created,
}
::core::compile_error! {
    "`Created` must hold one event and nothing else: write `Created(OrderCreated)`, with the type of your event"
}
const _: () = {
    impl ::aegis::FromEvent for Broken {
        const NAMES: &'static [&'static str] = &[""];
        fn from_event(
            _event: &::aegis::AnyEvent,
        ) -> ::core::result::Result<Self, ::aegis::Failure> {
            ::core::unreachable!()
        }
    }
};
