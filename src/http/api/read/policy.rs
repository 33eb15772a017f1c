//! `/api/v1/policy` and `/api/v1/rules`: what is in force.

use super::super::page::{Page, Paging};
use super::super::routes::Answer;
use crate::flow::policy;
use crate::http::{HttpError, Web};
use axum::Json;
use axum::extract::{Path, Query, State};
use doorward_core::policy::Rule;
use doorward_core::yaml::problem::Problem;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// The policy in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct PolicyView {
    /// Its version: a hash over the names and texts of its files.
    pub(crate) hash: String,
    /// What happens to a denial that no rule matches.
    pub(crate) default: String,
    /// How many rules it has.
    pub(crate) rules: usize,
    /// Its named sets.
    pub(crate) sets: Vec<String>,
    /// What is odd about it, and allowed.
    pub(crate) warnings: Vec<String>,
    /// Whether its files were changed so that they cannot be used: then this is the last good one.
    pub(crate) is_refused: bool,
}

/// A rule of the policy in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct RuleView {
    /// Its name.
    pub(crate) name: String,
    /// At which place it is asked; the first is 1.
    pub(crate) position: usize,
    /// The file it stands in.
    pub(crate) file: String,
    /// The line there.
    pub(crate) line: u64,
    /// What happens to what it matches.
    pub(crate) then: String,
    /// For how long, in seconds.
    pub(crate) ttl_seconds: Option<u64>,
    /// Why, for people.
    pub(crate) because: Option<String>,
    /// Where it is told.
    pub(crate) channel: Option<String>,
    /// Whether it is only watched, and changes nothing.
    pub(crate) observe: bool,
    /// How many of its grants have not ended.
    pub(crate) grants: usize,
}

/// Show the policy in force.
#[utoipa::path(get, path = "/policy", tag = "policy", responses((status = 200, body = PolicyView)))]
pub(in crate::http) async fn show(State(web): State<Web>) -> Json<PolicyView> {
    let policy = web.app.policy.load();
    let warnings = policy.warnings.0.iter();
    Json(PolicyView {
        hash: policy.hash.clone(),
        default: policy.default.to_string(),
        rules: policy.rules.len(),
        sets: policy.sets.keys().cloned().collect(),
        warnings: warnings.map(Problem::in_a_line).collect(),
        is_refused: policy::is_refused(&web.app),
    })
}

fn all(web: &Web) -> Vec<RuleView> {
    let policy = web.app.policy.load();
    let view = |(at, rule): (usize, &Rule)| {
        let of = |name: &Option<String>| name.as_ref() == Some(&rule.name);
        let grants = web.app.ledger.read(|state| {
            let all = state.grants.values();
            all.filter(|standing| of(&standing.grant.rule)).count()
        });
        RuleView {
            name: rule.name.clone(),
            position: at.saturating_add(1),
            file: rule.file.clone(),
            line: u64::try_from(rule.place.line).unwrap_or_default(),
            then: rule.then.to_string(),
            ttl_seconds: rule.ttl.as_ref().map(Duration::as_secs),
            because: rule.because.clone(),
            channel: rule.channel.clone(),
            observe: rule.observe,
            grants,
        }
    };
    policy.rules.iter().enumerate().map(view).collect()
}

/// List the rules of the policy in force, in the order in which they are asked.
#[utoipa::path(get, path = "/rules", tag = "policy", params(Paging),
    responses((status = 200, body = Page<RuleView>)))]
pub(in crate::http) async fn rules(
    State(web): State<Web>,
    Query(paging): Query<Paging>,
) -> Answer<Page<RuleView>> {
    let key = |it: &RuleView| format!("{:08}", it.position);
    Ok(Json(paging.cut(all(&web), key)?))
}

/// Show a rule.
#[utoipa::path(get, path = "/rules/{name}", tag = "policy",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, body = RuleView)))]
pub(in crate::http) async fn rule(
    State(web): State<Web>,
    Path(name): Path<String>,
) -> Answer<RuleView> {
    let found = all(&web).into_iter().find(|rule| rule.name == name);
    let none = HttpError::NoSuch {
        what: "rule",
        list: "doorward get rules",
    };
    found.map(Json).ok_or(none)
}
