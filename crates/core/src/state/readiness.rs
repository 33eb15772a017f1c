//! What `/readyz` and the operator page say of the program itself: what keeps it from its work, and what
//! somebody should mend while it does it.

use jiff::Timestamp;
use serde::Serialize;

/// Whether the program can do its work, and every reason to look after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Whether nothing is missing.
    pub ready: bool,
    /// What stands between the program and its work.
    pub missing: Vec<Condition>,
    /// What somebody should mend while it works.
    pub degraded: Vec<Condition>,
}

/// One reason. Anybody may read it: it holds no secret, and no words of somebody else's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// What it is, for machines.
    pub code: ConditionCode,
    /// What it is about, where there are several: a registry's name, a channel's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What is so and what helps, for people.
    pub detail: String,
    /// Since when, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// What a condition is. The names are stable: alarms are routed by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConditionCode {
    /// The ledger's database does not answer.
    LedgerUnavailable,
    /// The last write to the ledger failed.
    LedgerWriteFailed,
    /// The ledger is not where it was, or not what it was.
    LedgerReplaced,
    /// The ledger's disk is nearly full.
    DiskLow,
    /// The policy's files cannot be used, and an earlier policy is in force.
    PolicyRefused,
    /// The same of the candidate policy.
    CandidatePolicyRefused,
    /// Azure does not show a registry.
    AzureUnreadable,
    /// A channel has not taken messages several times in a row.
    ChannelFailing,
    /// A feed does not tell of denials reliably.
    FeedFailing,
    /// A loop is in the middle of a turn that takes too long.
    LoopStuck,
}

impl ConditionCode {
    /// Its name, as machines read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::LedgerUnavailable => "ledger_unavailable",
            Self::LedgerWriteFailed => "ledger_write_failed",
            Self::LedgerReplaced => "ledger_replaced",
            Self::DiskLow => "disk_low",
            Self::PolicyRefused => "policy_refused",
            Self::CandidatePolicyRefused => "candidate_policy_refused",
            Self::AzureUnreadable => "azure_unreadable",
            Self::ChannelFailing => "channel_failing",
            Self::FeedFailing => "feed_failing",
            Self::LoopStuck => "loop_stuck",
        }
    }
}

impl Condition {
    /// A condition that is about the whole program.
    pub fn new(code: ConditionCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            subject: None,
            detail: detail.into(),
            since: None,
        }
    }

    /// The same about `subject` alone.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The same with the time at which it began.
    #[must_use]
    pub fn since(mut self, since: Timestamp) -> Self {
        self.since = Some(since);
        self
    }
}

impl Readiness {
    /// Ready if nothing is missing.
    pub fn of(missing: Vec<Condition>, degraded: Vec<Condition>) -> Self {
        Self {
            ready: missing.is_empty(),
            missing,
            degraded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_code_is_named_as_it_is_written() {
        for code in [
            ConditionCode::LedgerUnavailable,
            ConditionCode::LedgerWriteFailed,
            ConditionCode::LedgerReplaced,
            ConditionCode::DiskLow,
            ConditionCode::PolicyRefused,
            ConditionCode::CandidatePolicyRefused,
            ConditionCode::AzureUnreadable,
            ConditionCode::ChannelFailing,
            ConditionCode::FeedFailing,
            ConditionCode::LoopStuck,
        ] {
            assert_eq!(json!(code), code.name());
        }
    }

    #[test]
    fn readiness_names_each_condition_by_code_and_subject() {
        let condition = Condition::new(ConditionCode::PolicyRefused, "It cannot be used.");
        let since = "2026-11-22T12:00:00Z".parse().unwrap();
        let readiness = Readiness::of(
            vec![],
            vec![condition.clone(), condition.about("x").since(since)],
        );
        assert_eq!(
            json!(readiness),
            json!({
                "ready": true,
                "missing": [],
                "degraded": [
                    { "code": "policy_refused", "detail": "It cannot be used." },
                    {
                        "code": "policy_refused", "subject": "x", "detail": "It cannot be used.",
                        "since": "2026-11-22T12:00:00Z",
                    },
                ],
            })
        );
    }
}
