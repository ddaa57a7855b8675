//! The name that was probably meant instead of one that does not exist.

use strsim::osa_distance;

/// What may be different in a long name; in a short one it is a third of its letters.
const SLIPS: usize = 3;

fn slips(letters: usize) -> usize {
    (letters / 3).clamp(1, SLIPS)
}

/// The nearest of those that are known, if one is near enough. Two letters that have changed places
/// are one slip.
pub(super) fn name<'a>(meant: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = slips(meant.chars().count());
    let found = known.map(|known| (osa_distance(meant, known), known));
    let (_, found) = found.filter(|(slips, _)| *slips <= most).min()?;
    Some(found)
}

/// The same of a key of the file: the table may be another one if the name in it is right, and is the
/// measure of what is a slip if the table is right.
pub(super) fn key<'a>(meant: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.collect();
    let (table, last) = split(meant);
    let plain = |name: &str| name.replace(['_', '-'], "").to_lowercase();
    let same = known
        .iter()
        .copied()
        .filter(|key| plain(split(key).1) == plain(last));
    if let Some(found) = same.min_by_key(|key| osa_distance(meant, key)) {
        return Some(found);
    }
    let beside = known.iter().map(|key| split(key));
    let beside = beside.filter(|(of, _)| *of == table).map(|(_, name)| name);
    if let Some(found) = name(last, beside) {
        return known.into_iter().find(|key| split(key) == (table, found));
    }
    name(meant, known.into_iter())
}

fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('.').unwrap_or(("", key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_is_near() {
        let known = [
            "log",
            "log_format",
            "nats.url",
            "nats.password",
            "events.max_age",
            "events.replicas",
            "nats.replicas",
        ];
        for (meant, expected) in [
            ("nats.pasword", Some("nats.password")),
            ("nats.passwrod", Some("nats.password")),
            ("nats.urls", Some("nats.url")),
            ("password", Some("nats.password")),
            ("event.replicas", Some("events.replicas")),
            ("events.max-age", Some("events.max_age")),
            ("nat.urls", Some("nats.url")),
            ("logformat", Some("log_format")),
            ("lgo", Some("log")),
            ("foo", None),
            ("nats.foo", None),
            ("nats.colour", None),
            ("colour.of.the.sky", None),
        ] {
            assert_eq!(key(meant, known.into_iter()), expected, "{meant}");
        }
    }
}
