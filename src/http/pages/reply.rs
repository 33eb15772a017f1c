//! What the request page's forms send, and what the page offers to whoever looks at it.

use crate::flow::app::App;
use crate::flow::respond::afterwards::{self, Order};
use crate::flow::respond::prospect::{self, Prospect};
use crate::flow::respond::{self, AnswerError};
use crate::http::HttpError;
use doorward_core::approvals::may::SHORTEST;
use doorward_core::approvals::{Refusal, Who};
use doorward_core::ledger::actor::Actor;
use doorward_core::ledger::request::Answer;
use doorward_core::messages::wording;
use doorward_core::state::{Asked, Voice};
use doorward_core::yaml::duration::{self, Show};
use serde::Deserialize;
use std::time::Duration;

/// The shorter times that are offered.
const TIMES: [Duration; 7] = [
    Duration::from_mins(15),
    Duration::from_mins(30),
    Duration::from_hours(1),
    Duration::from_hours(2),
    Duration::from_hours(4),
    Duration::from_hours(8),
    Duration::from_hours(24),
];

/// A form of the page: an answer, or an order about what was opened.
#[derive(Deserialize)]
pub(in crate::http) struct Sent {
    answer: Option<Answer>,
    order: Option<Ordered>,
    #[serde(default)]
    reason: String,
    #[serde(default, rename = "for")]
    lasts: String,
    #[serde(default)]
    shown: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ordered {
    Close,
    Extend,
    Keep,
}

/// What a form asks for.
pub(in crate::http) enum Asks {
    /// This answer is to be taken.
    Answer(respond::Reply),
    /// This is to be done with what was opened, for the reason given.
    Order(Order, Option<String>),
}

impl Sent {
    /// What it asks for, if it is one thing and can be read.
    pub(in crate::http) fn read(self, who: Who) -> Result<Asks, HttpError> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let reason = given(&self.reason);
        let lasts = given(&self.lasts).map(|text| duration::parse(&text));
        let lasts = lasts.transpose().map_err(|_| HttpError::NoAnswer)?;
        let shown = given(&self.shown).map(|text| text.parse());
        let shown = shown.transpose().map_err(|_| HttpError::NoAnswer)?;
        match (self.answer, self.order) {
            (Some(answer), None) => Ok(Asks::Answer(respond::Reply {
                answer,
                who,
                reason,
                lasts,
                shown,
            })),
            (None, Some(order)) => {
                let order = match order {
                    Ordered::Close => Order::Close,
                    Ordered::Keep => Order::Keep,
                    Ordered::Extend => Order::Extend(lasts.ok_or(HttpError::NoAnswer)?),
                };
                Ok(Asks::Order(order, reason))
            }
            _ => Err(HttpError::NoAnswer),
        }
    }
}

/// What the page offers before an answer.
pub(in crate::http) struct Offer {
    /// The digest that the form carries.
    pub(in crate::http) shown: String,
    /// How long a yes opens that does not say.
    pub(in crate::http) longest: String,
    /// Shorter times, as the form sends and as people read them.
    pub(in crate::http) times: Vec<(String, String)>,
    /// Whether a yes needs a reason.
    pub(in crate::http) needs_reason: bool,
    /// How many people have to say yes, where it is more than one.
    pub(in crate::http) needed: Option<u32>,
    /// Who has said yes, and whose yes counts no more: each in a sentence.
    pub(in crate::http) voices: Vec<String>,
    /// Why whoever looks cannot say yes; none if they can.
    pub(in crate::http) refusal: Option<Refusal>,
    /// Whether they can say no.
    pub(in crate::http) may_deny: bool,
}

impl Offer {
    /// Why whoever looks cannot say yes, in a sentence.
    pub(in crate::http) fn why(&self) -> Option<String> {
        let refusal = self.refusal.as_ref()?;
        Some(wording::sentence(&refusal.to_string()))
    }

    /// Of a request that can still be answered, to `who`.
    pub(in crate::http) fn of(app: &App, asked: &Asked, who: &Who) -> Self {
        let prospect = prospect::of(app, asked);
        let request = &asked.request;
        let refusal = prospect.refuses(app, request, who);
        let may_deny = match &refusal {
            None | Some(Refusal::OwnRequest | Refusal::SaidYes) => true,
            Some(_) => false,
        };
        Self {
            shown: prospect.seen.to_string(),
            longest: lasts(prospect.longest),
            times: times(prospect.longest),
            needs_reason: prospect.terms.reason,
            needed: Some(prospect.terms.count).filter(|count| *count > 1),
            voices: voices(&prospect),
            refusal,
            may_deny,
        }
    }
}

fn times(longest: Duration) -> Vec<(String, String)> {
    let shorter = TIMES.into_iter().filter(|time| *time < longest);
    shorter
        .filter(|time| *time >= SHORTEST)
        .map(|time| (Show(time).to_string(), lasts(time)))
        .collect()
}

/// A time as people read it.
fn lasts(time: Duration) -> String {
    wording::duration(time.try_into().unwrap_or(jiff::SignedDuration::MAX))
}

fn voices(prospect: &Prospect) -> Vec<String> {
    let said = |voice: &Voice| {
        let (by, at) = (voice.by.in_words(), wording::time(voice.at));
        let reason = voice.given.reason.as_deref();
        let reason = reason.map_or_else(String::new, |why| format!(": {}", wording::quoted(why)));
        format!("Approved by {by} at {at}{reason}")
    };
    let lapsed = |voice: &Voice| {
        let said = said(voice);
        format!("{said} (counts no more, since something has changed since then)")
    };
    let counting = prospect.voices.iter().map(said);
    counting.chain(prospect.lapsed.iter().map(lapsed)).collect()
}

/// What the page offers to whoever looks at what was opened.
#[derive(Default)]
pub(in crate::http) struct Afterwards {
    /// Whether they may end it.
    pub(in crate::http) close: bool,
    /// The times that they may have it stay open for, from now; empty if they may not.
    pub(in crate::http) extend: Vec<(String, String)>,
    /// Whether they may keep the entry for good.
    pub(in crate::http) keep: bool,
    /// Whether a reason is required for that.
    pub(in crate::http) needs_reason: bool,
}

impl Afterwards {
    /// Of an answered request, to `who`.
    pub(in crate::http) fn of(app: &App, asked: &Asked, who: &Who) -> Self {
        if afterwards::opened(app, asked.request.id).is_none() {
            return Self::default();
        }
        let may = |order| afterwards::may(app, asked, order, who).is_ok();
        let prospect = prospect::of(app, asked);
        let longest = prospect.longest;
        let extend = may(Order::Extend(longest));
        let times = extend.then(|| {
            let whole = (Show(longest).to_string(), lasts(longest));
            times(longest).into_iter().chain([whole]).collect()
        });
        Self {
            close: may(Order::Close),
            extend: times.unwrap_or_default(),
            keep: may(Order::Keep),
            needs_reason: prospect.terms.reason,
        }
    }

    /// Whether there is anything to offer.
    pub(in crate::http) fn any(&self) -> bool {
        self.close || self.keep || !self.extend.is_empty()
    }
}

/// Who answered what and how, in a sentence; the earlier yes first where there were several.
pub(in crate::http) fn told(asked: &Asked) -> Option<String> {
    let (at, answer) = asked.answer?;
    let answered = match answer {
        Answer::Allow => "Approved",
        Answer::Deny => "Denied",
    };
    let by = asked.by.as_ref().map(Actor::in_words).unwrap_or_default();
    let reason = asked
        .given
        .as_ref()
        .and_then(|given| given.reason.as_deref());
    let reason = reason.map_or_else(String::new, |why| format!(": {}", wording::quoted(why)));
    let others: Vec<String> = asked.voices.iter().map(|it| it.by.in_words()).collect();
    let others = if others.is_empty() {
        String::new()
    } else {
        format!(" Before that, approved by {}.", others.join(", "))
    };
    let at = wording::time(at);
    Some(format!("{answered} by {by} at {at}{reason}.{others}"))
}

/// Whether the page is shown again with what was wrong, so that it can be answered otherwise.
pub(in crate::http) fn is_shown_again(error: &AnswerError) -> bool {
    matches!(
        error,
        AnswerError::Answered | AnswerError::Changed(_) | AnswerError::Refused(_)
    )
}
