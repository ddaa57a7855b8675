//! A file holds one idea: 400 lines at the most.

use crate::{root, rust_files};

const LONGEST: usize = 400;

#[test]
fn no_file_is_longer_than_400_lines() {
    let mut long = Vec::new();
    for folder in ["aegis", "aegis-macros", "aegis-cli", "examples", "tests"] {
        for file in rust_files(&root().join(folder)) {
            let shown = file.display().to_string();
            // Written by a program, and read by people a part at a time.
            if shown.ends_with(".expanded.rs") {
                continue;
            }
            let lines = std::fs::read_to_string(&file)
                .expect("a text")
                .lines()
                .count();
            if lines > LONGEST {
                long.push(format!(
                    "{shown}: {lines} lines; find the second idea in it"
                ));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}
