//! The committed API document is the one that the program answers.

mod common;

use common::Exchange;

/// Where the document is kept. With `CENTRALE_BLESS=1` in the environment the test writes it instead of comparing.
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

#[test]
fn the_committed_document_is_what_the_program_answers() {
    let exchange = Exchange::dev(&[]);
    let answered = exchange.plain("GET", "/openapi.json", &[], b"");
    assert_eq!(answered.status, 200);
    let mut document = answered.json();
    // The address of this run is no part of the interface.
    if let Some(object) = document.as_object_mut() {
        object.remove("servers");
    }
    let document = serde_json::to_string_pretty(&document).expect("JSON") + "\n";
    if std::env::var_os("CENTRALE_BLESS").is_some() {
        std::fs::write(KEPT, document).expect("the document is written");
        return;
    }
    let kept = std::fs::read_to_string(KEPT).unwrap_or_default();
    assert!(
        kept == document,
        "docs/openapi.json is not what the program answers: run the test with CENTRALE_BLESS=1 and commit it"
    );
}
