//! At most so many questions an hour about a registry and to a channel: what is past that is withheld,
//! written down as such, and stays open on the operator page.

use super::batch::{Batch, share};
use crate::flow::app::App;
use doorward_core::ledger::alert::{About, Alert};
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::messages::{codes, wording};
use doorward_core::net::resource_id::ResourceId;
use doorward_core::state::questions::is_question;
use jiff::Timestamp;

/// Takes out of what follows from a verdict the questions that would be too many, and adds that they were
/// withheld. Whoever owns an address may use all of the limit; the others half.
pub(super) fn limit(
    app: &App,
    batch: &Batch,
    owned: bool,
    follows: Vec<LedgerEvent>,
) -> Vec<LedgerEvent> {
    let now = app.clock.now();
    let mut all = Vec::new();
    for what in follows {
        let LedgerEvent::Alerted(mut alert) = what else {
            all.push(what);
            continue;
        };
        let withheld = if is_question(&alert) {
            withhold(app, batch, owned, &mut alert)
        } else {
            Vec::new()
        };
        let (request, registry) = (alert.request, alert.registry.clone());
        let wholly = alert.channels.is_empty();
        if withheld.is_empty() || !wholly {
            all.push(LedgerEvent::Alerted(alert));
        }
        if let (false, Some(request), Some(registry)) = (withheld.is_empty(), request, registry) {
            all.extend(tell(app, batch, &registry, now));
            all.push(LedgerEvent::QuestionWithheld {
                request,
                channels: withheld,
                wholly,
            });
        }
    }
    all
}

/// Takes the channels out of a question that it would be too much for.
fn withhold(app: &App, batch: &Batch, owned: bool, alert: &mut Alert) -> Vec<String> {
    let now = app.clock.now();
    let registry = alert.registry.as_ref();
    let too_many = registry.is_some_and(|id| {
        let before = app.ledger.read(|state| state.questions.about(id, now));
        let enrolled = app.registries.get(id);
        let most = enrolled.map_or(usize::MAX, |it| it.questions_per_hour);
        before.saturating_add(batch.asked_about(id)) >= share(most, owned)
    });
    let full = |channel: &str| {
        let before = app.ledger.read(|state| state.questions.to(channel, now));
        let known = app.channels.get(channel);
        let most = known.map_or(usize::MAX, |it| it.questions_per_hour);
        before.saturating_add(batch.asked_to(channel)) >= share(most, owned)
    };
    let channels = std::mem::take(&mut alert.channels);
    let (withheld, left): (Vec<String>, Vec<String>) = channels
        .into_iter()
        .partition(|channel| too_many || full(channel));
    alert.channels = left;
    withheld
}

/// One message an hour that says so.
fn tell(app: &App, batch: &Batch, registry: &ResourceId, now: Timestamp) -> Option<LedgerEvent> {
    let told = app
        .ledger
        .read(|state| state.questions.withheld(registry, now));
    if told > 0 || batch.withheld(registry) {
        return None;
    }
    let text = format!(
        "More requests about `{}` than `questions_per_hour` lets through: this one and those that follow within the hour are not sent, and are open on the operator page",
        wording::quoted(registry.name())
    );
    let about = About {
        registry: Some(registry.clone()),
        ..About::default()
    };
    Some(app.alert(codes::QUESTIONS_WITHHELD, text, &about))
}
