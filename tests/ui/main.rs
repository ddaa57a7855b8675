//! Mistakes that do not compile, each with the message a user sees.

/// One file per situation; `TRYBUILD=overwrite` writes the messages anew, and then they are read.
#[test]
fn mistakes_are_told_at_the_users_token_with_the_way_out() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/fail/*.rs");
}
