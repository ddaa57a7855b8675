//! Consumers are made, listed and removed, by many at once.

use std::time::Duration;

use aegis::ErrorKind;
use aegis::port::ConsumerSpec;

use crate::stream_fixture::{Streaming, consumer_spec, done, pull, soon};

#[tokio::test]
async fn consumers_come_and_go() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        streams.store_all(&["1"]).await;
        let names = || streams.consumer_names();
        assert_eq!(names().await, [""; 0], "{name}");
        let consumer = streams.consumer("b", |_| {}).await;
        streams.consumer("c", |spec| spec.in_memory = true).await;
        streams.consumer("a-_1", |_| {}).await;
        assert_eq!(names().await, ["a-_1", "b", "c"], "{name}");
        let wanted = |name: &str| name != "b" && name != "d";
        let some = streams.there.consumers(&streams.stream, &wanted, soon());
        let some: Vec<_> = some.await.unwrap().into_iter().map(|it| it.name).collect();
        assert_eq!(some, ["a-_1", "c"], "{name}");
        let all = streams
            .there
            .consumers(&streams.stream, &|_| true, soon())
            .await
            .unwrap();
        assert_eq!(all[1], consumer.status(soon()).await.unwrap(), "{name}");
        let remove = async || {
            let removed = streams.there.remove_consumer(&streams.stream, "b", soon());
            removed.await.unwrap()
        };
        assert!(remove().await && !remove().await, "{name}");
        assert_eq!(names().await, ["a-_1", "c"], "{name}");
        let again = streams.consumer("b", |_| {}).await;
        let mut pull = pull(&again, 1).await;
        assert_eq!(done(&mut pull, 1).await, ["1"], "{name}: it begins anew");
    }
}

#[tokio::test]
async fn what_cannot_be_consumed_is_refused() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        let both = || vec![streams.pattern("a.*"), streams.pattern("a.b")];
        let with = |change: &dyn Fn(&mut ConsumerSpec)| {
            let mut spec = consumer_spec("c");
            change(&mut spec);
            spec
        };
        for spec in [
            with(&|spec| spec.name = "a.b".to_owned()),
            with(&|spec| spec.name = String::new()),
            with(&|spec| spec.ack_wait = Duration::ZERO),
            with(&|spec| spec.max_ack_pending = 0),
            with(&|spec| spec.filters = both()),
        ] {
            let shown = format!("{name}: {spec:?}");
            let made = streams.here.consumer(&streams.stream, spec, soon()).await;
            assert_eq!(made.unwrap_err().kind(), ErrorKind::Invalid, "{shown}");
        }
        for bad in ["", "a.b", "*"] {
            let removed = streams.here.remove_consumer(&streams.stream, bad, soon());
            let error = removed.await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{name} {bad:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_make_one_consumer_at_once() {
    for streams in Streaming::all().await {
        streams.make().await;
        streams.store_all(&["1"]).await;
        let makers = streams.at_once(|streaming, _| {
            let (stream, spec) = (streams.stream.clone(), consumer_spec("c"));
            async move {
                let made = streaming.consumer(&stream, spec, soon()).await.unwrap();
                made.status(soon()).await.unwrap().created
            }
        });
        let mut made = makers.await;
        made.dedup();
        assert_eq!(made.len(), 1, "{}: it is one", streams.name);
    }
}
