//! The contract of a stream as a whole: how it is made, changed, refused and removed.

use std::time::Duration;

use aegis::port::{Discard, Retention, Storage, StreamSpec};
use aegis::{ErrorKind, Pattern};

use crate::stream_fixture::{Streaming, soon};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_new_stream_is_as_it_was_asked_for() {
    for streams in Streaming::all().await {
        let name = streams.name;
        let stream = &streams.stream;
        assert_eq!(streams.here.status(stream, soon()).await.unwrap(), None);
        let made = streams
            .make_with(|spec| {
                spec.description = Some("of a test".to_owned());
                spec.discard = Some(Discard::New);
                spec.storage = Some(Storage::Memory);
                spec.max_messages = Some(100);
                spec.max_age = Some(HOUR);
                spec.dedup = Some(Duration::from_secs(5));
            })
            .await;
        assert_eq!(made.name, *stream);
        assert_eq!(made.description.as_deref(), Some("of a test"), "{name}");
        assert_eq!(made.subjects, [format!("{stream}.>")], "{name}");
        assert_eq!(made.retention, Retention::Limits, "{name}");
        assert_eq!(
            (made.discard, made.storage),
            (Discard::New, Storage::Memory)
        );
        assert_eq!((made.replicas, made.max_bytes), (1, Some(8 * 1024 * 1024)));
        assert_eq!((made.max_messages, made.max_age), (Some(100), Some(HOUR)));
        assert_eq!(made.dedup, Duration::from_secs(5), "{name}");
        assert_eq!((made.messages, made.bytes, made.consumers), (0, 0, 0));
        assert_eq!((made.first_sequence, made.last_sequence), (0, 0), "{name}");
        assert_eq!(streams.status().await, made, "{name}");
        streams.store_all(&["1", "2"]).await;
        streams.consumer("c", |_| {}).await;
        let status = streams.status().await;
        assert_eq!((status.messages, status.consumers), (2, 1), "{name}");
        assert_eq!((status.first_sequence, status.last_sequence), (1, 2));
        assert!(status.bytes > 0, "{name}");
    }
}

#[tokio::test]
async fn what_was_not_asked_for_gets_a_default_and_then_stays() {
    for streams in Streaming::all().await {
        let name = streams.name;
        let plain = StreamSpec::new(streams.stream.clone(), [streams.pattern(">")]);
        let made = streams.here.ensure(plain.clone(), soon()).await.unwrap();
        assert_eq!((made.discard, made.storage), (Discard::Old, Storage::File));
        assert_eq!((made.max_messages, made.max_age), (None, None), "{name}");
        let gigabyte = Some(1024 * 1024 * 1024);
        assert_eq!(made.max_bytes, gigabyte, "{name}: never without a limit");
        assert_eq!(made.dedup, Duration::from_secs(120), "{name}");
        let changed = streams
            .make_with(|spec| {
                spec.max_age = Some(HOUR);
                spec.max_messages = Some(7);
            })
            .await;
        let again = streams.there.ensure(plain, soon()).await.unwrap();
        assert_eq!(again, changed, "{name}");
        assert_eq!((again.max_age, again.max_messages), (Some(HOUR), Some(7)));
        assert_eq!(again.created, made.created, "{name}: it is the same");
    }
}

#[tokio::test]
async fn limits_are_changed_and_what_is_stored_stays() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make_with(|spec| spec.max_messages = Some(2)).await;
        streams.store_all(&["1", "2", "3"]).await;
        let changed = streams
            .make_with(|spec| {
                spec.discard = Some(Discard::New);
                spec.max_bytes = Some(16 * 1024 * 1024);
                spec.max_messages = Some(3);
                spec.max_age = Some(HOUR);
                spec.dedup = Some(Duration::from_secs(60));
            })
            .await;
        assert_eq!(changed.discard, Discard::New, "{name}");
        assert_eq!(changed.max_bytes, Some(16 * 1024 * 1024), "{name}");
        assert_eq!(
            (changed.max_messages, changed.max_age),
            (Some(3), Some(HOUR))
        );
        assert_eq!(changed.dedup, Duration::from_secs(60), "{name}");
        assert_eq!((changed.first_sequence, changed.last_sequence), (2, 3));
        assert_eq!(streams.status().await, changed, "{name}");
        assert_eq!(
            streams.store("a", "4").await,
            4,
            "{name}: there is room now"
        );
        let full = streams.try_store(streams.message("a", "5")).await;
        assert_eq!(full.unwrap_err().kind(), ErrorKind::Overloaded, "{name}");
    }
}

#[tokio::test]
async fn a_short_max_age_shortens_how_long_ids_are_remembered() {
    for streams in Streaming::all().await {
        let name = streams.name;
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let made = streams.make_with(|spec| spec.dedup_at_best = Some(HOUR));
        assert_eq!(made.await.dedup, HOUR, "{name}");
        for (max_age, at_best, expected) in [
            (Some(minutes(30)), Some(HOUR), minutes(30)),
            (None, Some(HOUR), minutes(30)),
            (Some(minutes(1)), None, minutes(1)),
            (Some(HOUR), None, minutes(1)),
            (None, Some(HOUR), HOUR),
        ] {
            let changed = streams.make_with(|spec| {
                spec.max_age = max_age;
                spec.dedup_at_best = at_best;
            });
            let changed = changed.await;
            assert_eq!(changed.dedup, expected, "{name}: {max_age:?} {at_best:?}");
            assert_eq!(streams.status().await, changed, "{name}");
        }
    }
}

#[tokio::test]
async fn a_drift_that_cannot_be_changed_is_named() {
    for streams in Streaming::all().await {
        let name = streams.name;
        let made = streams.make_with(|spec| spec.max_messages = Some(9)).await;
        let mut spec = streams.spec();
        spec.retention = Retention::WorkQueue;
        spec.storage = Some(Storage::Memory);
        spec.max_messages = Some(10);
        let error = streams.there.ensure(spec, soon()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{name}: {error}");
        let text = error.to_string();
        for named in [
            &streams.stream,
            "`retention` (workqueue asked for, limits there)",
            "`storage` (memory asked for, file there)",
        ] {
            assert!(text.contains(named), "{name}: {text}");
        }
        assert_eq!(streams.status().await, made, "{name}: nothing was changed");
    }
}

#[tokio::test]
async fn a_limit_below_what_is_stored_is_refused_and_nothing_is_discarded() {
    for streams in Streaming::all().await {
        let name = streams.name;
        streams.make().await;
        streams.store_all(&["1", "2", "3"]).await;
        let stored = streams.status().await;
        let with = |change: &dyn Fn(&mut StreamSpec)| {
            let mut spec = streams.spec();
            change(&mut spec);
            streams.here.ensure(spec, soon())
        };
        for (what, refused) in [
            ("max_messages", with(&|spec| spec.max_messages = Some(2))),
            (
                "max_bytes",
                with(&|spec| spec.max_bytes = Some(stored.bytes - 1)),
            ),
        ] {
            let error = refused.await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{name}: {error}");
            let text = error.to_string();
            assert!(text.contains(what) && text.contains("stored"), "{text}");
        }
        assert_eq!(streams.status().await, stored, "{name}");
        let spec = with(&|spec| spec.max_messages = Some(3));
        assert_eq!(spec.await.unwrap().messages, 3, "{name}");
    }
}

#[tokio::test]
async fn subjects_are_united() {
    for streams in Streaming::all().await {
        let name = streams.name;
        for (asked, united) in [
            (&["a.*"][..], &["a.*"][..]),
            (&["b", "c.x"], &["a.*", "b", "c.x"]),
            // What is stored already is not stored a second time.
            (&["a.one"], &["a.*", "b", "c.x"]),
            // A wider one takes the place of the narrower ones.
            (&["c.>"], &["a.*", "b", "c.>"]),
            (&["a.>", "b"], &["a.>", "b", "c.>"]),
        ] {
            let patterns = asked.iter().map(|rest| streams.pattern(rest));
            let mut spec = StreamSpec::new(streams.stream.clone(), patterns);
            spec.max_bytes = Some(1024 * 1024);
            let mut status = streams.here.ensure(spec, soon()).await.unwrap();
            status.subjects.sort();
            let united = united.iter().map(|rest| streams.pattern(rest).to_string());
            assert_eq!(status.subjects, united.collect::<Vec<_>>(), "{name}");
        }
        for rest in ["a.deep.down", "b", "c.y"] {
            streams.store(rest, "").await;
        }
    }
}

#[tokio::test]
async fn subjects_that_another_stream_stores_are_refused() {
    for streams in Streaming::all().await {
        let name = streams.name;
        let other = format!("{}o", streams.stream);
        streams
            .make_with(|spec| spec.subjects = vec![streams.pattern("a.*")])
            .await;
        let of = |rest: &str| {
            let mut spec = StreamSpec::new(other.clone(), [streams.pattern(rest)]);
            spec.max_bytes = Some(1024 * 1024);
            spec
        };
        let refused = async |rest: &str| {
            let error = streams.there.ensure(of(rest), soon()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{name} {rest}: {error}");
            let text = error.to_string();
            assert!(text.contains(&other), "{name} {rest}: {text}");
            assert!(text.contains("subject"), "{name} {rest}: {text}");
        };
        for rest in ["a.x", "a.>", ">", "*.x"] {
            refused(rest).await;
        }
        let none = streams.here.status(&other, soon()).await.unwrap();
        assert_eq!(none, None, "{name}: it was not made");
        let made = streams.here.ensure(of("b"), soon()).await.unwrap();
        // One that exists gets no more subjects either.
        refused("a.x").await;
        let status = streams.here.status(&other, soon()).await.unwrap();
        assert_eq!(status, Some(made), "{name}");
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    for streams in Streaming::all().await {
        let name = streams.name;
        let with = |change: &dyn Fn(&mut StreamSpec)| {
            let mut spec = streams.spec();
            change(&mut spec);
            spec
        };
        let both = || vec![streams.pattern("a.*"), streams.pattern("a.b")];
        for spec in [
            with(&|spec| spec.name = "a.b".to_owned()),
            with(&|spec| spec.name = String::new()),
            with(&|spec| spec.subjects.clear()),
            with(&|spec| spec.subjects = both()),
            with(&|spec| spec.subjects = vec![Pattern::parse("*.x").unwrap()]),
            with(&|spec| spec.replicas = Some(0)),
            with(&|spec| spec.max_bytes = Some(0)),
            with(&|spec| spec.max_messages = Some(u64::MAX)),
            with(&|spec| spec.dedup = Some(Duration::from_millis(1))),
            with(&|spec| spec.max_age = Some(Duration::from_millis(99))),
            with(&|spec| {
                spec.max_age = Some(Duration::from_secs(1));
                spec.dedup = Some(Duration::from_secs(2));
            }),
        ] {
            let shown = format!("{name}: {spec:?}");
            let error = streams.here.ensure(spec, soon()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{shown}: {error}");
        }
        for bad in ["", "a.b", "a b", "*", ">"] {
            let status = streams.here.status(bad, soon()).await;
            assert_eq!(status.unwrap_err().kind(), ErrorKind::Invalid, "{name}");
            let removed = streams.here.remove(bad, soon()).await;
            assert_eq!(removed.unwrap_err().kind(), ErrorKind::Invalid, "{name}");
        }
        let none = streams.here.status(&streams.stream, soon()).await.unwrap();
        assert_eq!(none, None, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_make_one_stream_at_once() {
    for streams in Streaming::all().await {
        // Each adds a subject of its own.
        let makers = streams.at_once(|streaming, n| {
            let mut spec = streams.spec();
            spec.subjects = vec![streams.pattern("all"), streams.pattern(&format!("n{n}"))];
            async move { streaming.ensure(spec, soon()).await.unwrap().created }
        });
        let mut made = makers.await;
        made.dedup();
        assert_eq!(made.len(), 1, "{}: it is one", streams.name);
        assert_eq!(streams.status().await.created, made[0], "{}", streams.name);
        streams.store("all", "").await;
    }
}

#[tokio::test]
async fn streams_come_and_go() {
    for streams in Streaming::all().await {
        let name = streams.name;
        let stream = &streams.stream;
        assert!(
            !streams.here.remove(stream, soon()).await.unwrap(),
            "{name}"
        );
        let first = streams.make().await;
        streams.store_all(&["1", "2"]).await;
        assert!(
            streams.there.remove(stream, soon()).await.unwrap(),
            "{name}"
        );
        assert_eq!(streams.here.status(stream, soon()).await.unwrap(), None);
        let second = streams.make().await;
        assert_ne!(second.created, first.created, "{name}: it is another");
        assert_eq!(second.messages, 0, "{name}");
        assert_eq!(streams.store("a", "x").await, 1, "{name}");
    }
}
