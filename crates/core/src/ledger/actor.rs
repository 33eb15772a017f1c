//! Who did something: a person, or a part of doorward. The two are written down in different shapes, so
//! that no name that a person gives can pass for the program.

use crate::auth::person::PersonId;
use crate::messages::wording;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// Who did something that stands in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A person, by the name that they give: nothing proves it.
    Person(String),
    /// A program, by the name of the API token that it showed.
    Token(String),
    /// A person whose identity was proven.
    Known(Known),
    /// A part of doorward.
    System(Component),
}

/// A person whose identity was proven. Who it is, is the id; the names are for reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The account that proved it.
    pub id: PersonId,
    /// What people called them then.
    pub name: String,
    /// The approver of the configuration that they were listed as then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approver: Option<String>,
}

/// A part of doorward that acts, or by which somebody acts who gives no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// What puts a grant's end off while its address is seen in use.
    Use,
    /// The page behind an approval link: whoever had the link.
    Link,
    /// The policy, which allows by itself what a person was asked about.
    Policy,
    /// What ends a pause whose time is over.
    Time,
}

impl Actor {
    /// An address was seen in use.
    pub const USE: Self = Self::System(Component::Use);
    /// Whoever had an approval link.
    pub const LINK: Self = Self::System(Component::Link);

    /// A time that was set has come.
    pub const TIME: Self = Self::System(Component::Time);

    /// The policy in force.
    pub const POLICY: Self = Self::System(Component::Policy);

    /// Who it is, for the middle of a sentence.
    pub fn in_words(&self) -> String {
        match self {
            Self::Person(name) => format!("`{}` (as they say)", wording::quoted(name)),
            Self::Token(name) => format!("API token `{}`", wording::quoted(name)),
            Self::Known(known) => format!("`{}`", wording::quoted(&known.name)),
            Self::System(Component::Use) => "doorward, since its address is in use".to_owned(),
            Self::System(Component::Link) => "link".to_owned(),
            Self::System(Component::Policy) => "the policy, which allows it now".to_owned(),
            Self::System(Component::Time) => "doorward, since its time was over".to_owned(),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(name) => f.write_str(name),
            Self::Token(name) => write!(f, "token:{name}"),
            Self::Known(known) => f.write_str(&known.name),
            Self::System(_) => f.write_str("doorward"),
        }
    }
}

/// As it is written now, or as a bare text, as it was written before.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Actor(Shape),
    Text(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shape {
    Person(String),
    Token(String),
    Known(Known),
    System(Component),
}

fn read<'de, D: Deserializer<'de>>(
    deserializer: D,
    text: impl FnOnce(String) -> Actor,
) -> Result<Actor, D::Error> {
    Ok(match Written::deserialize(deserializer)? {
        Written::Actor(Shape::Person(name)) => Actor::Person(name),
        Written::Actor(Shape::Token(name)) => Actor::Token(name),
        Written::Actor(Shape::Known(known)) => Actor::Known(known),
        Written::Actor(Shape::System(component)) => Actor::System(component),
        Written::Text(written) => text(written),
    })
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, Self::Person)
    }
}

/// Who extended a grant: older ledgers have `use` for the program.
pub(crate) fn of_extension<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Actor, D::Error> {
    read(deserializer, |text| match text.as_str() {
        "use" => Actor::USE,
        _ => Actor::Person(text),
    })
}

/// Who answered: older ledgers have `link`.
pub(crate) fn of_answer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Actor, D::Error> {
    read(deserializer, |text| match text.as_str() {
        "link" => Actor::LINK,
        _ => Actor::Person(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(actor: &Actor) -> String {
        serde_json::to_string(actor).unwrap()
    }

    #[test]
    fn actors_of_older_ledgers_are_still_read() {
        let read: Actor = serde_json::from_str("\"link\"").unwrap();
        assert_eq!(read, Actor::Person("link".to_owned()));
        let mut text = serde_json::Deserializer::from_str("\"use\"");
        assert_eq!(of_extension(&mut text).unwrap(), Actor::USE);
        let mut text = serde_json::Deserializer::from_str("\"link\"");
        assert_eq!(of_answer(&mut text).unwrap(), Actor::LINK);
    }

    proptest! {
        #[test]
        fn person_never_reads_back_as_a_system_actor(name in "use|link|doorward|system|token|\\PC{0,20}|\\{\"system\":\"use\"\\}") {
            let person = Actor::Person(name.clone());
            let text = written(&person);
            let token = Actor::Token(name);
            for system in [Actor::USE, Actor::LINK, Actor::POLICY, token] {
                prop_assert_ne!(&text, &written(&system));
            }
            let read: Actor = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&read, &person);
            let mut again = serde_json::Deserializer::from_str(&text);
            prop_assert_eq!(of_extension(&mut again).unwrap(), person);
        }
    }
}
