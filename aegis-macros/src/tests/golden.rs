//! Whole expansions, kept as files: `BLESS=1 cargo test -p aegis-macros` writes them anew.
//!
//! A `submit! { .. }` is shown as `const SUBMIT: .. = ..;`, since nobody formats inside of a macro.

use std::path::{Path, PathBuf};
use std::{env, fs};

use syn::{Expr, File, Item, Stmt, parse_quote};

use super::expanded;

#[test]
fn expansions_are_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut inputs: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| !path.to_string_lossy().ends_with(".expanded.rs"))
        .collect();
    inputs.sort();
    assert!(inputs.len() >= 6, "no inputs found");
    let stale: Vec<&PathBuf> = inputs
        .iter()
        .filter(|input| !is_as_recorded(input))
        .collect();
    assert!(
        stale.is_empty(),
        "run with BLESS=1 and look at the changes of {stale:?}"
    );
}

fn is_as_recorded(input: &Path) -> bool {
    let source = fs::read_to_string(input).expect("readable");
    let mut file = expanded(&source);
    show_rows(&mut file);
    let now = prettyplease::unparse(&file);
    let record = input.with_extension("expanded.rs");
    if env::var_os("BLESS").is_some() {
        fs::write(&record, &now).expect("writable");
    }
    let recorded = fs::read_to_string(&record).unwrap_or_default();
    if recorded != now {
        println!("{} would be:\n{now}", record.display());
    }
    recorded == now
}

fn show_rows(file: &mut File) {
    for item in &mut file.items {
        let Item::Const(constant) = item else {
            continue;
        };
        let Expr::Block(block) = &mut *constant.expr else {
            continue;
        };
        block.block.stmts.iter_mut().for_each(show_row);
    }
}

fn show_row(statement: &mut Stmt) {
    let (attributes, call) = match statement {
        Stmt::Macro(statement) => (&statement.attrs, &statement.mac),
        Stmt::Item(Item::Macro(item)) => (&item.attrs, &item.mac),
        _ => return,
    };
    let row: Expr = call.parse_body().expect("a row is an expression");
    *statement = parse_quote!(#(#attributes)* const SUBMIT: ::aegis::HandlerDescriptor = #row;);
}
