//! A candidate policy that is asked beside the one in force. It opens nothing and stops nothing; what it
//! would have said otherwise is written down with the verdict, and counted.

use crate::config::{self, Fingerprint};
use crate::flow::app::App;
use crate::flow::policy::check;
use crate::metrics::ShadowLabels;
use doorward_core::policy::verdict::{Shadow, Verdict};
use doorward_core::policy::{Facts, Policy, decide};
use doorward_core::sets::{External, Sets};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The candidate.
pub struct ShadowPolicy {
    /// Where its files are.
    pub folder: PathBuf,
    files: Mutex<Files>,
}

/// What is known of its files.
#[derive(Default)]
struct Files {
    seen: Option<Fingerprint>,
    refused: bool,
    candidate: Option<Arc<Candidate>>,
}

/// The last good candidate, with the sets that stand in its own files.
struct Candidate {
    policy: Policy,
    files: Sets,
}

impl ShadowPolicy {
    /// A candidate in this folder; nothing is read yet.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            files: Mutex::default(),
        }
    }

    fn files<T>(&self, with: impl FnOnce(&mut Files) -> T) -> T {
        with(&mut self.files.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn candidate(&self) -> Option<Arc<Candidate>> {
        self.files(|files| files.candidate.clone())
    }
}

/// Reads the candidate's files again if anything in their folder has changed. One that cannot be used is
/// refused, and harms nothing.
pub fn run_once(app: &App) {
    let Some(beside) = &app.shadow else {
        return;
    };
    let now = config::fingerprint(&beside.folder);
    if beside.files(|files| files.seen.as_ref() == Some(&now)) {
        return;
    }
    let read = read(app, beside);
    beside.files(|files| {
        files.seen = Some(now);
        files.refused = read.is_err();
    });
    match read {
        Ok(candidate) => {
            let hash = &candidate.policy.hash;
            tracing::info!(%hash, "a candidate policy is asked beside the one in force");
            beside.files(|files| files.candidate = Some(Arc::new(candidate)));
            crate::flow::sets::wake(app);
        }
        Err(why) => tracing::error!(
            "the candidate policy in `{}` cannot be used, its last good one stays: {why}",
            beside.folder.display()
        ),
    }
}

fn read(app: &App, beside: &ShadowPolicy) -> anyhow::Result<Candidate> {
    let policy = config::load_policies(&beside.folder)?;
    check(app, &policy)?;
    let files = config::load_files(&policy, &beside.folder, app.clock.now())?;
    Ok(Candidate { policy, files })
}

/// Whether there are files of a candidate that cannot be used.
pub fn is_refused(app: &App) -> bool {
    let beside = app.shadow.as_ref();
    beside.is_some_and(|beside| beside.files(|files| files.refused))
}

/// The sets that the candidate needs from elsewhere than its own files.
pub fn needs(app: &App) -> BTreeSet<External> {
    let candidate = app.shadow.as_ref().and_then(ShadowPolicy::candidate);
    let needs = candidate.map(|candidate| candidate.policy.needs());
    let from_elsewhere = |external: &External| !external.in_file();
    needs.into_iter().flatten().filter(from_elsewhere).collect()
}

/// Asks the candidate what `verdict` answers; what it would have said otherwise.
pub fn ask(
    app: &App,
    sets: &Sets,
    facts: &Facts<'_>,
    verdict: &Verdict,
    now: Timestamp,
) -> Option<Shadow> {
    let candidate = app.shadow.as_ref().and_then(ShadowPolicy::candidate)?;
    let sets = candidate.files.clone().or_else(sets);
    let other = decide(&candidate.policy, &sets, facts, now);
    let same =
        (verdict.action, &verdict.rule, verdict.ttl) == (other.action, &other.rule, other.ttl);
    let outcome = if same { "same" } else { "differs" };
    let labels = ShadowLabels { outcome };
    app.metrics.shadow_verdicts.get_or_create(&labels).inc();
    (!same).then_some(Shadow {
        action: other.action,
        rule: other.rule,
        ttl: other.ttl,
    })
}
