//! Settings that say where messages go: URLs, with the login in them taken out, and inboxes.

use url::Url;

use super::config::{Config, Target};
use crate::model::Subject;

pub(super) fn inbox_prefix(config: &mut Config, text: &str) -> Result<(), String> {
    // `_INBOX` itself is reserved for users, but is what this setting is about.
    let plain = text
        .strip_prefix("_INBOX")
        .map_or(text, |rest| rest.strip_prefix('.').unwrap_or(rest));
    if text != "_INBOX" {
        Subject::parse(plain).map_err(|error| error.to_string())?;
    }
    text.clone_into(&mut config.inbox_prefix);
    Ok(())
}

pub(super) fn url(config: &mut Config, text: &str) -> Result<(), String> {
    if let Some(name) = text.strip_prefix("memory://") {
        config.target = Target::Memory(name.trim_end_matches('/').to_owned());
        return Ok(());
    }
    if text == "auto" {
        config.target = Target::Auto;
        return Ok(());
    }
    let mut servers = Vec::new();
    for part in text.split(',').map(str::trim) {
        let whole = if part.contains("://") {
            part.to_owned()
        } else {
            format!("nats://{part}")
        };
        let mut server = Url::parse(&whole)
            .map_err(|error| format!("{error}; it is a URL such as nats://host:4222"))?;
        let way = "it is nats://host:port, tls://host:port, memory:// or auto";
        if !matches!(server.scheme(), "nats" | "tls") {
            // The scheme only: what follows may be a login.
            let scheme: String = server.scheme().chars().take(20).collect();
            return Err(format!("{way}, and not {scheme}://"));
        }
        if server.host_str().is_none_or(str::is_empty) {
            return Err(format!("{way}, and here the host is missing"));
        }
        // Also what follows an unencoded `/`, `?` or `#` in a password, which must not be shown.
        if !matches!(server.path(), "" | "/") || server.query().or(server.fragment()).is_some() {
            return Err(
                "it ends with the port; in a login `/`, `?`, `#` are written %2F, %3F, %23".into(),
            );
        }
        take_login(config, &mut server)?;
        servers.push(server);
    }
    config.target = Target::Nats(servers);
    Ok(())
}

/// `async-nats` ignores a login in the URL, and a URL is shown in logs: take it out.
fn take_login(config: &mut Config, server: &mut Url) -> Result<(), String> {
    let decoded = |text: &str| {
        let pair = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
        url::form_urlencoded::parse(pair.as_bytes())
            .next()
            .map_or_else(String::new, |(_, value)| value.into_owned())
    };
    let (user, password) = (decoded(server.username()), server.password().map(decoded));
    match (user.is_empty(), password) {
        (false, Some(password)) => {
            config.user = Some(user);
            config.password = Some(password);
        }
        (false, None) => config.token = Some(user),
        (true, Some(_)) => return Err("a login is `user:password@` or `token@`".to_owned()),
        (true, None) => {}
    }
    // These fail only for URLs that cannot have a login.
    let _ = server.set_username("");
    let _ = server.set_password(None);
    Ok(())
}
