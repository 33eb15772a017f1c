//! What policies mean, told in small policies.

mod broken;
mod claims;
mod judge;
mod laws;
mod remote;
mod replays;
mod stories;

use super::{Facts, Policy, parse};
use crate::intake::denial::{Attribution, Denial, Kind, Service};
use crate::intake::report::{Evidence, Report};
use crate::state::history::Before;
use crate::yaml::problem::Problems;
use jiff::Timestamp;
use std::time::Duration;

/// A policy of one file.
fn policy(text: &str) -> Policy {
    match read(text) {
        Ok(policy) => policy,
        Err(problems) => panic!("{problems}"),
    }
}

fn read(text: &str) -> Result<Policy, Problems> {
    parse(&[("policy.yaml".to_owned(), text.to_owned())])
}

/// Somebody at `ip` was refused by contosoprod when pulling prod/api:v1.
fn denial(ip: &str) -> Denial {
    Denial {
        kind: Kind::Denied,
        service: Service::Acr,
        ip: Some(ip.parse().unwrap()),
        registry: Some("contosoprod.azurecr.io".into()),
        repository: Some("prod/api".into()),
        reference: Some("v1".into()),
        resource: None,
        attribution: Some(Attribution::Stated),
    }
}

/// The firewall's message about it.
fn report(denial: Denial) -> Report {
    Report {
        denial,
        evidence: Evidence::Message,
        event_id: None,
        at: None,
        resource_id: None,
        login_server: None,
        identity: None,
        user_agent: None,
        import: false,
    }
}

fn facts(denial: &Denial) -> Facts<'_> {
    Facts {
        denial,
        registry: Some("contosoprod.azurecr.io"),
        source: "alerts",
        proof: None,
        identity: None,
        user_agent: Some("docker/27.1"),
        age_unknown: false,
        trusted_status_403: false,
        before: Before::default(),
        posture: None,
        holders: &[],
        import: false,
        max_ttl: Duration::from_hours(24),
    }
}

/// A Monday, 09:00 in Zurich.
fn monday() -> Timestamp {
    "2026-01-05T08:00:00Z".parse().unwrap()
}
