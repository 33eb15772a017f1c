//! Whether an answer may be taken, and if not, why.

use super::approver::{Approvers, Asker};
use super::terms::{Strength, Terms};
use crate::auth::person::Person;
use crate::ledger::actor::Actor;
use crate::ledger::request::Answer;
use crate::messages::wording;
use crate::yaml::duration::Show;
use std::time::Duration;

/// The longest reason that is taken, in characters.
pub const LONGEST_REASON: usize = 500;

/// The shortest that a yes can open: in less, an entry reaches hardly any front end.
pub const SHORTEST: Duration = Duration::from_mins(1);

/// Who answers, and what proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Whoever has the request's link.
    Link,
    /// A person whose signed press of a button arrived from a chat.
    Chat(Person),
    /// A person who is signed in at the identity provider.
    SignedIn(Person),
    /// Whoever may use the operators' listener or has an API token. As strong as a link: it is something
    /// that one has, and says nothing of who one is.
    Operator(Actor),
}

impl Who {
    /// How strong the proof is.
    pub fn strength(&self) -> Strength {
        match self {
            Self::Link | Self::Operator(_) => Strength::Link,
            Self::Chat(_) => Strength::Chat,
            Self::SignedIn(_) => Strength::SignIn,
        }
    }

    /// The person, where it is known who it is.
    pub fn person(&self) -> Option<&Person> {
        match self {
            Self::Chat(person) | Self::SignedIn(person) => Some(person),
            Self::Link | Self::Operator(_) => None,
        }
    }

    /// As the ledger names them.
    pub fn actor(&self, approvers: &Approvers) -> Actor {
        match self {
            Self::Link => Actor::LINK,
            Self::Operator(actor) => actor.clone(),
            Self::Chat(person) | Self::SignedIn(person) => Actor::Known(approvers.known(person)),
        }
    }
}

/// What somebody answers, as far as it bears on whether they may.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    /// Why, if they say so.
    pub reason: Option<&'a str>,
    /// For how long, if not for as long as was asked.
    pub lasts: Option<Duration>,
}

/// Why an answer is not taken. Each says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No answer is strong enough.
    #[error(
        "requests of this registry are shown only and cannot be answered: an operator can allow that with \
         `approvals: link`, `chat` or `sign_in` on the registry in the configuration, unless the policy's rule says \
         `approvals: none`"
    )]
    Never,
    /// The proof is too weak.
    #[error("{}", too_weak(*.0))]
    TooWeak(Strength),
    /// It is known who it is, and they are no approver.
    #[error(
        "{} may not approve: they are not among `approvers` in doorward's configuration and have no role of `sign_in.roles`", wording::quoted(.0)
    )]
    NoApprover(String),
    /// They are not in a group that the request asks for.
    #[error("{} may not answer this: it takes somebody of {}", wording::quoted(.name), .groups.join(" or "))]
    NotInGroup {
        /// Their name.
        name: String,
        /// The groups, of which one would do.
        groups: Vec<String>,
    },
    /// They asked for it themselves.
    #[error("you asked for this yourself, so somebody else has to approve it")]
    OwnRequest,
    /// They have said yes already.
    #[error("you have approved this already: it takes another person as well")]
    SaidYes,
    /// A yes needs a reason.
    #[error("a reason is required to approve this: say why in a line")]
    NoReason,
    /// The reason is too long, or no line of text.
    #[error("the reason is not one line of at most {LONGEST_REASON} characters")]
    BadReason,
    /// It is to last longer than it may.
    #[error("this may be opened for {} at most", Show(*.0))]
    TooLong(Duration),
    /// It is to last hardly any time.
    #[error("this is opened for {} at least", Show(SHORTEST))]
    TooShort,
}

fn too_weak(needed: Strength) -> &'static str {
    match needed {
        Strength::Chat => {
            "this is not answered by link alone: press a button in the chat, or sign in on the request's page"
        }
        Strength::Link | Strength::SignIn | Strength::None => {
            "this is answered by somebody who is signed in: open the request's page and sign in"
        }
    }
}

impl Refusal {
    /// Its stable name, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Never => "not_answerable",
            Self::TooWeak(_) => "too_weak",
            Self::NoApprover(_) => "not_an_approver",
            Self::NotInGroup { .. } => "not_in_group",
            Self::OwnRequest => "own_request",
            Self::SaidYes => "approved_already",
            Self::NoReason => "reason_required",
            Self::BadReason => "bad_reason",
            Self::TooLong(_) => "too_long",
            Self::TooShort => "too_short",
        }
    }

    /// Whether it is about what was answered, not about who did: another answer would be taken.
    pub fn is_of_the_wish(&self) -> bool {
        matches!(
            self,
            Self::NoReason | Self::BadReason | Self::TooLong(_) | Self::TooShort
        )
    }
}

/// Whether `who` may say yes or no under `terms`; for a yes also to what `asker` asked for.
pub fn may_answer(
    who: &Who,
    answer: Answer,
    terms: &Terms,
    approvers: &Approvers,
    asker: Option<&Asker>,
) -> Result<(), Refusal> {
    if !terms.can_be_answered() {
        return Err(Refusal::Never);
    }
    if who.strength() < terms.strength {
        return Err(Refusal::TooWeak(terms.strength));
    }
    let Some(person) = who.person() else {
        return Ok(());
    };
    // Where a link is enough, whoever has it need not be known.
    if !terms.takes_links() && !approvers.may_approve(person) {
        return Err(Refusal::NoApprover(person.name.clone()));
    }
    let lacking = terms.by.iter().find(|any| !approvers.is_in(person, any));
    if let Some(groups) = lacking {
        return Err(Refusal::NotInGroup {
            name: person.name.clone(),
            groups: groups.iter().map(|name| wording::quoted(name)).collect(),
        });
    }
    let own = asker.is_some_and(|asker| approvers.asked(person, asker));
    if own && answer == Answer::Allow {
        return Err(Refusal::OwnRequest);
    }
    Ok(())
}

/// Whether what is wished for may be; it lasts for `longest` at most.
pub fn may_wish(
    wish: Wish<'_>,
    answer: Answer,
    terms: &Terms,
    longest: Duration,
) -> Result<(), Refusal> {
    let reason = wish.reason.map(str::trim).filter(|why| !why.is_empty());
    // U+FFFD: bytes that are no text have become this on the way.
    let is_text = |c: char| !c.is_control() && c != char::REPLACEMENT_CHARACTER;
    let good = |why: &str| why.chars().count() <= LONGEST_REASON && why.chars().all(is_text);
    if !reason.is_none_or(good) {
        return Err(Refusal::BadReason);
    }
    if answer == Answer::Deny {
        return Ok(());
    }
    if terms.reason && reason.is_none() {
        return Err(Refusal::NoReason);
    }
    if let Some(lasts) = wish.lasts {
        if lasts > longest {
            return Err(Refusal::TooLong(longest));
        }
        if lasts < SHORTEST.min(longest) {
            return Err(Refusal::TooShort);
        }
    }
    Ok(())
}
