//! How a grant is.

use super::GrantState;
use crate::ledger::grant::Stage;
use crate::state::effectiveness::Effectiveness;
use crate::state::{GrantRecord, Known};
use jiff::Timestamp;

impl GrantState {
    /// How a grant is at `now` that is not known to be ended. `late`: what is known of its entry, where it
    /// should be gone for a while.
    pub fn of(standing: &GrantRecord, late: Option<Known>, now: Timestamp) -> Self {
        if standing.is_over(now) {
            return match late {
                Some(Known::Stands(_)) => Self::Overdue,
                Some(Known::Unknown(_)) | None => Self::Ending,
            };
        }
        if standing.waits_for_a_write() {
            return Self::Opening;
        }
        match (standing.stage, standing.course.help) {
            (_, Some(Effectiveness::StillDenied)) => Self::StillDenied,
            (Stage::Intended, _) => Self::Opening,
            (Stage::Open | Stage::CoveredByExisting, _) => Self::Open,
        }
    }
}
