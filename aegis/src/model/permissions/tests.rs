use serde_json::json;

use super::*;

fn subjects(grants: &[Grant]) -> Vec<&str> {
    grants.iter().map(|one| one.subject.as_str()).collect()
}

fn manifest(handlers: &serde_json::Value) -> Manifest {
    let text = json!({"services": [{"name": "till", "group": "main", "handlers": handlers}]});
    Manifest::parse(text.to_string().as_bytes()).unwrap()
}

#[test]
fn nothing_is_listed_twice_or_beside_what_is_wider() {
    let all = Permissions::new().calls("till.ring").unwrap();
    let all = all.calls("till").unwrap().calls("till").unwrap();
    let publish = all.publish();
    assert_eq!(
        subjects(&publish),
        ["cancel.till.*", "rpc.till.*", "rpc.till.*.*"]
    );
    assert!(publish.iter().all(|grant| !grant.why.is_empty()));
    assert_eq!(subjects(&all.subscribe()), ["_INBOX.>"]);
    assert_eq!(all.responses(), None, "it serves nothing");
}

#[test]
fn settings_change_every_subject() {
    let handlers = json!([
        {"name": "ring", "kind": "rpc", "subject": "eu.rpc.till.ring"},
        {"name": "bill", "kind": "subscribe", "mode": "compete", "subject": "eu.events.a.b"},
        {"name": "load", "kind": "command", "subject": "eu.commands.till.load.*"},
    ]);
    let all = Permissions::new().inbox_prefix("_INBOX.till").unwrap();
    let all = all
        .micro_prefix("srv.eu")
        .unwrap()
        .subject_prefix("eu")
        .unwrap();
    let all = all.serves(&manifest(&handlers)).publishes("a.b").unwrap();
    let (publish, subscribe) = (all.publish(), all.subscribe());
    let mut every = subjects(&publish);
    every.extend(subjects(&subscribe));
    let asks = ["$JS.API.INFO", "$JS.API.STREAM.NAMES"];
    for subject in every.iter().filter(|subject| !asks.contains(subject)) {
        let own = ["eu.", "_INBOX.till.", "srv.eu.", "$KV.eu_"];
        let own = own.iter().any(|start| subject.starts_with(start));
        assert!(own || subject.contains("eu_"), "{subject}");
    }
    for subject in [
        "$JS.API.CONSUMER.CREATE.eu_EVENTS.till__bill.eu.events.a.b",
        "$JS.API.CONSUMER.MSG.NEXT.eu_COMMANDS.till__load__low",
        "$KV.eu_sticky_active.till.main.*",
        "eu.dead.events.a.b",
        "eu.fences.events.till.main",
    ] {
        assert!(every.contains(&subject), "{subject} is in {every:#?}");
    }
}

#[test]
fn what_is_switched_off_needs_nothing() {
    let mut manifest = manifest(&json!([]));
    for (registry, builtin_rpcs) in [(true, true), (true, false), (false, true), (false, false)] {
        manifest.registry = registry;
        manifest.builtin_rpcs = builtin_rpcs;
        let all = Permissions::of(&manifest).unwrap();
        let (publish, subscribe) = (all.publish(), all.subscribe());
        let announces = subjects(&publish)
            .iter()
            .any(|one| one.contains("service_registry"));
        let tells = subjects(&subscribe).contains(&"rpc.till.health");
        assert_eq!((announces, tells), (registry, builtin_rpcs));
    }
}

#[test]
fn no_list_allows_all_of_jetstream_or_of_other_services() {
    let handlers = json!([
        {"name": "all", "kind": "subscribe", "mode": "broadcast", "subject": "events.>"},
        {"name": "post", "kind": "exclusive_rpc", "subject": "rpc.till.post", "timeout_ms": 600_000},
        {"name": "load", "kind": "command", "subject": "commands.till.load.*"},
    ]);
    let all = Permissions::of(&manifest(&handlers)).unwrap().tool();
    for grant in all.publish() {
        let wide = ["$JS.API.>", "$JS.>", "$KV.>", ">", "$JS.ACK.>", "rpc.>"];
        assert!(!wide.contains(&grant.subject.as_str()), "{grant:?}");
    }
    assert_eq!(all.responses(), Some(Duration::from_secs(600)));
}

#[test]
fn what_is_printed_is_configuration_and_json() {
    let client = Permissions::new().inbox_prefix("_INBOX.a").unwrap();
    let client = client.calls("till.ring").unwrap();
    assert_eq!(
        client.to_json(),
        json!({
            "pub": {"allow": ["_INBOX.a.>", "rpc.till.ring", "rpc.till.ring.*", "cancel.till.*"]},
            "sub": {"allow": ["_INBOX.a.>"]},
        })
    );
    let service = Permissions::of(&manifest(&json!([]))).unwrap();
    assert_eq!(
        service.to_json()["resp"],
        json!({"max": 1, "ttl": 120_000_000_000_u64})
    );
    let text = service.to_string();
    assert!(
        text.contains("allow_responses: {max: 1, expires: \"120s\"}"),
        "{text}"
    );
    // An empty list would allow everything.
    let nothing = Permissions::new();
    assert_eq!(nothing.to_json()["pub"], json!({"deny": [">"]}));
    assert!(
        nothing.to_string().contains("publish: {deny: \">\"}"),
        "{nothing}"
    );
}

#[test]
fn a_manifest_of_a_stranger_cannot_say_more_than_names() {
    for wrong in [
        json!({"services": [{"name": "a.>"}]}),
        json!({"services": [{"name": "a", "group": "*"}]}),
        json!({"services": [{"name": "a", "handlers": [{"name": "*", "kind": "rpc"}]}]}),
        json!({"services": [{"name": "a", "handlers": [
            {"name": "b", "kind": "subscribe", "subject": "$JS.API.>"},
        ]}]}),
        json!({"services": [{"name": "a", "handlers": [
            {"name": "b", "kind": "subscribe", "subject": "events.a.b", "mode": "x\n\"] # "},
        ]}]}),
        json!({"services": "a"}),
        json!([]),
    ] {
        let read = Manifest::parse(wrong.to_string().as_bytes());
        assert!(read.is_err(), "{wrong}");
    }
    let manifest = manifest(&json!([{"name": "ring", "kind": "rpc", "subject": "rpc.till.ring"}]));
    let again = Manifest::parse(manifest.to_string().as_bytes()).unwrap();
    assert_eq!(again, manifest, "what is printed is read");
}
