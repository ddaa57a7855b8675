//! Each module uses lower layers only, and the transport is named in one place.

use std::collections::BTreeSet;
use std::path::Path;

use syn::visit::Visit;

use crate::{root, rust_files};

/// Every module of `aegis`, with the modules it may use. A module not named here fails the test.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("error", &["model"]),
    ("port", &["model", "error"]),
    ("observe", &["model", "error"]),
    ("adapter", &["model", "error", "port", "observe"]),
    ("lease", &["model", "error"]),
    ("layer", &["model", "error"]),
    ("kv", &["model", "error", "port", "observe", "lease"]),
    ("cluster", &["model", "error", "port", "observe", "lease"]),
    (
        "client",
        &[
            "model", "error", "port", "observe", "lease", "layer", "kv", "cluster",
        ],
    ),
    (
        "serve",
        &[
            "model", "error", "port", "observe", "lease", "layer", "client",
        ],
    ),
    (
        "app",
        &[
            "model", "error", "port", "observe", "lease", "layer", "cluster", "client", "serve",
            "adapter",
        ],
    ),
    (
        "testing",
        &[
            "model", "error", "port", "observe", "lease", "layer", "client", "serve", "adapter",
            "app",
        ],
    ),
    // The face: they only name what the others make.
    ("lib", &["*"]),
    ("prelude", &["*"]),
    ("__private", &["*"]),
    ("by_hand", &["model", "serve"]),
];

/// Crates that only some modules may name.
const CRATES: &[(&str, &[&str])] = &[
    ("async_nats", &["adapter"]),
    ("kube", &["adapter"]),
    ("k8s_openapi", &["adapter"]),
    ("http", &["adapter"]),
    ("inventory", &["serve", "__private", "by_hand", "lib"]),
    ("toml", &["app"]),
    ("tracing_subscriber", &["adapter", "app"]),
    ("opentelemetry", &["adapter"]),
    ("opentelemetry_proto", &["adapter"]),
    ("opentelemetry_sdk", &["adapter"]),
    ("tracing_opentelemetry", &["adapter"]),
    ("ureq", &["adapter"]),
    // Values and decisions wait for nothing.
    (
        "tokio",
        &[
            "port", "adapter", "lease", "kv", "cluster", "client", "serve", "app", "testing",
        ],
    ),
    (
        "tokio_util",
        &["adapter", "lease", "cluster", "serve", "app"],
    ),
    ("lru", &["cluster"]),
    ("rustix", &["lease", "testing"]),
    (
        "futures_util",
        &[
            "port",
            "adapter",
            "kv",
            "layer",
            "cluster",
            "client",
            "serve",
            "app",
            "testing",
            "__private",
            "by_hand",
        ],
    ),
];

/// Paths used by a file, apart from those in its tests.
#[derive(Default)]
struct Paths {
    found: BTreeSet<Vec<String>>,
    asynchronous: bool,
}

impl Paths {
    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| {
            let mut path = before.to_vec();
            path.push(name.to_string());
            path
        };
        match tree {
            syn::UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.tree(before, tree));
            }
            syn::UseTree::Name(name) => drop(self.found.insert(with(&name.ident))),
            syn::UseTree::Rename(name) => drop(self.found.insert(with(&name.ident))),
            syn::UseTree::Glob(_) => drop(self.found.insert(before.to_vec())),
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let test = |attribute: &syn::Attribute| {
            attribute
                .meta
                .require_list()
                .is_ok_and(|list| list.tokens.to_string() == "test")
        };
        if !module.attrs.iter().any(test) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.found.insert(
            path.segments
                .iter()
                .map(|segment| segment.ident.to_string())
                .collect(),
        );
        syn::visit::visit_path(self, path);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.asynchronous |= signature.asyncness.is_some();
        syn::visit::visit_signature(self, signature);
    }
}

fn paths_of(text: &str) -> Paths {
    let mut paths = Paths::default();
    paths.visit_file(&syn::parse_file(text).expect("Rust"));
    paths
}

/// The module of `aegis` that a file belongs to.
fn module_of(file: &Path, source: &Path) -> String {
    let inside = file.strip_prefix(source).expect("a file of aegis");
    let first = inside
        .components()
        .next()
        .expect("a name")
        .as_os_str()
        .to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The complaints about one file.
fn judge(module: &str, shown: &str, paths: &Paths) -> Vec<String> {
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
        return vec![format!(
            "{shown}: `{module}` is in no layer: name it in this test"
        )];
    };
    let mut complaints = Vec::new();
    for path in &paths.found {
        let second = path.get(1).map(String::as_str);
        match (path.first().map(String::as_str), second) {
            (Some("crate"), Some(used)) if MAY_USE.iter().any(|(name, _)| *name == used) => {
                if used != module && !allowed.contains(&used) && !allowed.contains(&"*") {
                    complaints.push(format!("{shown}: `{module}` must not use `{used}`"));
                }
            }
            (Some(name), _) => {
                let rule = CRATES.iter().find(|(known, _)| *known == name);
                if rule.is_some_and(|(_, users)| !users.contains(&module)) {
                    complaints.push(format!(
                        "{shown}: `{module}` must not use the crate `{name}`"
                    ));
                }
            }
            (None, _) => {}
        }
        if module == "model" && path.ends_with(&["Instant".to_owned(), "now".to_owned()]) {
            complaints.push(format!(
                "{shown}: `model` must not read a clock: take `now`"
            ));
        }
    }
    if module == "model" && paths.asynchronous {
        complaints.push(format!("{shown}: `model` must not be async"));
    }
    complaints
}

#[test]
fn modules_use_lower_layers_only() {
    let source = root().join("aegis/src");
    let mut complaints = Vec::new();
    for file in rust_files(&source) {
        // Tests in files of their own may use what they like.
        if file.to_string_lossy().ends_with("_tests.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("a text");
        let shown = file.display().to_string();
        complaints.extend(judge(&module_of(&file, &source), &shown, &paths_of(&text)));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn layers_have_no_cycle() {
    // Each module stands after those it uses: then there is no way back.
    for (at, (module, used)) in MAY_USE.iter().enumerate() {
        for name in used.iter().filter(|name| **name != "*") {
            let place = MAY_USE.iter().position(|(module, _)| module == name);
            assert!(
                place.is_some_and(|place| place < at),
                "`{module}` uses `{name}`"
            );
        }
    }
}

#[test]
fn the_judge_notices_each_kind_of_mistake() {
    for (module, text, complaint) in [
        (
            "model",
            "use crate::app::App;",
            "`model` must not use `app`",
        ),
        (
            "model",
            "fn f() { crate::error::g() }",
            "`model` must not use `error`",
        ),
        (
            "client",
            "use crate::{model::Name, serve::Context};",
            "`client` must not use `serve`",
        ),
        (
            "serve",
            "use crate::adapter::nats;",
            "`serve` must not use `adapter`",
        ),
        (
            "serve",
            "fn f() -> async_nats::Client {}",
            "must not use the crate `async_nats`",
        ),
        ("model", "async fn f() {}", "must not be async"),
        (
            "model",
            "fn f() { std::time::Instant::now(); }",
            "must not read a clock",
        ),
        ("helpers", "", "is in no layer"),
    ] {
        let complaints = judge(module, "x.rs", &paths_of(text)).join("\n");
        assert!(complaints.contains(complaint), "{text}: {complaints}");
    }
    let fine = "use crate::model::Subject; #[cfg(test)] mod tests { use crate::app::App; }";
    assert!(judge("client", "x.rs", &paths_of(fine)).is_empty());
}
