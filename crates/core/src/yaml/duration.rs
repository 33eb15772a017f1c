//! How long something lasts, as people write it: `90s`, `30m`, `1h30m`, `24h`, `7d`.

use std::fmt;
use std::time::Duration;

/// The units, largest first: their letter, their name and their seconds.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// A text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TtlError {
    /// Not numbers with units at all.
    #[error("`{0}` is not a duration")]
    Syntax(String),
    /// A number without a unit: seconds or minutes, nobody can tell.
    #[error("`{0}` has no unit")]
    NoUnit(String),
    /// Units that repeat or stand in the wrong order.
    #[error("`{0}` does not go from the larger unit to the smaller, each once")]
    Order(String),
    /// No time at all.
    #[error("`{0}` is no time at all")]
    Zero(String),
    /// More seconds than can be counted.
    #[error("`{0}` is too long")]
    TooLong(String),
}

/// What to write instead; the hint that goes with every [`TtlError`].
pub const HINT: &str =
    "write whole numbers with d, h, m or s, as in `90s`, `30m`, `1h30m` or `24h`";

/// Reads a duration of at least one second.
pub fn parse(text: &str) -> Result<Duration, TtlError> {
    let mut seconds: u64 = 0;
    let mut units = UNITS.iter();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.len().saturating_sub(
            rest.trim_start_matches(|letter: char| letter.is_ascii_digit())
                .len(),
        );
        let (number, tail) = rest.split_at(digits);
        if number.is_empty() {
            return Err(TtlError::Syntax(text.to_owned()));
        }
        let Some(unit) = tail.chars().next() else {
            return Err(TtlError::NoUnit(text.to_owned()));
        };
        if !UNITS.iter().any(|(letter, _)| *letter == unit) {
            return Err(TtlError::Syntax(text.to_owned()));
        }
        let Some((_, length)) = units.find(|(letter, _)| *letter == unit) else {
            return Err(TtlError::Order(text.to_owned()));
        };
        seconds = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(*length))
            .and_then(|more| seconds.checked_add(more))
            .ok_or_else(|| TtlError::TooLong(text.to_owned()))?;
        rest = tail.strip_prefix(unit).unwrap_or_default();
    }
    match seconds {
        0 if text.is_empty() => Err(TtlError::Syntax(text.to_owned())),
        0 => Err(TtlError::Zero(text.to_owned())),
        // jiff counts in signed seconds; what does not fit there is nobody's time to live.
        _ if i64::try_from(seconds).is_err() => Err(TtlError::TooLong(text.to_owned())),
        _ => Ok(Duration::from_secs(seconds)),
    }
}

/// A duration in the form that [`parse`] reads, whole seconds only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Show(pub Duration);

impl fmt::Display for Show {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.0.as_secs();
        if left == 0 {
            return f.write_str("0s");
        }
        // A day and a half reads better as 36h; whole days as days only from two on.
        let whole_days = left.is_multiple_of(86_400) && left > 86_400;
        for (letter, length) in UNITS {
            if letter == 'd' && !whole_days {
                continue;
            }
            let number = left.checked_div(length).unwrap_or_default();
            left = left.checked_rem(length).unwrap_or_default();
            if number > 0 {
                write!(f, "{number}{letter}")?;
            }
        }
        Ok(())
    }
}

/// For `#[serde(with = "ttl::optional")]`: a duration as text, or null.
pub mod optional {
    use super::{Show, parse};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::time::Duration;

    /// Writes `4h`, or null.
    pub fn serialize<S: Serializer>(
        ttl: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match ttl {
            Some(ttl) => serializer.collect_str(&Show(*ttl)),
            None => serializer.serialize_none(),
        }
    }

    /// Reads what [`serialize`] wrote.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| parse(&text).map_err(D::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_write() {
        for (text, seconds) in [
            ("90s", 90),
            ("30m", 1_800),
            ("1h30m", 5_400),
            ("24h", 86_400),
            ("7d", 604_800),
            ("1d12h", 129_600),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_refused() {
        let refused = [
            "",
            "1",
            "h",
            "1.5h",
            "-1h",
            "+1h",
            "1 h",
            "1h ",
            "30m1h",
            "1h1h",
            "0s",
            "0h0m",
            "PT1H",
            "1w",
            "1H",
            "१h",
            "99999999999999999999s",
            "999999999999999d",
        ];
        insta::assert_snapshot!(refused.map(|text| parse(text).unwrap_err().to_string()).join("\n"), @r"
        `` is not a duration
        `1` has no unit
        `h` is not a duration
        `1.5h` is not a duration
        `-1h` is not a duration
        `+1h` is not a duration
        `1 h` is not a duration
        `1h ` is not a duration
        `30m1h` does not go from the larger unit to the smaller, each once
        `1h1h` does not go from the larger unit to the smaller, each once
        `0s` is no time at all
        `0h0m` is no time at all
        `PT1H` is not a duration
        `1w` is not a duration
        `1H` is not a duration
        `१h` is not a duration
        `99999999999999999999s` is too long
        `999999999999999d` is too long
        ");
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_read_again(seconds in 1..u64::from(u32::MAX)) {
            let ttl = Duration::from_secs(seconds);
            prop_assert_eq!(parse(&Show(ttl).to_string()), Ok(ttl));
        }
    }
}
