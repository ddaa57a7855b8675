//! A test that the guarantees name is one that there is.

use std::collections::BTreeSet;

use crate::{root, rust_files};

/// Words of code in the last column of the table, long enough to be names of tests.
fn named(row: &str) -> impl Iterator<Item = &str> {
    let tests = row.trim_end_matches([' ', '|']).rsplit('|').next();
    let words = tests.unwrap_or_default().split('`').skip(1).step_by(2);
    let is_name = |word: &&str| word.bytes().all(|c| c.is_ascii_lowercase() || c == b'_');
    words.filter(is_name).filter(|word| word.contains('_'))
}

#[test]
fn every_promise_and_every_fault_names_a_test_that_there_is_or_none() {
    let page = root().join("docs/guarantees.md");
    let page = std::fs::read_to_string(page).expect("the page of guarantees");
    let section = |name: &str| {
        let (_, rest) = page.split_once(name).expect("a section");
        let (section, _) = rest.split_once("\n## ").unwrap_or((rest, ""));
        let rows = section.lines().filter(|line| line.starts_with("| "));
        rows.skip(1).collect::<Vec<_>>()
    };
    let names = ["\n## Events\n", "\n## Commands\n", "\n## Faults\n"];
    let rows = names.map(section).concat();
    let mut sources = String::new();
    let folders = [
        "aegis/src",
        "aegis-cli/tests",
        "examples/tests",
        "examples/risk/tests",
        "tests",
    ];
    for folder in folders {
        for file in rust_files(&root().join(folder)) {
            sources.push_str(&std::fs::read_to_string(file).expect("a text"));
        }
    }
    let (mut wrong, mut found) = (BTreeSet::new(), 0);
    for row in rows {
        if named(row).next().is_none() && !row.contains("*none*") && !row.contains("`.ci/run`") {
            wrong.insert(format!("no test, and no word of that: {row}"));
        }
        for name in named(row).filter(|name| *name != "bad_input") {
            found += 1;
            if !sources.contains(&format!("fn {name}(")) {
                wrong.insert(format!("there is no test {name}"));
            }
        }
    }
    assert!(found > 30, "only {found} tests are named");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
