//! What pages load: one style sheet and one script, served from the binary, and kept by browsers until
//! they change.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use doorward_core::ledger::event::Hash;
use std::sync::LazyLock;

const STYLE: &str = include_str!("../../../templates/static/doorward.css");
const SCRIPT: &str = include_str!("../../../templates/static/doorward.js");

/// Where the style sheet is served.
pub(in crate::http) const STYLE_PATH: &str = "/static/doorward.css";

/// Where the script is served.
pub(in crate::http) const SCRIPT_PATH: &str = "/static/doorward.js";

const FOREVER: &str = "public, max-age=31536000, immutable";

static STYLE_URL: LazyLock<String> = LazyLock::new(|| versioned(STYLE_PATH, STYLE));
static SCRIPT_URL: LazyLock<String> = LazyLock::new(|| versioned(SCRIPT_PATH, SCRIPT));

/// A path with a query that changes with the content.
fn versioned(path: &str, content: &str) -> String {
    let hash = Hash::of(content.as_bytes()).to_string();
    let path = path.trim_start_matches('/');
    let short: String = hash.chars().take(12).collect();
    format!("{path}?{short}")
}

/// `GET /static/doorward.css`.
pub(in crate::http) async fn get_style() -> impl IntoResponse {
    let kind = (CONTENT_TYPE, "text/css; charset=utf-8");
    ([kind, (CACHE_CONTROL, FOREVER)], STYLE)
}

/// `GET /static/doorward.js`.
pub(in crate::http) async fn get_script() -> impl IntoResponse {
    let kind = (CONTENT_TYPE, "text/javascript; charset=utf-8");
    ([kind, (CACHE_CONTROL, FOREVER)], SCRIPT)
}

/// The style sheet's URL, relative to the root.
pub(in crate::http) fn style() -> &'static str {
    STYLE_URL.as_str()
}

/// The script's URL, relative to the root.
pub(in crate::http) fn script() -> &'static str {
    SCRIPT_URL.as_str()
}

/// The way from a page to the root, for a page that is `depth` segments below it: doorward may stand
/// behind a proxy that serves it below a path of its own.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "templates hand over references"
)]
pub(in crate::http) fn up(depth: &usize) -> String {
    "../".repeat(*depth)
}
