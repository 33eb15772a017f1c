//! What Azure's refusal says of how many entries a list may have. No page says how it is worded; one form was
//! reported: `The requested feature IP rule exceeds allowed quota 100 for the SKU Premium.`

/// What a refusal says of the places of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Places {
    /// It has so many.
    So(u32),
    /// It has too few; how many, it does not say.
    TooFew,
}

/// Words before which, and after which, the number stands.
const BOUNDS: [&str; 7] = [
    "quota",
    "limit",
    "maximum",
    "max ",
    "at most",
    "more than",
    "up to",
];

/// What the refusal is about.
const RULES: [&str; 4] = ["ip rule", "iprule", "network rule", "firewall rule"];

/// How far behind such a word the number stands at most.
const NEAR: usize = 40;

impl Places {
    /// Reads Azure's words; none if they are about something else.
    pub fn told(message: &str) -> Option<Self> {
        let message = message.to_ascii_lowercase();
        let any = |words: &[&str]| words.iter().any(|word| message.contains(word));
        if !any(&RULES) || !any(&BOUNDS) {
            return None;
        }
        let numbers = BOUNDS.iter().filter_map(|word| {
            let (_, rest) = message.split_once(word)?;
            number(rest)
        });
        Some(numbers.min().map_or(Self::TooFew, Self::So))
    }

    /// How many entries to reckon with, where a list of `before` was to become one of `after`; none if that
    /// would change nothing.
    pub fn limit(self, before: usize, after: usize) -> Option<u32> {
        let limit = match self {
            Self::So(limit) => usize::try_from(limit).ok()?,
            // Half of what was to come, and then half of that.
            Self::TooFew => before.saturating_add(after.saturating_sub(before) / 2),
        };
        u32::try_from(limit).ok().filter(|_| limit < after)
    }
}

/// The first number near, unless it is part of an address or a version.
fn number(text: &str) -> Option<u32> {
    let near: String = text.chars().take(NEAR).collect();
    let mut words =
        near.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '-')));
    let number = words.find_map(|word| word.trim_matches(['.', '-']).parse().ok());
    number.filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_number_is_read_from_words_of_many_forms() {
        for (message, told) in [
            (
                "The requested feature IP rule exceeds allowed quota 100 for the SKU Premium.",
                Some(Places::So(100)),
            ),
            (
                "IP rules: quota of 200 exceeded, 203 requested",
                Some(Places::So(200)),
            ),
            (
                "Found 103 IP rules, more than the maximum of 100.",
                Some(Places::So(100)),
            ),
            (
                "Number of network rules (101) exceeds the limit: 100",
                Some(Places::So(100)),
            ),
            ("At most 5 IPRules are allowed", Some(Places::So(5))),
            ("the IP rule quota is exceeded", Some(Places::TooFew)),
            ("IP rule limit exceeded by 20.1.2.3", Some(Places::TooFew)),
            ("IP rule is not valid - 'x' is not an IPv4 address.", None),
            ("The quota of 3 webhooks is exceeded", None),
        ] {
            assert_eq!(Places::told(message), told, "{message}");
        }
    }

    #[test]
    fn a_limit_is_only_learnt_where_it_is_less_than_what_was_sent() {
        assert_eq!(Places::So(100).limit(95, 105), Some(100));
        assert_eq!(Places::So(200).limit(95, 105), None);
        assert_eq!(Places::TooFew.limit(95, 105), Some(100));
        assert_eq!(Places::TooFew.limit(95, 96), Some(95));
        assert_eq!(Places::TooFew.limit(95, 95), None);
    }

    proptest! {
        #[test]
        fn any_words_are_borne(message in ".{0,200}", before in 0..300_usize, after in 0..300_usize) {
            let limit = Places::told(&message).and_then(|told| told.limit(before, after));
            prop_assert!(limit.is_none_or(|limit| (limit as usize) < after));
        }
    }
}
