//! A delivery's body: read whole within a size and a time, and unpacked within the same size.

use super::unpack::{Coding, Unpack};
use crate::http::HttpError;
use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use futures_util::StreamExt;
use std::time::Duration;

/// Reads at most `most` bytes, within `limit`. A body that says to be larger is not begun with.
pub(in crate::http) async fn whole(
    headers: &HeaderMap,
    body: Body,
    most: usize,
    limit: Duration,
) -> Result<Bytes, HttpError> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > most))
    {
        return Err(HttpError::TooLarge { most });
    }
    Coding::of(headers).ok_or(HttpError::Encoded)?;
    tokio::time::timeout(limit, collect(body, most))
        .await
        .map_err(|_| HttpError::TooSlow)?
}

/// What a body holds, at most `most` bytes of it.
pub(in crate::http) fn unpacked(
    coding: Coding,
    packed: Bytes,
    most: usize,
) -> Result<Bytes, HttpError> {
    if coding == Coding::Identity {
        return Ok(packed);
    }
    match coding.unpack(&packed, most) {
        Ok(whole) => Ok(whole.into()),
        Err(Unpack::TooLarge) => Err(HttpError::TooLarge { most }),
        Err(Unpack::Broken) => Err(HttpError::Packed {
            coding: coding.name(),
        }),
    }
}

/// The most that is read, and thrown away, of the body of somebody who is refused.
const REST: usize = 64 << 10;

/// How long that may take.
const REST_WITHIN: Duration = Duration::from_secs(1);

/// Reads the body of a refused request to its end if it is small, and throws it away: a sender who has
/// not finished sending would find the connection closed, and the next request on it lost with the
/// answer. Tells whether the end was reached.
pub(in crate::http) async fn thrown_away(body: Body) -> bool {
    let mut stream = body.into_data_stream();
    let read = async {
        let mut left = REST;
        while let Some(part) = stream.next().await {
            let length = part.map_or(usize::MAX, |part| part.len());
            let Some(rest) = left.checked_sub(length) else {
                return false;
            };
            left = rest;
        }
        true
    };
    tokio::time::timeout(REST_WITHIN, read)
        .await
        .unwrap_or_default()
}

async fn collect(body: Body, most: usize) -> Result<Bytes, HttpError> {
    let mut stream = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(part) = stream.next().await {
        let part = part.map_err(|_| HttpError::CutOff)?;
        if most.saturating_sub(whole.len()) < part.len() {
            return Err(HttpError::TooLarge { most });
        }
        whole.extend_from_slice(&part);
    }
    Ok(whole.into())
}
