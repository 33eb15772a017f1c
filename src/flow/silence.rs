//! Sources that should have spoken and have not: people are told once, and once more when it is over. An
//! armed responder and a dead pipeline must not look alike.

use crate::flow::app::{App, Source};
use crate::flow::view::states;
use crate::store::StoreError;
use doorward_core::ledger::alert::About;
use doorward_core::ledger::details::Details;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::messages::codes::{SOURCE_HEARD, SOURCE_SILENT};
use doorward_core::messages::wording;
use doorward_core::states::SourceFacts;
use jiff::Timestamp;
use std::time::Duration;

/// How soon it is looked at again whether a silent source is heard.
const AGAIN: Duration = Duration::from_secs(30);

/// Tells what is to be told now; when to look again.
pub async fn run_once(app: &App) -> Result<Option<Timestamp>, StoreError> {
    let now = app.clock.now();
    let since = app.memory.expecting_since(now);
    let mut next: Option<Timestamp> = None;
    for source in app.sources.values() {
        let facts = states::source_facts(app, source);
        let told = app
            .ledger
            .read(|state| state.silent_sources.get(&source.name).copied());
        let due = facts.silent_from(since);
        let message = match (due, told) {
            (Some(due), None) if due <= now => silent(app, source, &facts),
            (_, Some(told)) if facts.heard > Some(told) => heard(app, source),
            (due, told) => {
                let again = told.map(|_| clock::add(now, AGAIN)).or(due);
                next = next.into_iter().chain(again).min();
                continue;
            }
        };
        app.ledger.append(now, vec![message]).await?;
        next = next.into_iter().chain([clock::add(now, AGAIN)]).min();
    }
    Ok(next)
}

fn silent(app: &App, source: &Source, facts: &SourceFacts) -> LedgerEvent {
    let last = facts.heard.map_or_else(
        || "nothing has come from it yet".to_owned(),
        |at| format!("the last delivery came at {}", wording::time(at)),
    );
    let text = format!(
        "source `{}` is silent for longer than its `expect_every`: {last}. Denials may be missed: see whether its sender \
         still runs and still delivers here",
        source.name
    );
    app.alert(SOURCE_SILENT, text, &about(source))
}

fn heard(app: &App, source: &Source) -> LedgerEvent {
    let text = format!("source `{}` is heard again", source.name);
    app.alert(SOURCE_HEARD, text, &about(source))
}

fn about(source: &Source) -> About {
    About {
        details: Some(Box::new(Details {
            source: Some(source.name.clone()),
            ..Details::default()
        })),
        ..About::default()
    }
}
