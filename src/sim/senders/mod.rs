//! Senders that deliver events as Azure does, retries included.

use std::time::Duration;

/// An HTTP client that follows no redirect and speaks plain HTTP or TLS.
pub(super) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap_or_default()
}
