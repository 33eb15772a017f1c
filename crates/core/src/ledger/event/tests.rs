//! Tests of `event`.

use super::LedgerEvent;

#[test]
fn every_kind_of_entry_is_listed_once() {
    let unknown = serde_json::from_str::<LedgerEvent>(r#"{ "kind": "nosuch" }"#);
    let said = unknown.unwrap_err().to_string();
    let named: Vec<&str> = said.split('`').skip(3).step_by(2).collect();
    assert_eq!(named, LedgerEvent::KINDS);
}
