//! Tests of `prove`.

use super::*;
use doorward_core::auth::signature::{Key, Signed};
use doorward_core::net::special::is_global;

#[test]
fn signature_is_what_a_source_takes() {
    let now = Clock::system().now();
    let at = now.as_second().to_string();
    for key in [
        "a text that both know",
        "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3",
    ] {
        let signatures = signature(key, &format!("prove-1.{at}.body"));
        let signed = Signed {
            id: "prove-1",
            timestamp: &at,
            signatures: &signatures,
        };
        let keys = [Key::new(key).unwrap()];
        assert!(signed.is_by(&keys, b"body", now), "{key}");
        assert!(!signed.is_by(&keys, b"other", now), "{key}");
    }
}

#[test]
fn address_is_one_that_nothing_is_opened_for() {
    for _ in 0..64 {
        assert!(!is_global(address(&Clock::system()).into()));
    }
}
