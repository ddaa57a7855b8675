use super::*;

fn endpoint_of(text: &str) -> Result<Option<String>, String> {
    let mut config = Config::default();
    endpoint(&mut config, text).map(|()| config.telling.collector.endpoint)
}

#[test]
fn an_endpoint_is_the_part_before_the_path() {
    for (text, expected) in [
        ("http://localhost:4318", Some("http://localhost:4318")),
        ("http://localhost:4318/", Some("http://localhost:4318")),
        (
            "https://otlp.example.com/tenant/",
            Some("https://otlp.example.com/tenant"),
        ),
        ("off", None),
    ] {
        assert_eq!(endpoint_of(text).unwrap().as_deref(), expected, "{text}");
    }
    for text in [
        "localhost:4318",
        "grpc://localhost:4317",
        "http://localhost:4318/v1/traces",
        "http://localhost:4318?a=1",
        "http://localhost:4318/#a",
        "",
        "http://",
    ] {
        let mistake = endpoint_of(text).unwrap_err();
        assert!(
            mistake.contains("it is http://host:4318"),
            "{text}: {mistake}"
        );
    }
}

#[test]
fn no_mistake_tells_a_secret() {
    let config = Config::default()
        .otel_endpoint("http://joe:s3cret@host:4318")
        .otel_headers("s3cret");
    let told = config.check().unwrap_err().to_string();
    assert!(
        told.contains("`otel.endpoint`") && told.contains("`otel.headers`"),
        "{told}"
    );
    assert!(!told.contains("s3cret"), "{told}");
    let config = Config::default().otel_headers("authorization=s3cret");
    assert!(!format!("{config:?} {:?}", config.telling).contains("s3cret"));
}

#[test]
fn headers_are_pairs() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    for (text, expected) in [
        ("", vec![]),
        ("api-key=x", vec![pair("api-key", "x")]),
        (
            "Authorization=Bearer%20a%2Cb+c, x-scope=eu",
            vec![pair("Authorization", "Bearer a,b+c"), pair("x-scope", "eu")],
        ),
        ("a=b=c", vec![pair("a", "b=c")]),
    ] {
        assert_eq!(headers(text).unwrap(), expected, "{text}");
    }
    for text in ["a", "=b", "a b=c", "a=%0d%0ax", "a=\u{fc}"] {
        assert!(headers(text).is_err(), "{text:?}");
    }
}

#[test]
fn shares_limits_and_intervals_have_bounds() {
    for (config, is_right) in [
        (Config::default().otel_sample(0.0), true),
        (Config::default().otel_sample(1.0), true),
        (Config::default().otel_sample(1.1), false),
        (Config::default().otel_sample(f64::NAN), false),
        (Config::default().otel_per_second(1), true),
        (Config::default().otel_per_second(1_000_000), true),
        (Config::default().otel_per_second(0), false),
        (Config::default().otel_per_second(1_000_001), false),
        (Config::default().set("otel.per_second", "off"), true),
        (Config::default().set("otel.per_second", "many"), false),
        (
            Config::default().otel_interval(Duration::from_secs(1)),
            true,
        ),
        (
            Config::default().otel_interval(Duration::from_millis(999)),
            false,
        ),
    ] {
        assert_eq!(config.check().is_ok(), is_right, "{:?}", config.telling);
    }
}
