//! Who may say yes, how strong it must be, and what it is bound to.

mod afterwards;
mod bound;
mod hostile;
mod keys;
mod questions;
mod several;
mod strength;

use crate::world::{STRANGER, World};
use doorward::flow::respond::{self, AnswerError, Taken, prospect};
use doorward_core::approvals::{Seen, Who};
use doorward_core::auth::person::{Person, PersonId};
use doorward_core::ledger::id::RequestId;
use doorward_core::ledger::request::Answer;
use doorward_core::state::Asked;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ISSUER: &str = "https://idp.contoso.com";

/// A world whose registry asks this of answers; Ana and Bo are in `platform`, Cy is in no group.
async fn world(approvals: Value) -> World {
    World::with(|setup| {
        setup.config["registries"][0]["approvals"] = approvals;
        setup.config["approvers"] = json!([
            { "name": "Ana", "issuer": ISSUER, "subject": "ana", "slack": "U1", "groups": ["platform"], "ci": ["ana-gh"] },
            { "name": "Bo", "issuer": ISSUER, "subject": "bo", "groups": "platform" },
            { "name": "Cy", "issuer": ISSUER, "subject": "cy" },
        ]);
    })
    .await
}

fn person(issuer: &str, subject: &str) -> Person {
    Person {
        name: format!("{subject} (as shown)"),
        id: PersonId {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
        },
        roles: BTreeSet::new(),
        groups: BTreeSet::new(),
    }
}

/// Who is signed in.
fn signed_in(subject: &str) -> Who {
    Who::SignedIn(person(ISSUER, subject))
}

/// Who pressed a button in Slack.
fn pressed(user: &str) -> Who {
    Who::Chat(person(PersonId::SLACK, user))
}

/// A stranger is refused, and people are asked.
async fn asked(world: &World) -> RequestId {
    world.denied(STRANGER).await;
    world.settle().await;
    request(world).request.id
}

/// The one request.
fn request(world: &World) -> Asked {
    let found = world
        .app
        .ledger
        .read(|state| state.requests.values().last().cloned());
    found.unwrap()
}

/// What somebody is shown now.
fn seen(world: &World) -> Seen {
    prospect::of(&world.app, &request(world)).seen
}

/// An answer by somebody who has just looked.
fn reply(world: &World, answer: Answer, who: Who) -> respond::Reply {
    respond::Reply {
        answer,
        who,
        reason: None,
        lasts: None,
        shown: Some(seen(world)),
    }
}

async fn say(world: &World, answer: Answer, who: Who) -> Result<Taken, AnswerError> {
    let reply = reply(world, answer, who);
    respond::answer(&world.app, request(world).request.id, &reply).await
}

/// Why an answer was not taken, by the refusal's name.
fn code(result: &Result<Taken, AnswerError>) -> &'static str {
    match result {
        Ok(_) => "taken",
        Err(AnswerError::Refused(refusal)) => refusal.code(),
        Err(AnswerError::Answered) => "answered",
        Err(AnswerError::Changed(_)) => "changed",
        Err(AnswerError::NotShown) => "not_shown",
        Err(error) => panic!("{error}"),
    }
}
