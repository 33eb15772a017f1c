//! What holds for any text.

use super::*;
use crate::intake::work::WorkBudget;
use proptest::prelude::*;

/// Ways in which a text is laid into another.
fn escape(text: &str, way: u8) -> String {
    match way % 7 {
        0 => serde_json::json!({ "m": text }).to_string(),
        1 => format!("{text:?}"),
        2 => text
            .replace('&', "&amp;")
            .replace('\'', "&#39;")
            .replace('"', "&quot;"),
        3 => text
            .replace('%', "%25")
            .replace('\'', "%27")
            .replace('"', "%22"),
        4 => serde_json::json!([text])
            .to_string()
            .replace('\'', "\\u0027"),
        5 => text.replace('\n', "\n2025-02-01T10:00:00.0000000Z "),
        _ => text.replace('\n', "\n    "),
    }
}

proptest! {
    #[test]
    fn any_text_can_be_read(text: String) {
        thoroughly(&text, &WorkBudget::unlimited());
    }

    #[test]
    fn any_bytes_can_be_read(bytes: Vec<u8>) {
        parse_document(&bytes);
    }

    #[test]
    fn any_tangle_of_pieces_can_be_read_and_is_never_sieved_out(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "client", "cli", "ent", " with", " IP ", "'", "\\u0027", "20.1.2.3", "20.1.", " is", " not", " allowed", "allo", "wed", " access", "\n", "\\n",
            "\n# ", " ", "denied: ", "https://", "a.azurecr.io", "/v2/app/manifests/v1", "\": ", ": ", "403", " Forbidden", "unexpected status", "{", "}", "[", "]", "\"",
            "\\u0063lient", "&#99;lient", "\u{1b}[0m", "\u{200b}", "\\", "Client address: ", "Client address is not authorized and caller ", "no pg_hba.conf entry for host ",
            "don't have access to registry ", "connectivity_forbidden_error", "Source IP address: ", "databricks", "Client Ip address : ", "synapse", ",", "\\u0020", "%20", "+",
        ]), 0..24)
    ) {
        let text = pieces.concat();
        let found = thoroughly(&text, &WorkBudget::unlimited());
        prop_assert!(found.is_empty() || may_hold_denial(text.as_bytes()), "{text}");
        parse_document(text.as_bytes());
    }

    #[test]
    fn a_denial_survives_escapes_and_wraps(
        ways in proptest::collection::vec(any::<u8>(), 0..5),
        cut in 0_usize..60,
        leader in proptest::sample::select(vec!["", "# ", "> ", "│ ", "    ", "//  "]),
        octets: [u8; 4],
    ) {
        let ip = std::net::Ipv4Addr::from(octets);
        let says = format!("client with IP '{ip}' is not allowed access");
        let (before, after) = says.split_at(cut.min(says.len()));
        let mut text = format!("{leader}Get \"https://{R}/v2/app/manifests/v1\": denied: {before}\n{leader}{after}");
        for way in ways {
            text = escape(&text, way);
        }
        let expected = denied(&ip.to_string(), Some(R), Some("app"), Some("v1"));
        prop_assert_eq!(parse_document(text.as_bytes()), vec![expected], "{}", text);
    }
}
