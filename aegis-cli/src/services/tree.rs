//! Instances as text for people: services, their instances, and if wanted everything of one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::view::{Method, View};
use crate::out::{aligned, plain};

/// The services, each with its instances; sorted as the views are.
pub(super) fn tree(views: &[View], detailed: bool) -> String {
    let mut by_name: BTreeMap<&str, Vec<&View>> = BTreeMap::new();
    for view in views {
        by_name.entry(&view.service).or_default().push(view);
    }
    let mut text = String::new();
    for (name, instances) in by_name {
        line(&mut text, &head(name, &instances));
        let rows: Vec<Vec<String>> = instances.iter().map(|view| row(view)).collect();
        for row in aligned(&rows) {
            line(&mut text, &format!("  {row}"));
        }
        if detailed {
            details(&mut text, &instances);
        }
    }
    text
}

fn line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

/// `calculator  1.2.0, 1.3.0  2 instances`.
fn head(name: &str, instances: &[&View]) -> String {
    let count = match instances.len() {
        1 => "1 instance".to_owned(),
        more => format!("{more} instances"),
    };
    format!("{}  {}  {count}", plain(name), plain(&versions(instances)))
}

fn versions(instances: &[&View]) -> String {
    let mut versions: Vec<&str> = instances.iter().map(|view| &*view.version).collect();
    versions.sort_unstable();
    versions.dedup();
    versions.join(", ")
}

/// Id, status, version, when it was heard, load, and what is to be said besides.
fn row(view: &View) -> Vec<String> {
    let leader = if view.leader { " *" } else { "" };
    let heard = view
        .heartbeat_age_ms
        .map(|age| format!("heard {} ago", ago(age)));
    let load = view.load.as_ref().map(|load| {
        let rate = load.requests_per_second;
        format!("{rate:.1} req/s  p99 {}", took(load.p99_ms))
    });
    vec![
        format!("{}{leader}", plain(&view.id)),
        plain(view.status.as_deref().unwrap_or("-")),
        plain(&view.version),
        heard.unwrap_or_default(),
        load.unwrap_or_default(),
        remark(view),
    ]
}

fn remark(view: &View) -> String {
    let mut said = Vec::new();
    said.extend(view.reason.as_deref().map(plain));
    if view.registered == Some(false) {
        said.push("not in the registry".to_owned());
    }
    if view.answered == Some(false) {
        said.push("does not answer".to_owned());
    }
    said.join("; ")
}

fn details(text: &mut String, instances: &[&View]) {
    let described = instances.iter().find(|view| !view.description.is_empty());
    if let Some(view) = described {
        line(text, "");
        indented(text, &view.description, "  ");
    }
    let Some((first, others)) = instances.split_first() else {
        return;
    };
    // Instances of one version have the same methods: once is enough.
    let same = others.iter().all(|other| same_methods(first, other));
    if same {
        methods(text, &first.methods, "  ");
    }
    for view in instances {
        line(text, "");
        line(text, &format!("  {}", plain(&view.id)));
        facts(text, view);
        if !same {
            methods(text, &view.methods, "    ");
        }
    }
}

fn same_methods(one: &View, other: &View) -> bool {
    let core = |view: &View| -> Vec<_> {
        let cores = view.methods.iter().map(|method| {
            let Method {
                name,
                mode,
                signature,
                subject,
                ..
            } = method.clone();
            (name, mode, signature, subject, method.timeout_ms)
        });
        cores.collect()
    };
    core(one) == core(other)
}

fn methods(text: &mut String, methods: &[Method], indent: &str) {
    let (events, others): (Vec<&Method>, Vec<&Method>) =
        methods.iter().partition(|method| method.is("subscribe"));
    let (commands, called): (Vec<&Method>, Vec<&Method>) =
        others.into_iter().partition(|method| method.is("command"));
    for (head, label, methods) in [
        ("methods", "subject", called),
        ("commands", "takes", commands),
        ("events", "takes", events),
    ] {
        if methods.is_empty() {
            continue;
        }
        line(text, "");
        line(text, &format!("{indent}{head}"));
        for method in methods {
            line(text, &format!("{indent}  {}", signature(method)));
            indented(text, &method.description, &format!("{indent}      "));
            let place = plain(&method.subject);
            line(text, &format!("{indent}      {label} {place}"));
        }
    }
}

/// `add(a: i64, b: i64) -> Result<i64, Failure>  idempotent  timeout 2s`, or
/// `bill(event: Placed) -> Result<(), Failure>  compete`.
fn signature(method: &Method) -> String {
    let types = method.signature.as_deref().unwrap_or_default();
    let mut text = format!("{}{}", plain(&method.name), plain(types));
    if let Some(mode) = &method.mode {
        text = format!("{text}  {}", plain(mode));
    }
    if method.idempotent {
        text += "  idempotent";
    }
    if let Some(millis) = method.timeout_ms {
        let timeout = humantime::format_duration(Duration::from_millis(millis));
        // Writing to a `String` cannot fail.
        let _ = write!(text, "  timeout {timeout}");
    }
    text
}

/// What one instance tells of itself alone.
fn facts(text: &mut String, view: &View) {
    let mut rows = Vec::new();
    let mut fact = |name: &str, value: String| rows.push(vec![name.to_owned(), value]);
    if let Some(started) = &view.started {
        fact("started", plain(started));
    }
    if let Some(load) = &view.load {
        fact("calls running", load.in_flight.to_string());
        fact(
            "requests",
            format!("{:.1} per second", load.requests_per_second),
        );
        fact(
            "errors",
            format!("{:.1} per second", load.errors_per_second),
        );
        let (median, most) = (took(load.p50_ms), took(load.p99_ms));
        fact(
            "time of a call",
            format!("median {median}, 99 % within {most}"),
        );
        fact("lag of a thread", took(load.lag_ms));
    }
    for (key, value) in &view.metadata {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        fact(&format!("metadata {}", plain(key)), plain(&value));
    }
    for row in aligned(&rows) {
        line(text, &format!("    {row}"));
    }
}

fn indented(text: &mut String, block: &str, indent: &str) {
    for part in block.lines() {
        line(text, &format!("{indent}{}", plain(part)));
    }
}

/// An age for people: `0.8s`, `12s`, `5m`, `3h`, `9d`.
pub(super) fn ago(millis: u64) -> String {
    match millis / 1000 {
        0..10 => format!("{}.{}s", millis / 1000, millis % 1000 / 100),
        seconds @ 10..120 => format!("{seconds}s"),
        seconds @ 120..7200 => format!("{}m", seconds / 60),
        seconds @ 7200..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// A time of milliseconds: `0.4ms`, `12ms`, `1.5s`.
fn took(millis: f64) -> String {
    match millis {
        short if short < 10.0 => format!("{short:.1}ms"),
        middle if middle < 1000.0 => format!("{middle:.0}ms"),
        long => format!("{:.1}s", long / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        for (millis, text) in [
            (0, "0.0s"),
            (850, "0.8s"),
            (9_999, "9.9s"),
            (10_000, "10s"),
            (119_999, "119s"),
            (120_000, "2m"),
            (7_200_000, "2h"),
            (172_800_000, "2d"),
        ] {
            assert_eq!(ago(millis), text);
        }
        let times = [0.44, 9.96, 12.3, 1500.0].map(took);
        assert_eq!(times, ["0.4ms", "10.0ms", "12ms", "1.5s"]);
    }
}
