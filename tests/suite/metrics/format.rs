//! The rules of the text format of Prometheus, as a check.

use std::collections::{BTreeMap, HashSet};

/// A line of a sample: its name, its labels, its value.
fn sample(line: &str) -> (String, String, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("{line}"));
    let value = match value {
        "+Inf" => f64::INFINITY,
        other => other.parse().unwrap_or_else(|_| panic!("{line}")),
    };
    (name.to_owned(), labels.to_owned(), value)
}

/// The rules of the text format: one type for each name, said before its samples, which stand
/// together; no series twice; buckets that grow up to the count.
pub(super) fn check(text: &str) -> BTreeMap<String, String> {
    assert!(text.ends_with('\n'));
    let mut types: BTreeMap<String, String> = BTreeMap::new();
    let (mut current, mut series) = (String::new(), HashSet::new());
    let mut last_bucket: Option<(String, f64)> = None;
    for line in text.lines() {
        if let Some(said) = line.strip_prefix("# TYPE ") {
            let (name, kind) = said.split_once(' ').unwrap();
            assert!(
                types.insert(name.to_owned(), kind.to_owned()).is_none(),
                "{line}"
            );
            name.clone_into(&mut current);
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        let (name, labels, value) = sample(line);
        let kind = &types[&current];
        let parts: &[&str] = if kind == "histogram" {
            &["_bucket", "_sum", "_count"]
        } else {
            &[""]
        };
        assert!(
            parts.iter().any(|part| name == format!("{current}{part}")),
            "{line}"
        );
        assert!(
            series.insert((name.clone(), labels.clone())),
            "twice: {line}"
        );
        if kind == "counter" {
            assert!(name.ends_with("_total") && value >= 0.0, "{line}");
        }
        if name.ends_with("_bucket") {
            let others = labels.split(",le=").next().unwrap().to_owned();
            let others = if others.starts_with("le=") {
                String::new()
            } else {
                others
            };
            if let Some((before, count)) = &last_bucket {
                assert!(before != &others || *count <= value, "{line}");
            }
            last_bucket = Some((others, value));
        } else if name.ends_with("_count") && kind == "histogram" {
            let (others, buckets) = last_bucket.take().unwrap();
            assert_eq!((others, buckets), (labels, value), "{line}");
        }
    }
    types
}
