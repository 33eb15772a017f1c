//! A shared access signature made of an account's key, so that the key itself is never sent
//! (<https://learn.microsoft.com/rest/api/storageservices/create-account-sas>).

use super::{Service, StorageError};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;

/// The version of the signature.
const VERSION: &str = "2022-11-02";

/// How long it is good for, and for how long before now: clocks differ.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(15);

/// The query of a signed URL: to read and process messages, or to list and read blobs, and nothing else.
pub(super) fn sign(
    (account, service): (&str, Service),
    key: &str,
    now: Timestamp,
) -> Result<String, StorageError> {
    let key = STANDARD.decode(key.trim());
    let key = key.map_err(|_| StorageError::SecretUnusable)?;
    let (services, rights) = match service {
        Service::Queue => ("q", "rp"),
        Service::Blob => ("b", "rl"),
    };
    let second = |at: Result<Timestamp, jiff::Error>| {
        let at = at.map_err(|_| StorageError::SecretUnusable)?;
        Ok::<String, StorageError>(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    };
    let start = second(now.checked_sub(GOOD_FOR))?;
    let end = second(now.checked_add(GOOD_FOR))?;
    let types = "sco";
    // The address range, and the protocol, are left open; the encryption scope is none.
    let text =
        format!("{account}\n{rights}\n{services}\n{types}\n{start}\n{end}\n\n\n{VERSION}\n\n");
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), text.as_bytes());
    let signature = STANDARD.encode(signature);
    let mut url: Url = "https://account/"
        .parse()
        .map_err(|_| StorageError::SecretUnusable)?;
    url.query_pairs_mut().extend_pairs([
        ("sv", VERSION),
        ("ss", services),
        ("srt", types),
        ("sp", rights),
        ("st", &start),
        ("se", &end),
        ("sig", &signature),
    ]);
    Ok(url.query().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_that_is_not_base64_is_refused_and_signature_is_bounded_in_time() {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let refused = sign(("contoso", Service::Queue), "not a key!", now);
        assert_eq!(refused, Err(StorageError::SecretUnusable));
        let query = sign(("contoso", Service::Queue), "a2V5", now).unwrap();
        assert!(query.contains("se=2026-11-22T12%3A15%3A00Z"), "{query}");
        assert!(
            query.contains("sp=rp") && !query.contains("a2V5"),
            "{query}"
        );
    }
}
