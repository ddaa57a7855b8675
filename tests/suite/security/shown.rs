//! What the pages show is what is printed.

use aegis::prelude::*;
use aegis::{Config, Permissions};

use super::{Till, permissions_of_commands, permissions_of_events};

/// With this set, the page is written anew instead of compared.
const WRITE: &str = "AEGIS_TEST_WRITE_PAGES";

fn till() -> [(&'static str, Permissions); 2] {
    let own = Config::default().inbox_prefix("_INBOX.till");
    let till = App::new(own).service(Till).manifest().unwrap();
    let shop = Permissions::new().inbox_prefix("_INBOX.shop").unwrap();
    [
        ("till", Permissions::of(&till).unwrap()),
        ("shop", shop.calls("till").unwrap()),
    ]
}

#[test]
fn the_page_shows_the_permissions_that_are_printed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    let mut page = std::fs::read_to_string(path).unwrap();
    let events = permissions_of_events::printed();
    let commands = permissions_of_commands::printed();
    let all = till().into_iter().chain(events).chain(commands);
    for (name, printed) in all {
        let marker = format!("<!-- generated: {name} -->\n```text\n");
        let (before, rest) = page.split_once(&marker).unwrap();
        let (shown, after) = rest.split_once("```").unwrap();
        let expected = format!("{printed}\n");
        if std::env::var_os(WRITE).is_some() {
            page = format!("{before}{marker}{expected}```{after}");
            continue;
        }
        assert_eq!(
            shown, expected,
            "{name} on the page; {WRITE}=1 writes it anew"
        );
    }
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(path, page).unwrap();
    }
}
