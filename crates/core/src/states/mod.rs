//! The closed sets of words that say how things are: the same on pages, in the API, in commands and in
//! metrics. Each is a pure function of what is known and of the time. What is not known has a word of its
//! own, or the word of the worse case: it is never a good one.

mod activity;
mod grant;
mod registry;
mod request;
mod set;
mod source;

pub use activity::{Activity, Subject, Tally};
pub use registry::RegistryFacts;
pub use set::SetFacts;
pub use source::{SourceFacts, UNTOLD};

use serde::{Deserialize, Serialize};
use std::fmt;

/// How good a state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// All is well, and that is known.
    Good,
    /// Neither good nor bad: over, or waiting for nothing.
    Plain,
    /// Not yet, or not known.
    Wait,
    /// Somebody should look.
    Bad,
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal: $tone:ident,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// Every one.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant,)+];

            /// Its word, for programs: it stays the same.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// How good it is.
            pub fn tone(self) -> Tone {
                match self {
                    $(Self::$variant => Tone::$tone,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

words! {
    /// How a grant is.
    GrantState {
        /// Decided, and its entry is not known to be there.
        Opening = "opening": Wait,
        /// Its address is let in.
        Open = "open": Good,
        /// Its entry has had its time, and the address is refused all the same.
        StillDenied = "still_denied": Bad,
        /// Its time is over, and its entry is not known to be gone.
        Ending = "ending": Wait,
        /// It is over, and nothing of it is left.
        Ended = "ended": Plain,
        /// Its entry was seen past its end.
        Overdue = "overdue": Bad,
    }
}

words! {
    /// How a request is.
    RequestState {
        /// Nobody has answered, and somebody can.
        Waiting = "waiting": Wait,
        /// A person has answered.
        Answered = "answered": Plain,
        /// Nobody answered in time.
        Lapsed = "lapsed": Plain,
    }
}

words! {
    /// How a source is.
    SourceState {
        /// It was heard within its time.
        Fed = "fed": Good,
        /// It was heard before, and not within its time.
        Silent = "silent": Bad,
        /// Whoever spoke in its name last was not believed, or Azure refuses to be read.
        Refused = "refused": Bad,
        /// It was never heard.
        NeverSeen = "never_seen": Wait,
    }
}

words! {
    /// How a channel is.
    ChannelState {
        /// It took the last message.
        Ok = "ok": Good,
        /// It does not take messages.
        Failing = "failing": Bad,
        /// It was never sent any.
        NeverTried = "never_tried": Wait,
    }
}

words! {
    /// How a registry is.
    RegistryState {
        /// A grant would be opened.
        Writable = "writable": Good,
        /// An operator has paused it.
        Paused = "paused": Wait,
        /// Something stands against entries, or Azure refuses them.
        Blocked = "blocked": Bad,
        /// Others have changed it, and that is not looked into yet.
        Drifted = "drifted": Wait,
        /// It cannot be read, or was not read yet.
        Unreachable = "unreachable": Bad,
    }
}

words! {
    /// How an address set is.
    SetState {
        /// Its source said so when it was last asked.
        Fresh = "fresh": Good,
        /// Its source could not be used when it was last asked: it holds what it held before.
        Stale = "stale": Wait,
        /// Its source says something else, which a person must confirm.
        Waiting = "waiting": Wait,
        /// It was never loaded, and matches nothing.
        NeverLoaded = "never_loaded": Bad,
    }
}

impl Tone {
    /// The class by which a style sheet knows it.
    pub fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Plain => "",
            Self::Wait => "wait",
            Self::Bad => "bad",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_ones_that_programs_know() {
        fn all<T: Copy + Serialize>(states: &[T], name: impl Fn(T) -> &'static str) -> String {
            let words = states.iter().map(|it| {
                let written = serde_json::to_string(it).unwrap();
                assert_eq!(written.trim_matches('"'), name(*it));
                name(*it)
            });
            words.collect::<Vec<_>>().join(" ")
        }
        assert_eq!(
            all(&GrantState::ALL, GrantState::name),
            "opening open still_denied ending ended overdue"
        );
        assert_eq!(
            all(&RequestState::ALL, RequestState::name),
            "waiting answered lapsed"
        );
        assert_eq!(
            all(&SourceState::ALL, SourceState::name),
            "fed silent refused never_seen"
        );
        assert_eq!(
            all(&ChannelState::ALL, ChannelState::name),
            "ok failing never_tried"
        );
        assert_eq!(
            all(&RegistryState::ALL, RegistryState::name),
            "writable paused blocked drifted unreachable"
        );
        assert_eq!(
            all(&SetState::ALL, SetState::name),
            "fresh stale waiting never_loaded"
        );
    }

    #[test]
    fn unknown_is_never_green() {
        for tone in [
            GrantState::Opening.tone(),
            GrantState::Ending.tone(),
            SourceState::NeverSeen.tone(),
            ChannelState::NeverTried.tone(),
            RegistryState::Unreachable.tone(),
            SetState::NeverLoaded.tone(),
        ] {
            assert_ne!(tone, Tone::Good);
        }
    }
}
