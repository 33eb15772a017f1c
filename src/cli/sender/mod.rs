//! The commands that speak as a sender does: `report`, `wait`, `prove`.

pub(super) mod prove;
pub(super) mod report;
pub(super) mod wait;

use super::Failure;
use crate::cli::health::shown;
use anyhow::anyhow;
use reqwest::Url;

/// A proof is sent over TLS, or to this machine.
fn refuse_clear_text(url: &Url) -> Result<(), Failure> {
    if url.scheme() == "https" || url.scheme() == "http" && is_here(url) {
        return Ok(());
    }
    let what = format!(
        "the proof would go to {} over the network in clear text: give an https URL",
        shown(url)
    );
    Err(Failure::wrong_input(anyhow!(what)))
}

/// Whether a URL names this machine.
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
