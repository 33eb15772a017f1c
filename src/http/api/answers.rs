//! `/api/v1/requests/{id}/preview` and `/answer`: what a yes would open, and an answer. Both are as strong as an
//! approval link where whoever asks is not signed in.

use super::operator::Admitted;
use super::read::requests::{RequestView, Said, meant};
use super::routes::{Answer, Body, read};
use crate::flow::app::App;
use crate::flow::decide::forecast::{self, Foresight};
use crate::flow::respond::prospect;
use crate::flow::respond::{self, AnswerError, Reply, Taken};
use crate::http::viewer::Viewer;
use crate::http::{HttpError, Web};
use axum::Json;
use axum::extract::{Path, State};
use doorward_core::approvals::Who;
use doorward_core::ledger::actor::Actor;
use doorward_core::ledger::id::RequestId;
use doorward_core::ledger::request;
use doorward_core::messages::wording;
use doorward_core::net::network;
use doorward_core::state::Asked;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// What a yes to a request would open, as of now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Preview {
    /// What is asked.
    pub(crate) request: RequestView,
    /// The digest of all that; an approval hands it back, so that nobody approves what they were not shown.
    pub(crate) shown: String,
    /// How long a yes opens that does not say, and at most; in seconds.
    pub(crate) seconds: u64,
    /// What would come of it.
    pub(crate) outlook: Outlook,
    /// Why nothing would be opened.
    pub(crate) why_not: Option<String>,
    /// The firewall entries that would be added.
    pub(crate) adds: Vec<String>,
    /// The entries of doorward's own that would go for them.
    pub(crate) removes: Vec<String>,
    /// Whether a yes needs a reason.
    pub(crate) needs_reason: bool,
    /// How many people have to say yes.
    pub(crate) approvals_needed: u32,
    /// Who has said yes so far.
    pub(crate) approved_by: Vec<String>,
    /// Why whoever asks for this cannot say yes; null if they can.
    pub(crate) refusal: Option<String>,
}

/// What would come of a yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outlook {
    /// The address would be let in.
    Opens,
    /// Nothing would be opened as things stand.
    Nothing,
    /// The registry has not been read yet.
    Unknown,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerOrder {
    /// Yes or no.
    pub(crate) answer: Verb,
    /// `shown` of the preview. A yes needs it; a no without it is taken whatever has changed.
    #[serde(default)]
    pub(crate) shown: Option<String>,
    /// For how long a yes opens, in seconds, if not for as long as the preview says.
    #[serde(default)]
    pub(crate) seconds: Option<u64>,
    /// Who answers, as they say. With an API token its name counts, and of somebody who is signed in theirs.
    pub(crate) by: String,
    /// Why.
    #[serde(default)]
    pub(crate) because: Option<String>,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verb {
    /// Open it.
    Approve,
    /// Do not.
    Deny,
}

/// An answer that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct AnswerTaken {
    /// What was said.
    pub(crate) answer: Said,
    /// How many have said yes, where more have to; null where this answers the request.
    pub(crate) one_of: Option<OneOf>,
    /// How the request is now.
    pub(crate) request: RequestView,
}

/// One yes of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct OneOf {
    /// How many have said yes.
    pub(crate) given: u32,
    /// How many have to.
    pub(crate) needed: u32,
}

/// Who answers: a person who is signed in, else whoever was admitted, by this name.
fn who(admitted: &Admitted, viewer: &Viewer, actor: Actor) -> Who {
    match (admitted, viewer.signed_in()) {
        (Admitted::Operator, Some(it)) => Who::SignedIn(it.person.clone()),
        (Admitted::Operator | Admitted::Token(_), _) => Who::Operator(actor),
    }
}

/// A request that waits for an answer.
fn waiting(app: &App, id: RequestId) -> Result<Asked, HttpError> {
    let asked = app.ledger.read(|state| state.requests.get(&id).cloned());
    let asked = asked.ok_or(AnswerError::Over)?;
    if asked.answer.is_some() {
        return Err(AnswerError::Answered.into());
    }
    let is_open = asked.open(app.clock.now());
    is_open
        .then_some(asked)
        .ok_or_else(|| AnswerError::Over.into())
}

/// Show what a yes to a request that waits would open, as of now.
#[utoipa::path(get, path = "/requests/{id}/preview", tag = "requests",
    params(("id" = String, Path, description = "Its id, the beginning or end of it, or its address")),
    responses((status = 200, body = Preview),
        (status = 410, description = "It cannot be answered any more.", body = super::problem::Problem,
            content_type = "application/problem+json")))]
pub(in crate::http) async fn preview(
    State(web): State<Web>,
    admitted: Admitted,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Answer<Preview> {
    let app = &web.app;
    let id = meant(&web, &id)?.request.id;
    // A read that is too old to decide on is made anew, as before the request's page is shown.
    forecast::refresh(app, id).await;
    let asked = waiting(app, id)?;
    let prospect = prospect::of(app, &asked);
    let who = who(&admitted, &viewer, Actor::Person(String::new()));
    let refusal = prospect.refuses(app, &asked.request, &who);
    let (outlook, why_not) = match &prospect.foresight {
        Foresight::Opens => (Outlook::Opens, None),
        Foresight::Unknown => (Outlook::Unknown, None),
        Foresight::Not(why) => (Outlook::Nothing, Some(why.clone())),
    };
    let texts = |all: &[_]| all.iter().copied().map(network::text).collect();
    let approved_by = prospect.voices.iter().map(|voice| voice.by.in_words());
    Ok(Json(Preview {
        request: RequestView::new(&asked, app.clock.now()),
        shown: prospect.seen.to_string(),
        seconds: prospect.longest.as_secs(),
        outlook,
        why_not,
        adds: texts(&prospect.effect.add),
        removes: texts(&prospect.effect.remove),
        needs_reason: prospect.terms.reason,
        approvals_needed: prospect.terms.count,
        approved_by: approved_by.collect(),
        refusal: refusal.map(|refusal| wording::sentence(&refusal.to_string())),
    }))
}

/// Answer a request, once.
#[utoipa::path(post, path = "/requests/{id}/answer", tag = "requests", request_body = AnswerOrder,
    params(("id" = String, Path, description = "Its id, the beginning or end of it, or its address")),
    responses((status = 200, body = AnswerTaken),
        (status = 410, description = "It cannot be answered any more.", body = super::problem::Problem,
            content_type = "application/problem+json"),
        (status = 428, description = "A yes does not say what was shown.", body = super::problem::Problem,
            content_type = "application/problem+json")))]
pub(in crate::http) async fn answer(
    State(web): State<Web>,
    admitted: Admitted,
    viewer: Viewer,
    Path(id): Path<String>,
    order: Body<AnswerOrder>,
) -> Answer<AnswerTaken> {
    let app = &web.app;
    let order = read(order)?;
    let by = admitted.by(&order.by, order.because.as_deref())?;
    let id = meant(&web, &id)?.request.id;
    let shown = order.shown.map(|text| text.parse()).transpose();
    let shown = shown.map_err(|_| {
        let what = "`shown` is what the preview of the request says";
        HttpError::BadOrder(what.to_owned())
    })?;
    let reply = Reply {
        answer: match order.answer {
            Verb::Approve => request::Answer::Allow,
            Verb::Deny => request::Answer::Deny,
        },
        who: who(&admitted, &viewer, by.actor()),
        reason: by.because.clone(),
        lasts: order.seconds.map(Duration::from_secs),
        shown,
    };
    let taken = respond::answer(app, id, &reply).await?;
    let asked = meant(&web, &id.to_string())?;
    Ok(Json(AnswerTaken {
        answer: reply.answer.into(),
        one_of: match taken {
            Taken::Final => None,
            Taken::OneOf { given, needed } => Some(OneOf { given, needed }),
        },
        request: RequestView::new(&asked, app.clock.now()),
    }))
}
