//! Identifiers: one type for each kind of thing, so that a grant's is never taken for a request's.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    };
}

id!(
    /// A denial as it was received.
    DenialId
);
id!(
    /// A temporary opening.
    GrantId
);
id!(
    /// A question to a person.
    RequestId
);
id!(
    /// One PATCH of a registry's firewall.
    WriteId
);
id!(
    /// A message to people.
    AlertId
);
