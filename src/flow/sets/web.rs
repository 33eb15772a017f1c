//! Lists from web servers: https only, whole, bounded, never by a redirect. No error shows the URL,
//! which may hold a secret.

use super::load::Failure;
use crate::azure::http::Http;
use doorward_core::sets::sources::cidr_list;
use doorward_core::sets::{Answer, WebUrl};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Request, Url};
use std::time::Duration;

/// The largest list of CIDRs that is taken, in bytes.
const LARGEST_LIST: usize = 4 << 20;

/// The longest that a server may ask to wait.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// The most that is repeated of a text somebody else wrote, in characters.
const MOST_WORDS: usize = 300;

/// A list of one CIDR or address a line, of at most `most` networks.
pub(super) async fn list(http: &Http, url: &WebUrl, most: u32) -> Result<Answer, Failure> {
    let text = text(http, url, "text/plain").await?;
    if text.len() > LARGEST_LIST {
        let why = format!("the list is longer than {LARGEST_LIST} bytes");
        return Err(Failure::because(why));
    }
    let networks = cidr_list::parse("the list", &text).map_err(|problems| {
        let first = problems.0.first();
        let what = first.map(|first| format!("line {}: {}", first.place.line, first.what));
        let what = words(&what.unwrap_or_default());
        Failure::because(format!("this is not a list of one CIDR a line: {what}"))
    })?;
    if networks.is_empty() {
        return Err(Failure::because(
            "the list is empty, which is taken for a mistake",
        ));
    }
    if u32::try_from(networks.len()).is_ok_and(|count| count <= most) {
        return Ok(networks.into());
    }
    let why = format!(
        "the list has {} networks, more than {most}: raise `max_size` if that is right",
        networks.len()
    );
    Err(Failure::because(why))
}

/// What the server answers, if it is text and a success.
pub(super) async fn text(
    http: &Http,
    url: &WebUrl,
    accept: &'static str,
) -> Result<String, Failure> {
    let parsed: Url = url
        .whole()
        .parse()
        .map_err(|_| Failure::because("the URL cannot be used"))?;
    let mut request = Request::new(Method::GET, parsed);
    request
        .headers_mut()
        .insert(ACCEPT, HeaderValue::from_static(accept));
    let reply = http
        .send(request)
        .await
        .map_err(|error| Failure::because(words(&error.to_string())))?;
    let status = reply.status;
    if status.is_redirection() {
        let why = format!(
            "the server redirects ({status}), which is not followed: write the address that it leads to"
        );
        return Err(Failure::because(why));
    }
    if status.as_u16() != 200 {
        return Err(Failure::Failed {
            why: format!("the server answers {status}"),
            wait: wait(&reply.headers),
        });
    }
    String::from_utf8(reply.body).map_err(|_| Failure::because("the answer is not text in UTF-8"))
}

/// `Retry-After` in seconds.
fn wait(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    let seconds = text.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// A text somebody else wrote, fit for a log line.
pub(super) fn words(text: &str) -> String {
    let shown = text.chars().filter(|letter| !letter.is_control());
    shown.take(MOST_WORDS).collect()
}
