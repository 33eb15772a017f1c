//! What was refused: the pages of denials, and of addresses.

use super::overview::missing;
use super::view::Cell;
use super::{framed, shown, story};
use crate::flow::view::states;
use crate::http::pages::prose::Prose;
use crate::http::{HttpError, Web};
use axum::extract::{Path, State};
use axum::response::Response;
use doorward_core::ledger::details::AddressFacts;
use doorward_core::ledger::id::DenialId;
use doorward_core::messages::message::whose;
use doorward_core::messages::wording;
use doorward_core::state::history::Before;
use doorward_core::states::Tone;
use std::net::IpAddr;

/// `GET /denials/{id}`.
pub(in crate::http) async fn denial(State(web): State<Web>, Path(id): Path<String>) -> Response {
    let view = async {
        let app = &web.app;
        let id: DenialId = id.parse().map_err(|_| missing())?;
        let found = story::found(app, vec![story::whole(&id)]).await?;
        if found.entries.is_empty() {
            return Err(missing());
        }
        let mut view = framed(app, "Denial", 1);
        let decided = app.ledger.read(|state| {
            let mut all = state.verdicts.iter();
            all.find(|it| it.denial.id == id).cloned()
        });
        let times = app.ledger.read(|state| state.times_repeated(id));
        if let Some(it) = decided {
            view.lead = Prose::new(wording::sentence(&wording::capital(&wording::denial(
                &it.denial,
            ))));
            view.facts = vec![
                ("Verdict", Cell::text(it.verdict.action.to_string())),
                ("Why", Cell::text(wording::why(&it.verdict))),
            ];
        }
        view.facts
            .push(("Repeated", Cell::text(format!("{times} times"))));
        view.facts.push(("Id", Cell::text(id.to_string())));
        view.sections = vec![story::section(&found, None)];
        view.commands = vec![format!("doorward ledger show --about {id}")];
        Ok::<_, HttpError>(view)
    };
    shown(view.await)
}

/// `GET /addresses/{address}`.
pub(in crate::http) async fn address(State(web): State<Web>, Path(text): Path<String>) -> Response {
    let view = async {
        let app = &web.app;
        let address: IpAddr = text.parse().map_err(|_| missing())?;
        let address = address.to_canonical();
        let now = app.clock.now();
        let found = story::found(app, vec![address.to_string()]).await?;
        let mut view = framed(app, address.to_string(), 1);
        let (policy, sets) = (app.policy.load(), app.sets.load());
        let facts = AddressFacts::of(&policy, &sets, address, Before::default());
        view.facts = vec![(
            "Whose address",
            Cell::text(wording::capital(&whose(&facts))),
        )];
        for (it, state) in states::grants(app, now) {
            if IpAddr::V4(it.grant.address.get()) == address {
                let link = format!("grants/{}", it.grant.id);
                let cell = Cell::link(it.grant.registry.name(), link);
                view.facts
                    .push(("Grant", cell.state(state.name(), state.tone())));
            }
        }
        let waiting = app.ledger.read(|state| {
            let all = state.requests.values().filter(|it| it.open(now));
            let own = all.filter(|it| IpAddr::V4(it.request.address.get()) == address);
            own.map(|it| (it.request.id, it.request.registry.name().to_owned()))
                .collect::<Vec<_>>()
        });
        for (id, name) in waiting {
            let cell = Cell::link(name, format!("requests/{id}"));
            view.facts
                .push(("Request", cell.state("waiting", Tone::Wait)));
        }
        let older = found.older.map(|_| format!("timeline?address={address}"));
        view.sections = vec![story::section(&found, older)];
        view.commands = vec![
            format!("doorward whois {address}"),
            format!("doorward ledger show --address {address}"),
        ];
        Ok::<_, HttpError>(view)
    };
    shown(view.await)
}
