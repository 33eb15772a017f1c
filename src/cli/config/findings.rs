//! Everything that `serve` would refuse, and what it would warn of: found without starting anything.

use crate::auth;
use crate::azure::Arm;
use crate::azure::http::Http;
use crate::config::{self, Config, LoadError, Secret};
use clock::Clock;
use doorward_core::auth::link::LinkKey;
use doorward_core::firewall::ownership_tags::OwnershipTagKey;
use doorward_core::policy::Policy;
use doorward_core::yaml::problem::{Place, Problem, Problems};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What was found.
#[derive(Default)]
pub(in crate::cli) struct Findings {
    /// What `serve` refuses.
    pub(in crate::cli) errors: Vec<Problem>,
    /// What it warns of.
    pub(in crate::cli) warnings: Vec<Problem>,
    /// The configuration, if it can be read.
    pub(in crate::cli) config: Option<Config>,
    /// The policy, if it can be used.
    pub(in crate::cli) policy: Option<Policy>,
    /// The errors among them that are about policies and their files.
    pub(in crate::cli) policy_errors: Vec<Problem>,
}

/// Looks at the configuration in `file`, and at the policies in `policies` or, without it, in the folder
/// that the configuration names.
pub(in crate::cli) fn find(file: &Path, policies: Option<&Path>) -> Findings {
    let mut found = Findings::default();
    let mut config = match config::load(file) {
        Ok(config) => config,
        Err(error) => {
            found.errors = problems(error);
            let beside = file.parent().unwrap_or(Path::new("")).join("policies");
            let folder = policies.map_or(beside, PathBuf::from);
            if folder.is_dir() {
                policy(&mut found, &folder, None);
            }
            return found;
        }
    };
    if let Some(folder) = policies {
        folder.clone_into(&mut config.policies);
    }
    found.warnings.extend(config.warnings.0.iter().cloned());
    secrets(&mut found, &config);
    settings(&mut found, &config, file);
    policy(&mut found, &config.policies, Some(&config));
    if let Some(shadow) = &config.shadow
        && let Err(error) = config::load_policies(shadow)
    {
        // `serve` starts all the same, without the candidate.
        let warnings = problems(error).into_iter();
        found.warnings.extend(warnings.map(|problem| Problem {
            warning: true,
            ..problem
        }));
    }
    found.config = Some(config);
    found
}

fn problems(error: LoadError) -> Vec<Problem> {
    let LoadError::Problems(Problems(problems)) = error;
    problems
}

/// Secrets that are missing, too short, or of a wrong form.
fn secrets(found: &mut Findings, config: &Config) {
    if let Err(error) = config.read_secrets() {
        found.errors.extend(problems(error));
    }
    let mut refuse = |named: &Secret, why: Option<String>| {
        found.errors.extend(
            why.map(|why| named.refused(why))
                .map(problems)
                .into_iter()
                .flatten(),
        );
    };
    let too_short = |key: &SecretString| LinkKey::new(key).err().map(|error| error.to_string());
    // One that is not there has been reported.
    if let Ok(key) = config.links.key.from.read() {
        refuse(&config.links.key, too_short(&key));
    }
    if let Some(named) = &config.ownership_tag_key
        && let Ok(key) = named.from.read()
    {
        refuse(
            named,
            OwnershipTagKey::new(&key)
                .err()
                .map(|error| error.to_string()),
        );
    }
    if let Some(named) = &config.admin_token
        && let Ok(token) = named.from.read()
    {
        refuse(named, too_short(&token));
    }
    if let Err(error) = config.state.url() {
        found.errors.extend(problems(error));
    }
}

/// What Azure is asked with, and what senders are checked against.
fn settings(found: &mut Findings, config: &Config, file: &Path) {
    let clock = Clock::system();
    let mut azure = config.azure.clone();
    while let Err(error) = Arm::new(&azure, clock.clone()) {
        let field = format!("azure.{}", error.field);
        found.errors.push(plain(file, field, error.problem));
        // What stops at the authorities has not looked at the credential.
        if azure.ca_file.take().is_none() || error.field != "ca_file" {
            break;
        }
    }
    let Ok(http) = Http::new(config.azure.ca_file.as_deref()) else {
        return;
    };
    for source in &config.sources {
        let named: &[Secret] = match &source.auth {
            config::Auth::SharedKey { keys, .. } | config::Auth::Signature { keys } => keys,
            config::Auth::EntraToken { .. }
            | config::Auth::CiToken { .. }
            | config::Auth::Feed(_) => &[],
        };
        let keys = named.iter().filter_map(|key| key.from.read().ok());
        let keys = keys.filter(|key| !key.expose_secret().is_empty()).collect();
        let one = Config {
            sources: vec![source.clone()],
            ..config.clone()
        };
        let secrets = BTreeMap::from([(source.name.clone(), keys)]);
        match auth::of_sources(&one, secrets, (&http, &clock)) {
            // What is wrong with the authority is wrong with Azure's settings, and reported there.
            Ok(_) | Err(auth::AuthError::Settings(_)) => {}
            Err(error) => found
                .errors
                .push(plain(file, "sources".to_owned(), error.to_string())),
        }
    }
}

/// The policy, its files, and whether it fits the configuration.
fn policy(found: &mut Findings, folder: &Path, config: Option<&Config>) {
    let policy = match config::load_policies(folder) {
        Ok(policy) => policy,
        Err(error) => {
            found.policy_errors = problems(error);
            found.errors.extend(found.policy_errors.clone());
            return;
        }
    };
    found.warnings.extend(policy.warnings.0.iter().cloned());
    let mut errors = Vec::new();
    if let Some(config) = config {
        let (warnings, unfit) = config.check(&policy).split();
        found.warnings.extend(warnings.0);
        errors.extend(unfit.0);
    }
    if let Err(error) = config::load_files(&policy, folder, Clock::system().now()) {
        errors.extend(problems(error));
    }
    found.errors.extend(errors.clone());
    found.policy_errors = errors;
    found.policy = Some(policy);
}

/// A problem whose place in the file is not known.
fn plain(file: &Path, field: String, what: String) -> Problem {
    Problem {
        file: file.display().to_string(),
        place: Place::default(),
        shown: None,
        field,
        what,
        help: None,
        warning: false,
    }
}
