//! Tests of `auth`.

use super::*;
use axum::http::Request;

const KEY: &str = "first/key+of==two";

fn is_proven(query: bool, request: axum::http::request::Builder) -> bool {
    let keys = ["second-key".into(), KEY.into()];
    knows_a_key(&keys, query, &request.body(()).unwrap().into_parts().0)
}

#[test]
fn any_of_the_keys_proves() {
    for key in [KEY, "second-key"] {
        assert!(is_proven(false, Request::builder().header(KEY_HEADER, key)));
    }
    for key in ["", "second", "second-key2", "SECOND-KEY"] {
        assert!(!is_proven(true, Request::builder().header(KEY_HEADER, key)));
    }
    assert!(!is_proven(true, Request::builder()));
}

#[test]
fn a_key_in_the_query_counts_only_where_the_source_says_so() {
    let ask = |uri: &str| Request::builder().uri(uri.to_owned());
    for uri in [
        "/?key=first/key+of==two",
        "/?a=b&key=first%2Fkey%2Bof%3D%3Dtwo",
    ] {
        assert!(is_proven(true, ask(uri)), "{uri}");
        assert!(!is_proven(false, ask(uri)), "{uri}");
    }
    assert!(!is_proven(true, ask("/?key=second-key&key=second-key")));
    assert!(!is_proven(true, ask("/?Key=second-key")));
}

#[test]
fn two_headers_prove_nothing() {
    let twice = Request::builder()
        .header(KEY_HEADER, KEY)
        .header(KEY_HEADER, KEY);
    assert!(!is_proven(false, twice));
}
