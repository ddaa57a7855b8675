//! The program runs, and its calls work.

#[test]
fn a_renamed_crate_without_a_prelude_serves_and_calls() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_aegis-hygiene"))
        .env("AEGIS_NATS_URL", "memory://")
        .output()
        .expect("the program");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
