//! What the guide shows of the examples is their code, line by line.

#![expect(clippy::panic, reason = "a helper that fails is a test that fails")]

use std::path::Path;

/// Each page, and the examples that it shows.
const PAGES: [(&str, &[&str]); 7] = [
    ("discovery.md", &["04_discovery.rs"]),
    ("key-value.md", &["05_key_value.rs"]),
    (
        "single-active.md",
        &["06_single_active.rs", "07_orders.rs", "08_inventory.rs"],
    ),
    (
        "events.md",
        &[
            "09_events.rs",
            "tests/events.rs",
            "shop/src/lib.rs",
            "shop/src/main.rs",
            "shop/src/bin/place.rs",
        ],
    ),
    (
        "commands.md",
        &[
            "11_batch.rs",
            "tests/commands.rs",
            "risk/src/lib.rs",
            "risk/src/main.rs",
            "risk/src/bin/send.rs",
            "risk/src/bin/follow.rs",
        ],
    ),
    ("layers.md", &["12_layers.rs"]),
    (
        "effects-once.md",
        &["shop/src/bin/payments.rs", "shop/src/bin/report.rs"],
    ),
];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines without their indentation: a page may show what stands inside a function.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim_start).collect()
}

/// `examples/greeter/tests/guide.rs` holds these.
const ELSEWHERE: [&str; 2] = ["first-service.md", "calling.md"];

#[test]
fn every_page_is_held_to_some_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide");
    for page in std::fs::read_dir(folder).unwrap() {
        let page = page.unwrap();
        let shows_code = std::fs::read_to_string(page.path())
            .unwrap()
            .contains("```rust");
        let page = page.file_name().into_string().unwrap();
        let here = PAGES.iter().any(|(held, _)| *held == page);
        let held = here || ELSEWHERE.contains(&&*page);
        assert!(held || !shows_code, "nothing holds {page}");
    }
}

#[test]
fn every_snippet_is_code_of_the_example() {
    for (page, examples) in PAGES {
        let text = read(&format!("../docs/guide/{page}"));
        let sources: Vec<String> = examples.iter().map(|example| read(example)).collect();
        let blocks: Vec<&str> = text.split("```rust").skip(1).collect();
        assert!(blocks.len() >= 2, "{page} shows code");
        for block in blocks {
            let shown = lines(block.split("```").next().unwrap().trim());
            let stands = |source: &String| {
                let source = lines(source);
                source.windows(shown.len()).any(|part| part == shown)
            };
            assert!(
                sources.iter().any(stands),
                "{page} shows code that does not stand in {examples:?}:\n{}",
                shown.join("\n")
            );
        }
    }
}

#[test]
fn the_python_of_the_guide_is_that_of_the_tests() {
    for name in ["events", "commands"] {
        let page = read(&format!("../docs/guide/{name}.md"));
        let script = read(&format!("../tests/interop/{name}.py"));
        let blocks: Vec<&str> = page.split("```python\n").skip(1).collect();
        assert!(!blocks.is_empty());
        for block in blocks {
            let shown = block.split("```").next().unwrap();
            assert!(script.contains(shown), "the script has no\n{shown}");
        }
    }
}

/// How a heading is linked to.
fn anchor(heading: &str) -> String {
    let stays = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let kept: String = heading.to_lowercase().chars().filter(stays).collect();
    kept.replace(' ', "-")
}

#[test]
fn every_link_of_the_guide_leads_somewhere() {
    for (page, _) in PAGES {
        let text = read(&format!("../docs/guide/{page}"));
        let links = text.split("](").skip(1);
        let links: Vec<&str> = links.map(|rest| rest.split(')').next().unwrap()).collect();
        assert!(!links.is_empty(), "{page} has links");
        for link in links {
            let (file, part) = link.split_once('#').unwrap_or((link, ""));
            let file = if file.is_empty() { page } else { file };
            let target = read(&format!("../docs/guide/{file}"));
            let heads = target.lines().filter_map(|line| {
                let head = line.strip_prefix("### ");
                head.or_else(|| line.strip_prefix("## "))
            });
            let found = part.is_empty() || heads.map(anchor).any(|head| head == part);
            assert!(found, "{page}: {link}");
        }
    }
}
