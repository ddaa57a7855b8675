//! A text that names a variable of the environment names one that there is.

use std::collections::BTreeSet;

use crate::{root, rust_files};

/// Of the tests' own, and no setting of a program.
fn is_of_tests(name: &str) -> bool {
    name.starts_with("AEGIS_TEST_") || name == "AEGIS_NATS_SERVER"
}

#[test]
fn every_variable_that_the_code_names_is_a_setting() {
    let page = root().join("docs/configuration.md");
    let page = std::fs::read_to_string(page).expect("the page of all settings");
    let mut wrong = BTreeSet::new();
    let mut named = 0;
    for folder in ["aegis/src", "aegis-macros/src", "aegis-cli/src"] {
        for file in rust_files(&root().join(folder)) {
            let text = std::fs::read_to_string(&file).expect("a text");
            let of_a_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            let words = text.split(|c: char| !of_a_name(c));
            for word in words.filter(|word| word.starts_with("AEGIS_") && !is_of_tests(word)) {
                named += 1;
                if !page.contains(&format!("`{word}`")) {
                    wrong.insert(format!("{}: {word} is no setting", file.display()));
                }
            }
        }
    }
    assert!(named > 20, "only {named} were found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
