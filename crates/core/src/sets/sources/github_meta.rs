//! The addresses that GitHub publishes at `https://api.github.com/meta`: lists of networks by what they
//! are for (<https://docs.github.com/rest/meta/meta>). Those of `actions` serve every tenant.

use crate::sets::{CidrError, parse_cidr};
use crate::yaml::problem::did_you_mean;
use ipnet::IpNet;
use serde_json::{Map, Value};

/// Where GitHub publishes it.
pub const USUAL_URL: &str = "https://api.github.com/meta";

/// A document or list that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GithubMetaError {
    /// Not a JSON object.
    #[error("this is not the answer of https://api.github.com/meta: {0}")]
    Syntax(#[from] serde_json::Error),
    /// There is no list of this name.
    #[error("there is no list `{key}` in this file: {hint}")]
    NoList {
        /// The name asked for.
        key: String,
        /// What may be meant.
        hint: String,
    },
    /// A network that is none.
    #[error("list `{key}`: {error}")]
    Prefix {
        /// The list.
        key: String,
        /// What is wrong.
        error: CidrError,
    },
}

/// The networks of one list.
pub fn parse(text: &str, key: &str) -> Result<Vec<IpNet>, GithubMetaError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lists: Map<String, Value> = serde_json::from_str(text)?;
    let Some(Value::Array(list)) = lists.get(key) else {
        let names = lists
            .iter()
            .filter(|(_, value)| value.is_array())
            .map(|(name, _)| name.as_str());
        return Err(GithubMetaError::NoList {
            key: key.to_owned(),
            hint: did_you_mean(key, names)
                .unwrap_or_else(|| "write `actions` for the hosted runners".to_owned()),
        });
    };
    let networks = list.iter().map(|prefix| {
        let text = prefix.as_str().unwrap_or_default();
        parse_cidr(text).map_err(|error| GithubMetaError::Prefix {
            key: key.to_owned(),
            error,
        })
    });
    networks.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_by_name() {
        let text = r#"{"verifiable_password_authentication":false,"actions":["20.1.2.0/24","2603:1030::/48"],"hooks":["x"]}"#;
        assert_eq!(parse(text, "actions").unwrap().len(), 2);
        insta::assert_snapshot!(parse(text, "action").unwrap_err(), @"there is no list `action` in this file: did you mean `actions`?");
        insta::assert_snapshot!(parse(text, "hooks").unwrap_err(), @"list `hooks`: `x` is neither an address nor a CIDR such as 20.1.2.0/24");
    }
}
