//! How a request is.

use super::RequestState;
use crate::state::Asked;
use jiff::Timestamp;

impl RequestState {
    /// How a request is at `now`.
    pub fn of(asked: &Asked, now: Timestamp) -> Self {
        match asked.answer {
            Some(_) => Self::Answered,
            None if asked.open(now) => Self::Waiting,
            None => Self::Lapsed,
        }
    }
}
