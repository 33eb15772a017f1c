//! `/api/v1/registries`: the enrolled registries, and how they stand.

use super::super::page::{Page, Paging};
use super::super::routes::Answer;
use super::super::wire::PauseView;
use crate::flow::app::App;
use crate::flow::orders;
use crate::flow::registry::posture;
use crate::flow::view::states;
use crate::http::Web;
use axum::Json;
use axum::extract::{Path, Query, State};
use doorward_core::net::resource_id::ResourceId;
use doorward_core::states::RegistryState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An enrolled registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct RegistryView {
    /// Its name.
    pub(crate) name: String,
    /// Its resource id.
    pub(crate) id: String,
    /// Its login server, once Azure has told it.
    pub(crate) login_server: Option<String>,
    /// How it stands.
    #[schema(schema_with = states::words::registry)]
    pub(crate) state: RegistryState,
    /// Its firewall entries as the last read showed them; null before the first.
    pub(crate) entries: Option<Entries>,
    /// Its grants that have not ended, by their states.
    pub(crate) grants: BTreeMap<String, u64>,
    /// How many requests wait for an answer.
    pub(crate) requests_waiting: u64,
    /// When this process last read it.
    pub(crate) read_at: Option<Timestamp>,
    /// Why it cannot be read.
    pub(crate) error: Option<String>,
    /// Whether its default action is `Deny`; null before the first read.
    pub(crate) default_deny: Option<bool>,
    /// Whether its public network access is enabled; null before the first read.
    pub(crate) public_access: Option<bool>,
    /// Its SKU; null before the first read.
    pub(crate) sku: Option<String>,
    /// The order that nothing is opened.
    pub(crate) pause: Option<PauseView>,
}

/// Firewall entries in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Entries {
    /// Those that are doorward's.
    pub(crate) doorward: u64,
    /// Those that are not.
    pub(crate) others: u64,
    /// How many there may be, as far as is known.
    pub(crate) limit: u64,
    /// How many more there may be.
    pub(crate) free: u64,
}

impl RegistryView {
    fn new(app: &App, id: &ResourceId) -> Self {
        let now = app.clock.now();
        let read = app.last_read(id);
        let failing = posture::failing(app, id);
        let numbers = app.ledger.read(|state| state.in_numbers(id, &read, now));
        let limit = u64::try_from(states::limit(app, id)).unwrap_or(u64::MAX);
        let entries = numbers.entries.map(|(ours, others)| Entries {
            doorward: ours,
            others,
            limit,
            free: limit.saturating_sub(ours).saturating_sub(others),
        });
        let (seen, pause) = app.ledger.read(|state| {
            let known = state.registries.get(id);
            let seen = known.and_then(|known| known.sight.seen.clone());
            let pause = state.pauses.of(id);
            (
                seen,
                pause.map(|pause| PauseView::new(Some(id.name()), pause)),
            )
        });
        let grants = numbers.grants.iter();
        Self {
            name: id.name().to_owned(),
            id: id.to_string(),
            login_server: app.login_server(id),
            state: states::registry(app, id),
            entries,
            grants: grants
                .map(|(state, count)| (state.name().to_owned(), *count))
                .collect(),
            requests_waiting: numbers.waiting,
            read_at: app.postures(|postures| postures.read_at(id)),
            error: failing.map(|failing| failing.why.to_string()),
            default_deny: seen.as_ref().map(|seen| seen.default_deny),
            public_access: seen.as_ref().map(|seen| seen.public_access),
            sku: seen.map(|seen| seen.sku),
            pause,
        }
    }
}

/// List the enrolled registries, by name.
#[utoipa::path(get, path = "/registries", tag = "registries", params(Paging),
    responses((status = 200, body = Page<RegistryView>)))]
pub(in crate::http) async fn list(
    State(web): State<Web>,
    Query(paging): Query<Paging>,
) -> Answer<Page<RegistryView>> {
    let all = web.app.registries.keys();
    let mut all: Vec<RegistryView> = all.map(|id| RegistryView::new(&web.app, id)).collect();
    let key = |it: &RegistryView| format!("{} {}", it.name, it.id);
    all.sort_by_cached_key(key);
    Ok(Json(paging.cut(all, key)?))
}

/// Show a registry.
#[utoipa::path(get, path = "/registries/{name}", tag = "registries",
    params(("name" = String, Path, description = "Its resource id, name or login server")),
    responses((status = 200, body = RegistryView)))]
pub(in crate::http) async fn show(
    State(web): State<Web>,
    Path(name): Path<String>,
) -> Answer<RegistryView> {
    let id = orders::registry(&web.app, &name)?;
    Ok(Json(RegistryView::new(&web.app, &id)))
}
