use std::collections::HashMap;

use super::*;
use crate::app::config::Target;
use url::Url;

fn from_env(pairs: &[(&str, &str)]) -> Result<Config> {
    let map: HashMap<String, String> = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let (config, right) = read(Config::default(), &|name| map.get(name).cloned());
    right.map(|()| config)
}

fn from_text(text: &str, env: &[(&str, &str)]) -> Result<Config> {
    let file = tempfile_with(text);
    let path = file.path().display().to_string();
    let mut pairs = vec![("AEGIS_CONFIG", path.as_str())];
    pairs.extend(env);
    from_env(&pairs)
}

fn tempfile_with(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn later_sources_win() {
    let file = "call_timeout = '1s'\nsubject_prefix = 'file'\n[nats]\nurl = 'nats://file:1'\n";
    let config = from_text(file, &[("AEGIS_SUBJECT_PREFIX", "env")]).unwrap();
    assert_eq!(config.call_timeout, Duration::from_secs(1));
    assert_eq!(config.prefix, "env");
    assert_eq!(config.drain_timeout, Duration::from_secs(30), "the default");
    assert_eq!(config.subject_prefix("code").prefix, "code");
    let config = from_env(&[("NATS_URL", "a:1"), ("AEGIS_NATS_URL", "b:2,tls://c:3")]).unwrap();
    let Target::Nats(servers) = config.target else {
        panic!("NATS")
    };
    let shown: Vec<_> = servers.iter().map(Url::as_str).collect();
    assert_eq!(shown, ["nats://b:2", "tls://c:3"]);
}

#[test]
fn every_mistake_is_told_at_once_with_its_source() {
    let file = "codec = 'xml'\ntimeout = '1s'\n[nats]\nurls = 'x'\ntls = 'perhaps'\n";
    let env = [("AEGIS_CALL_TIMEOUT", "soon"), ("AEGIS_INSTANCE_ID", "a.b")];
    let text = from_text(file, &env).unwrap_err().to_string();
    for part in [
        "`codec` = \"xml\" (in ",
        "`timeout` (in ",
        "`nats.urls` (in ",
        "`nats.tls` = \"perhaps\"",
        "`call_timeout` = \"soon\" (from AEGIS_CALL_TIMEOUT): it is a time such as",
        "`instance_id` = \"a.b\" (from AEGIS_INSTANCE_ID)",
    ] {
        assert!(text.contains(part), "{part} is in {text}");
    }
}

#[test]
fn a_key_that_is_near_is_told_alone_and_all_of_them_once() {
    let told = |file| from_text(file, &[]).unwrap_err().to_string();
    let text = told("logs = 'info'\n[nats]\npasword = 'x'\n");
    assert!(text.contains("did you mean `nats.password`?"), "{text}");
    assert!(text.contains("did you mean `log`?"), "{text}");
    assert!(!text.contains("the settings are "), "{text}");
    let text = told("colour = 'x'\n[sky]\ncloud = 'x'\n[nats]\npasword = 'x'\n");
    assert!(text.contains("did you mean `nats.password`?"), "{text}");
    assert_eq!(text.matches("the settings are ").count(), 1, "{text}");
    assert_eq!(text.matches("drain_timeout").count(), 1, "{text}");
}

#[test]
fn urls_are_checked() {
    for (url, right) in [
        ("nats://127.0.0.1:4222", true),
        ("127.0.0.1:4222", true),
        ("localhost", true),
        ("tls://nats.example.com", true),
        ("nats://[::1]:4222", true),
        ("memory://", true),
        ("memory://orders", true),
        ("http://x:1", false),
        ("nats://", false),
        ("", true),
        ("nats://a:99999", false),
        ("nats://a b", false),
        ("nats://a:1,,nats://b:2", false),
        ("nats://a:1/", true),
        ("nats://a:1/b", false),
        ("nats://a:1?b", false),
        ("nats://a:1#b", false),
        ("nats://:password@a:1", false),
    ] {
        assert_eq!(
            from_env(&[("AEGIS_NATS_URL", url)]).is_ok(),
            right,
            "{url:?}"
        );
    }
}

#[test]
fn a_url_of_another_kind_is_told_without_what_is_secret_in_it() {
    for (url, part) in [
        ("http://h:1", "and not http://"),
        ("ws://joe:secret@h:1", "and not ws://"),
        ("nats://", "the host is missing"),
        ("nats://joe:secret@", "is a URL such as"),
    ] {
        let text = from_env(&[("AEGIS_NATS_URL", url)]);
        let text = text.unwrap_err().to_string();
        assert!(text.contains(part) && !text.contains("secret"), "{text}");
    }
}

#[test]
fn who_publishes_can_be_named() {
    for (source, right) in [
        ("desk-7", true),
        ("desk 7", false),
        ("d\n", false),
        ("\u{fc}", false),
    ] {
        let config = from_env(&[("AEGIS_SOURCE", source)]);
        assert_eq!(config.is_ok(), right, "{source:?}");
    }
    assert_eq!(Config::default().source("x").source.as_deref(), Some("x"));
}

#[test]
fn a_login_in_the_url_is_used_and_never_shown() {
    let config = from_env(&[("AEGIS_NATS_URL", "nats://joe:s%40cret@h:1")]).unwrap();
    assert_eq!(
        (config.user.as_deref(), config.password.as_deref()),
        (Some("joe"), Some("s@cret"))
    );
    assert!(!format!("{config:?}").contains("cret"));
    let config = from_env(&[("AEGIS_NATS_URL", "nats://t0ken@h:1")]).unwrap();
    assert_eq!(config.token.as_deref(), Some("t0ken"));
    assert!(!format!("{config:?}").contains("t0ken"));
    let text = from_env(&[("AEGIS_NATS_URL", "nats://joe:secret@h:x")])
        .unwrap_err()
        .to_string();
    assert!(!text.contains("secret"), "{text}");
    let text = from_text("[nats]\npassword = secret\n", &[])
        .unwrap_err()
        .to_string();
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn a_login_in_the_url_is_decoded() {
    for (login, user, password) in [
        ("joe:s%40cret", "joe", "s@cret"),
        ("joe:a&b=c+d", "joe", "a&b=c+d"),
        ("j%C3%B6:%2F%3F%23%3A%25%20", "jö", "/?#:% "),
        ("jö:é", "jö", "é"),
        ("joe:a:b@c", "joe", "a:b@c"),
    ] {
        let config = from_env(&[("AEGIS_NATS_URL", &format!("nats://{login}@h:1"))]).unwrap();
        assert_eq!(config.user.as_deref(), Some(user), "{login}");
        assert_eq!(config.password.as_deref(), Some(password), "{login}");
    }
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let names = all().flat_map(|setting| setting.env);
    let empty: Vec<_> = names
        .copied()
        .chain(["AEGIS_CONFIG"])
        .map(|name| (name, ""))
        .collect();
    let found = from_env(&empty).unwrap();
    assert_eq!(
        format!("{found:?}"),
        format!("{:?}", from_env(&[]).unwrap())
    );
}

#[test]
fn inbox_prefixes_are_checked() {
    for (prefix, right) in [
        ("_INBOX", true),
        ("_INBOX.joe", true),
        ("_INBOX_joe", true),
        ("private.joe", true),
        ("", true),
        ("_INBOX.", false),
        ("_INBOX..joe", false),
        ("_INBOX.*", false),
        ("$SYS", false),
    ] {
        let found = from_env(&[("AEGIS_NATS_INBOX_PREFIX", prefix)]);
        assert_eq!(found.is_ok(), right, "{prefix:?}");
    }
}

/// `docs/configuration.md`.
fn documentation() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_documentation_names_every_setting() {
    let text = documentation();
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    for setting in all() {
        let start = format!("| `{}` |", setting.key);
        let row = rows.iter().find(|row| row.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("{} has a row", setting.key));
        for name in setting.env {
            assert!(row.contains(&format!("`{name}`")), "{name} is in {row}");
        }
    }
    assert_eq!(rows.len(), all().count(), "and no other setting");
}

#[test]
fn the_examples_in_the_documentation_are_right() {
    let text = documentation();
    let examples = text.split("```toml\n").skip(1);
    for example in examples.filter_map(|rest| rest.split("```").next()) {
        // The environment completes a login that has a user only.
        let password = [("AEGIS_NATS_PASSWORD", "p")];
        let env = &password[..usize::from(example.contains("user = "))];
        let Err(error) = from_text(example, env) else {
            continue;
        };
        // The files they name are elsewhere.
        for mistake in error.to_string().lines().skip(1) {
            assert!(mistake.ends_with("there is no such file"), "{error}");
        }
    }
}

#[test]
fn settings_that_exclude_each_other_are_told() {
    for (env, part) in [
        (
            &[("AEGIS_NATS_TOKEN", "t"), ("AEGIS_NATS_NKEY", "n")][..],
            "token and nkey",
        ),
        (
            &[("AEGIS_NATS_USER", "u")],
            "`nats.user` and `nats.password` go together",
        ),
        (
            &[("AEGIS_DRAIN_TIMEOUT", "900years")],
            "`drain_timeout` must be at most 365 days",
        ),
        (
            &[("AEGIS_CALL_TIMEOUT", "0s")],
            "`call_timeout` must be longer than 0",
        ),
        (
            &[("AEGIS_NATS_CREDENTIALS_FILE", "/no/such")],
            "there is no such file",
        ),
        (&[("AEGIS_CONFIG", "/no/such.toml")], "cannot be read"),
        (&[("AEGIS_LOG", "info,,=x=")], "`log`"),
    ] {
        let text = from_env(env).unwrap_err().to_string();
        assert!(text.contains(part), "{part} is in {text}");
    }
}

#[test]
fn mistakes_in_code_wait_until_the_configuration_is_used() {
    let config = Config::default()
        .url("http://x")
        .instance_id("a b")
        .subject_prefix("*");
    let text = config.check().unwrap_err().to_string();
    assert_eq!(text.matches("(in code)").count(), 3, "{text}");
}
