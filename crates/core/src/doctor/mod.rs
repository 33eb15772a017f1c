//! What is right, wrong, or cannot be told about an installation: facts in, findings out. Each finding says
//! what to do.

pub mod facts;
pub mod machine;
pub mod permissions;
pub mod registry;
#[cfg(test)]
mod registry_tests;
pub mod senders;

use serde::Serialize;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is as it has to be.
    Ok,
    /// It is not, and doorward will not do all of its work.
    Wrong,
    /// Nobody can tell.
    CouldNotCheck,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check, by a stable name: `registry.writable`.
    pub check: &'static str,
    /// What it is about, where there are several: a registry's name, a source's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// How it came out.
    pub outcome: Outcome,
    /// What is so.
    pub text: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// Whether it was left out on purpose, or cannot be known before the first start.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub left_out: bool,
}

impl Finding {
    fn new(check: &'static str, outcome: Outcome, text: String, fix: Option<String>) -> Self {
        Self {
            check,
            subject: None,
            outcome,
            text,
            fix,
            left_out: false,
        }
    }

    /// It is as it has to be.
    pub fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(check, Outcome::Ok, text.into(), None)
    }

    /// It is not.
    pub fn wrong(check: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(check, Outcome::Wrong, text.into(), Some(fix.into()))
    }

    /// Nobody can tell, and somebody should see to it.
    pub fn unknown(check: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(check, Outcome::CouldNotCheck, text.into(), Some(fix.into()))
    }

    /// It was not looked at, and that is no cause for concern.
    pub fn left_out(check: &'static str, text: impl Into<String>) -> Self {
        Self {
            left_out: true,
            ..Self::new(check, Outcome::CouldNotCheck, text.into(), None)
        }
    }

    /// The same about `subject` alone.
    #[must_use]
    pub fn about(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }
}

/// What all findings come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All that was looked at is right.
    Sound,
    /// Something is wrong.
    Wrong,
    /// Nothing is known to be wrong, and something that matters could not be checked.
    Unknown,
}

/// What these findings come to.
pub fn verdict(findings: &[Finding]) -> Verdict {
    let is = |outcome| {
        let mut found = findings.iter();
        found.any(|finding| finding.outcome == outcome && !finding.left_out)
    };
    if is(Outcome::Wrong) {
        Verdict::Wrong
    } else if is(Outcome::CouldNotCheck) {
        Verdict::Unknown
    } else {
        Verdict::Sound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdict_is_sound_only_if_everything_could_be_checked() {
        let (ok, wrong) = (Finding::ok("a", ""), Finding::wrong("b", "", ""));
        let (unknown, skipped) = (Finding::unknown("c", "", ""), Finding::left_out("d", ""));
        assert_eq!(verdict(&[]), Verdict::Sound);
        assert_eq!(verdict(&[ok.clone(), skipped.clone()]), Verdict::Sound);
        assert_eq!(
            verdict(&[ok.clone(), unknown.clone(), skipped]),
            Verdict::Unknown
        );
        assert_eq!(verdict(&[unknown, wrong, ok]), Verdict::Wrong);
    }
}
