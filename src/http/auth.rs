//! Whether a request comes from the sender that its path names. Looked at before anything else.

use crate::app::{App, Auth, Source};
use crate::http::HttpError;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::Query;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use governor::clock::{Clock, DefaultClock};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::domain::ledger::Hash;

/// The header that carries a shared key.
const KEY_HEADER: &str = "x-doorward-key";

/// The source called `name`, once its sender is proven and has not come too often.
pub(super) fn source<'a>(app: &'a App, name: &str, head: &Parts) -> Result<&'a Source, HttpError> {
    let source = app.sources.get(name).ok_or(HttpError::UnknownSource)?;
    if !proven(&source.auth, head) {
        return Err(HttpError::Unauthorized);
    }
    source.limiter.check().map_err(|early| HttpError::TooMany {
        wait: early.wait_time_from(DefaultClock::default().now()),
    })?;
    Ok(source)
}

fn proven(auth: &Auth, head: &Parts) -> bool {
    match auth {
        Auth::SharedKey { keys, query } => {
            let offered = in_header(&head.headers)
                .or_else(|| query.then(|| in_query(&head.uri)).flatten())
                .unwrap_or_default();
            one_of(keys, &offered)
        }
    }
}

/// Compares with every key, to the end, whichever fits: neither the time nor the length of what was
/// offered tells anything about the keys.
fn one_of(keys: &[SecretString], offered: &[u8]) -> bool {
    let offered_hash = Hash::of(offered);
    let fits = keys.iter().fold(false, |fits, key| {
        let key = Hash::of(key.expose_secret().as_bytes());
        fits | verify_slices_are_equal(key.as_bytes(), offered_hash.as_bytes()).is_ok()
    });
    fits && !offered.is_empty()
}

/// The key in the header; none if the header stands there twice.
fn in_header(headers: &HeaderMap) -> Option<Vec<u8>> {
    let mut values = headers.get_all(KEY_HEADER).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.as_bytes().to_vec()),
        _ => None,
    }
}

#[derive(Deserialize)]
struct KeyParameter {
    key: String,
}

/// The query parameter `key`; none if it stands there twice. A plus sign means itself: keys made by
/// `openssl rand -base64` have them, and no key has a space.
fn in_query(uri: &Uri) -> Option<Vec<u8>> {
    let query = uri.query()?.replace('+', "%2B");
    let uri: Uri = format!("/?{query}").parse().ok()?;
    let Query(parameter) = Query::<KeyParameter>::try_from_uri(&uri).ok()?;
    Some(parameter.key.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    const KEY: &str = "first/key+of==two";

    fn is_proven(query: bool, request: axum::http::request::Builder) -> bool {
        let auth = Auth::SharedKey {
            keys: vec!["second-key".into(), KEY.into()],
            query,
        };
        proven(&auth, &request.body(()).unwrap().into_parts().0)
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
}
