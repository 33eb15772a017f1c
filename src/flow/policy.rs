//! Takes in a changed policy while the service runs: whole, or not at all. The last good one stays.

use super::decide::shadow;
use super::sets;
use crate::config::{self, Fingerprint};
use crate::flow::app::App;
use doorward_core::policy::Policy;
use doorward_core::yaml::problem::did_you_mean;
use jiff::Timestamp;
use std::sync::{Arc, PoisonError};

/// What is known of the policy's files.
#[derive(Default)]
pub struct Files {
    /// How they looked when they were last read.
    seen: Option<Fingerprint>,
    /// Whether they cannot be used, and an earlier policy is in force.
    pub refused: bool,
    /// Why.
    pub error: Option<String>,
    /// Since when this process has had the policy in force.
    pub since: Option<Timestamp>,
}

/// What is known of the policy in force.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Why the files as they are now cannot be used, if they cannot.
    pub error: Option<String>,
    /// Since when this process has had the policy in force.
    pub since: Option<Timestamp>,
}

/// What is known of the policy in force.
pub fn known(app: &App) -> Known {
    files(app, |files| Known {
        error: files.error.clone(),
        since: files.since,
    })
}

/// Reads the files again if anything in their folder has changed.
pub async fn run_once(app: &App) {
    let now = config::fingerprint(&app.policies);
    let unchanged = files(app, |files| files.seen.as_ref() == Some(&now));
    if unchanged {
        shadow::run_once(app);
        sets::run_once(app).await;
    } else {
        take_in(app).await;
    }
}

/// Reads the files and puts their policy in force, if all of it can be used.
pub async fn take_in(app: &App) {
    // Looked at first, so that a change while reading is read again.
    shadow::run_once(app);
    let seen = config::fingerprint(&app.policies);
    let outcome = read(app);
    let now = app.clock.now();
    files(app, |files| {
        files.seen = Some(seen);
        files.refused = outcome.is_err();
        files.error = outcome.as_ref().err().map(ToString::to_string);
        match outcome {
            Ok(true) => files.since = Some(now),
            _ => _ = files.since.get_or_insert(now),
        }
    });
    match outcome {
        Ok(other) => {
            if other {
                tracing::info!(hash = %app.policy.load().hash, "another policy is in force");
            }
            sets::wake(app);
            sets::run_once(app).await;
        }
        Err(why) => {
            tracing::error!(
                "the policy in `{}` cannot be used, the last good one stays in force:\n{why}",
                app.policies.display()
            );
        }
    }
}

/// Whether the files cannot be used, so that an earlier policy is in force.
pub fn is_refused(app: &App) -> bool {
    files(app, |files| files.refused)
}

fn files<T>(app: &App, with: impl FnOnce(&mut Files) -> T) -> T {
    let files = app.memory.policy.lock();
    with(&mut files.unwrap_or_else(PoisonError::into_inner))
}

/// Puts the policy of the files in force; whether it is another than before.
fn read(app: &App) -> anyhow::Result<bool> {
    let policy = config::load_policies(&app.policies)?;
    check(app, &policy)?;
    let loaded = config::load_files(&policy, &app.policies, app.clock.now())?;
    // What the policy in force needs stays: nobody asks one policy with the other's sets.
    app.sets.rcu(|sets| Arc::new(loaded.clone().or_else(sets)));
    let other = app.policy.load().hash != policy.hash;
    if other {
        app.policy.store(Arc::new(policy));
    }
    Ok(other)
}

/// The channels that rules name must be there: nobody would be told otherwise.
pub(super) fn check(app: &App, policy: &Policy) -> anyhow::Result<()> {
    for rule in &policy.rules {
        if let Some(channel) = &rule.channel
            && !app.channels.contains_key(channel)
        {
            let known = app.channels.keys().map(String::as_str);
            let help = did_you_mean(channel, known)
                .unwrap_or_else(|| "add it under `channels` in the configuration".to_owned());
            anyhow::bail!(
                "rule `{}` ({}:{}) names the channel `{channel}`, and there is none: {help}",
                rule.name,
                rule.file,
                rule.place.line
            );
        }
    }
    Ok(())
}
