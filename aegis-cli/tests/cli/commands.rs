//! `aegis call` and `aegis dev`.

use aegis::testing::{NatsServer, TestApp};

use super::calculator::{Calculator, calculator};
use super::{answers, port_of, read_until, run, run_with_input, start, word_after};

/// The words after `aegis call`, the exit code, standard output, a part of standard error.
type Row<'a> = (&'a [&'a str], i32, &'a str, &'a str);

async fn check_calls(rows: &[Row<'_>]) {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let _running = calculator(&url, "one").await;
    for (words, code, out, err) in rows {
        let said = run(&[&["call", "--url", &url], *words].concat());
        assert_eq!(
            (said.code, &*said.out),
            (*code, *out),
            "{words:?}: {said:?}"
        );
        assert_eq!(said.err.is_empty(), err.is_empty(), "{words:?}: {said:?}");
        assert!(said.err.contains(err), "{words:?}: {said:?}");
    }
    let words = ["call", "--url", &url, "calculator", "add", "-"];
    assert_eq!(run_with_input(&words, "{\"a\": 3, \"b\": 4}").out, "7\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_prints_results_and_errors_of_the_service() {
    let numbers = "{\"a\":1,\"b\":2}";
    let words = "--to one --header Tenant=acme --key k7 --retry 2";
    let words: Vec<&str> = words.split(' ').collect();
    let facts = [&["calculator", "facts"], &words[..]].concat();
    check_calls(&[
        (&["calculator", "add", numbers], 0, "3\n", ""),
        (&["calculator", "add", numbers, "--envelope"], 0, "3\n", ""),
        (
            &["calculator", "belongs", "--correlation-id", "visit-7"],
            0,
            "\"visit-7\"\n",
            "",
        ),
        (&facts, 0, "[\"one\",\"acme\",\"k7\"]\n", ""),
        (
            &["calculator", "divide", "{\"a\":7,\"by\":0}"],
            1,
            "",
            "error: DIVISION_BY_ZERO: 7 cannot be divided by nothing\n  \
             details: {\"DivisionByZero\":7}",
        ),
        (
            &["calculator", "add", "{\"a\":1}"],
            1,
            "",
            "error: INVALID_PARAMS: ",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_tells_what_else_is_wrong() {
    let late = ["calculator", "never", "--timeout", "50ms"];
    let methods = "no method ad; it has add, belongs, divide, facts, never";
    let services = "no instance of calculators is there; there are calculator";
    let elsewhere = ["calculator", "add", "--to", "two"];
    let instances = "no instance two; its instances are one";
    check_calls(&[
        (&late, 2, "", "error: "),
        (&["calculator", "ad", "--to", "one"], 2, "", methods),
        (&["calculator", "ad"], 2, "", methods),
        (&["calculators", "add"], 2, "", services),
        (&elsewhere, 2, "", instances),
        (
            &["calculator", "add", "{a"],
            64,
            "",
            "the arguments are not JSON",
        ),
        (&["calc.ulator", "add"], 64, "", "the service name"),
        (
            &["calculator", "add", "--timeout", "0s"],
            64,
            "",
            "a time above 0",
        ),
        (
            &["calculator", "add", "--timeout", "5"],
            64,
            "",
            "a time needs a unit: 5s or 5ms",
        ),
        (
            &["calculator", "add", "--header", "aegis-correlation-id=7"],
            64,
            "",
            "it is said with `--correlation-id 7`",
        ),
        (
            &["calculator", "add", "--correlation-id", "a\nb"],
            64,
            "",
            "error: ",
        ),
        (&["calculator"], 64, "", "<METHOD>"),
    ])
    .await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_cancels_a_call_at_its_service() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let service = Calculator::default();
    let (called, cancelled) = (service.called.clone(), service.cancelled.clone());
    let app = TestApp::new().on_nats(&url).service(service);
    let _running = app.start().await.unwrap();
    let words = ["--timeout", "60s", "calculator", "never"];
    let mut call = start(&[&["call", "--url", &url], &words[..]].concat());
    called.notified().await;
    super::signal(&call, "-INT");
    assert_eq!(call.wait().unwrap().code(), Some(130));
    let told = tokio::time::timeout(super::PATIENCE, cancelled.notified()).await;
    assert!(told.is_ok());
}

#[test]
fn without_a_server_the_way_out_is_told() {
    for words in [&["call", "a", "b"][..], &["services"]] {
        let said = run(&[words, &["--url", "nats://127.0.0.1:9"]].concat());
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.err.contains("`aegis dev` starts one"), "{said:?}");
    }
}

#[test]
fn a_call_connects_within_its_own_time() {
    let words = ["call", "a", "b", "--timeout", "30ms"];
    let said = run(&[&words, &["--url", "nats://127.0.0.1:9"][..]].concat());
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains(" within 30ms: "), "{said:?}");
}

#[test]
fn dev_asks_no_server() {
    let help = run(&["dev", "--help"]);
    assert!(
        help.out.contains("--port") && !help.out.contains("--url"),
        "{help:?}"
    );
    let url = "nats://127.0.0.1:9";
    for words in [&["dev", "--url", url], &["--url", url, "dev"]] {
        let said = run(words);
        assert_eq!(said.code, 64, "{said:?}");
        assert!(said.err.contains("`--port` says where"), "{said:?}");
    }
}

#[cfg(unix)]
#[test]
fn dev_serves_until_it_is_told_to_end_and_keeps_its_data() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("store");
    let words = ["dev", "--port", "0", "--data", folder.to_str().unwrap()];
    for signal in ["-TERM", "-INT"] {
        let mut dev = start(&words);
        let out = read_until(&mut dev, "Ctrl-C ends it.");
        let port = port_of(word_after(&out, "  url         ")[0]);
        assert!(answers(port), "{out}");
        let monitoring = word_after(&out, "  monitoring  ")[0];
        assert!(answers(port_of(monitoring)), "{out}");
        let number = port.to_string();
        let said = run(&["dev", "--port", &number]);
        assert_eq!(said.code, 2);
        for part in [
            format!("port {port} is taken by a NATS server"),
            format!("export AEGIS_NATS_URL=nats://127.0.0.1:{port}"),
            "--port ".to_owned(),
        ] {
            assert!(said.err.contains(&part), "{said:?}");
        }
        super::signal(&dev, signal);
        assert_eq!(dev.wait().unwrap().code(), Some(0));
        assert!(!answers(port));
        assert!(folder.join("jetstream").exists());
    }
}

#[test]
fn a_port_that_another_program_holds_is_told() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let said = run(&["dev", "--port", &port]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("taken by another program"), "{said:?}");
}
