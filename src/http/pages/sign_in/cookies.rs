//! The cookies of sign-in.

use crate::flow::app::App;
use crate::http::viewer::cookie;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookie::{Cookie, SameSite};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The cookie of a sign-in under way.
const UNDER_WAY: &str = "__Host-doorward-sign-in";

/// The same where doorward is reached on this machine without TLS.
const UNDER_WAY_ON_LOOPBACK: &str = "doorward-sign-in";

/// How long a sign-in may take, in seconds.
pub(super) const WITHIN: i64 = 600;

/// The longest such cookie that is looked at, in bytes.
const LONGEST_COOKIE: usize = 4096;

/// A sign-in under way, as its cookie keeps it.
#[derive(Serialize, Deserialize)]
pub(super) struct UnderWay {
    pub(super) state: String,
    pub(super) nonce: String,
    pub(super) verifier: String,
    /// Where the person comes back to.
    pub(super) to: String,
    /// When it began, in seconds since the Unix epoch.
    pub(super) at: i64,
}

/// The sign-in that began in this browser, not too long ago.
pub(super) fn under_way(app: &App, headers: &HeaderMap) -> Option<UnderWay> {
    let kept = cookie(headers, under_way_cookie(&app.public_url))?;
    let kept = (kept.len() <= LONGEST_COOKIE).then_some(kept)?;
    let kept = URL_SAFE_NO_PAD.decode(kept).ok()?;
    let under_way: UnderWay = serde_json::from_slice(&kept).ok()?;
    let begun = Timestamp::from_second(under_way.at).ok()?;
    let age = app.clock.now().duration_since(begun).as_secs();
    (0..WITHIN).contains(&age).then_some(under_way)
}

pub(super) fn under_way_cookie(public_url: &str) -> &'static str {
    if public_url.starts_with("https:") {
        UNDER_WAY
    } else {
        UNDER_WAY_ON_LOOPBACK
    }
}

/// A cookie that no script reads and no other site's form brings along.
pub(super) fn set_cookie(
    app: &App,
    name: &'static str,
    value: String,
    seconds: i64,
) -> Option<HeaderValue> {
    let cookie = Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(app.public_url.starts_with("https:"))
        .max_age(cookie::time::Duration::seconds(seconds))
        .build();
    let mut value = HeaderValue::from_str(&cookie.to_string()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

pub(super) fn add_cookie(response: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}
