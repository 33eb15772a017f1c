//! `/api/v1/denials`: the latest denials, and what policy said of them. Older ones are in the ledger.

use super::super::page::{Page, Paging};
use super::super::routes::Answer;
use super::latest_first;
use crate::http::{HttpError, Web};
use axum::Json;
use axum::extract::{Path, Query, State};
use doorward_core::ledger::event::Denied;
use doorward_core::ledger::id::DenialId;
use doorward_core::messages::wording;
use doorward_core::net::resource_id::ResourceId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A denial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct DenialView {
    /// Its id.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) id: DenialId,
    /// When it was decided; while it is not, when it arrived.
    pub(crate) at: Timestamp,
    /// The source that reported it.
    pub(crate) source: String,
    /// Who was refused, where the report says it.
    pub(crate) address: Option<String>,
    /// The registry's name, where it is known.
    pub(crate) registry: Option<String>,
    /// What was asked for, in the caller's own words.
    pub(crate) repository: Option<String>,
    /// Its tag or digest, likewise.
    pub(crate) reference: Option<String>,
    /// How often it came again.
    pub(crate) repeats: u64,
    /// What policy said; null while it has not.
    pub(crate) verdict: Option<VerdictView>,
}

/// What policy said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct VerdictView {
    /// `allow`, `ask`, `alert`, `ignore` or `forbid`.
    pub(crate) action: String,
    /// Why, in words.
    pub(crate) why: String,
}

impl DenialView {
    fn new(at: Timestamp, denied: &Denied, registry: Option<&ResourceId>) -> Self {
        let denial = &denied.report.denial;
        let registry = registry.or(denied.registry.as_ref());
        Self {
            id: denied.id,
            at,
            source: denied.source.clone(),
            address: denial.ip.map(|ip| ip.to_string()),
            registry: registry.map(|id| id.name().to_owned()),
            repository: denial.repository.clone(),
            reference: denial.reference.clone(),
            repeats: 0,
            verdict: None,
        }
    }

    fn key(&self) -> String {
        format!("{}{}", latest_first(self.at), self.id)
    }
}

/// Those that wait for a verdict, and the latest verdicts; newest first.
fn all(web: &Web) -> Vec<DenialView> {
    let mut all: Vec<DenialView> = web.app.ledger.read(|state| {
        let waiting = state.undecided.values();
        let waiting = waiting.map(|(at, denied)| DenialView::new(*at, denied, None));
        let decided = state.verdicts.iter().map(|decision| {
            let registry = decision.registry.as_ref();
            DenialView {
                repeats: state.times_repeated(decision.denial.id),
                verdict: Some(VerdictView {
                    action: decision.verdict.action.to_string(),
                    why: wording::why(&decision.verdict),
                }),
                ..DenialView::new(decision.at, &decision.denial, registry)
            }
        });
        waiting.chain(decided).collect()
    });
    all.sort_by_cached_key(DenialView::key);
    all
}

/// List the denials that wait for a verdict and the latest 50 that have one, newest first. All are in the ledger.
#[utoipa::path(get, path = "/denials", tag = "denials", params(Paging),
    responses((status = 200, body = Page<DenialView>)))]
pub(in crate::http) async fn list(
    State(web): State<Web>,
    Query(paging): Query<Paging>,
) -> Answer<Page<DenialView>> {
    Ok(Json(paging.cut(all(&web), DenialView::key)?))
}

/// Show one of these denials.
#[utoipa::path(get, path = "/denials/{id}", tag = "denials",
    params(("id" = String, Path, description = "Its id, or the beginning or end of it")),
    responses((status = 200, body = DenialView)))]
pub(in crate::http) async fn show(
    State(web): State<Web>,
    Path(id): Path<String>,
) -> Answer<DenialView> {
    let wanted = id.trim().to_ascii_lowercase();
    let fits = |it: &DenialView| {
        let id = it.id.to_string();
        wanted.len() >= 4 && (id.starts_with(&wanted) || id.ends_with(&wanted))
    };
    let mut found = all(&web).into_iter().filter(fits);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(Json(one)),
        (Some(_), Some(_)) => Err(HttpError::Several { what: "denial" }),
        (None, _) => Err(HttpError::NoSuch {
            what: "recent denial",
            list: "doorward denials list, doorward ledger show --kind denied",
        }),
    }
}
