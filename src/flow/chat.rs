//! Answers that people press in a chat: whose press counts is what [`respond`] says of any
//! answer; here is what the buttons stand for, and what whoever pressed is told.

use crate::flow::app::{App, Channel};
use crate::flow::notify::send;
use crate::flow::respond::{self, Reply, Taken, prospect};
use doorward_core::approvals::{Strength, Who};
use doorward_core::auth::person::{Person, PersonId, display_name};
use doorward_core::auth::slack::{ButtonValue, Press, Signed};
use doorward_core::messages::message::Buttons;
use doorward_core::messages::wording::{capital, sentence};
use doorward_core::state::Asked;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long whoever pressed is tried to be told what came of it.
const WHISPER_WITHIN: Duration = Duration::from_millis(900);

/// The channel that a signed press comes from: the one whose secret the signature fits.
pub fn channel<'a>(app: &'a App, signed: &Signed<'_>, body: &[u8]) -> Option<&'a Channel> {
    let now = app.clock.now();
    let mut channels = app.channels.values();
    channels.find(|channel| {
        let secret = channel.secret("signing_secret");
        secret.is_some_and(|secret| signed.is_by(secret, body, now))
    })
}

/// Whether any channel takes presses.
pub fn is_heard(app: &App) -> bool {
    let mut channels = app.channels.values();
    channels.any(|channel| channel.secret("signing_secret").is_some())
}

/// What the buttons of a request's message stand for; none where a press is not enough to answer it, where a
/// reason has to be given, and where it is over.
pub(in crate::flow) fn buttons(app: &App, asked: &Asked) -> Option<Buttons> {
    if !asked.open(app.clock.now()) {
        return None;
    }
    let prospect = prospect::of(app, asked);
    let terms = &prospect.terms;
    let enough = terms.can_be_answered() && terms.strength <= Strength::Chat && !terms.reason;
    enough.then(|| Buttons {
        value: ButtonValue {
            request: asked.request.id,
            seen: prospect.seen.to_string(),
        },
        lasts: prospect.longest,
    })
}

/// Takes a press as an answer; what whoever pressed is told, if the message itself will not say it.
pub async fn press(app: &App, press: &Press) -> Option<String> {
    let id = PersonId::slack(&press.user);
    let listed = app.approvers.listed_as(&id);
    let name = listed.map_or(press.name.as_str(), |approver| approver.name.as_str());
    let reply = Reply {
        answer: press.answer,
        who: Who::Chat(Person {
            name: display_name(name, &press.user),
            id,
            roles: BTreeSet::new(),
            groups: BTreeSet::new(),
        }),
        reason: None,
        lasts: None,
        shown: press.button.seen.parse().ok(),
    };
    match respond::answer(app, press.button.request, &reply).await {
        Ok(Taken::Final) => None,
        Ok(Taken::OneOf { given, needed }) => {
            Some(format!("Your approval counts: {given} of {needed}."))
        }
        Err(error) => Some(sentence(&capital(&error.to_string()))),
    }
}

/// Tells whoever pressed, and nobody else in the channel, as far as Slack takes it at once.
pub async fn tell(app: &App, channel: &Channel, press: &Press, text: &str) {
    let place = (press.channel.as_str(), press.user.as_str());
    let told = send::whisper(app, channel, place, text);
    let failed = match tokio::time::timeout(WHISPER_WITHIN, told).await {
        Ok(Ok(())) => return,
        Ok(Err(why)) => why,
        Err(_) => "it did not answer in time".to_owned(),
    };
    tracing::info!(
        why = failed,
        "Cannot tell a Slack user what came of a press"
    );
}
