//! What an identity may do on a resource, as Azure's permissions API says it
//! (<https://learn.microsoft.com/rest/api/authorization/permissions/list-for-resource>).

use serde_json::Value;

/// The permissions of one identity on one resource: what any of them allows is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions(Vec<Permission>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Permission {
    actions: Vec<String>,
    not_actions: Vec<String>,
}

impl Permissions {
    /// Reads the `value` of the answer.
    pub fn read(values: &[Value]) -> Self {
        let texts = |value: &Value, name: &str| {
            let list = value
                .get(name)
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let permission = |value: &Value| Permission {
            actions: texts(value, "actions"),
            not_actions: texts(value, "notActions"),
        };
        Self(values.iter().map(permission).collect())
    }

    /// Whether the action is allowed. What a permission excludes, another may allow.
    pub fn allow(&self, action: &str) -> bool {
        let fits = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, action));
        self.0
            .iter()
            .any(|it| fits(&it.actions) && !fits(&it.not_actions))
    }
}

/// Whether a pattern with `*` covers an action; case does not count.
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = action.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const WRITE: &str = "Microsoft.ContainerRegistry/registries/write";

    #[test]
    fn patterns_cover_what_azure_says_they_cover() {
        for (pattern, covers) in [
            ("*", true),
            ("*/write", true),
            ("Microsoft.ContainerRegistry/*", true),
            ("microsoft.containerregistry/registries/WRITE", true),
            ("Microsoft.ContainerRegistry/*/write", true),
            ("*/read", false),
            ("Microsoft.ContainerRegistry/registries", false),
            ("Microsoft.Network/*", false),
            ("Microsoft.ContainerRegistry/registries/write/more", false),
            ("", false),
        ] {
            assert_eq!(matches(pattern, WRITE), covers, "{pattern}");
        }
    }

    #[test]
    fn action_excluded_by_one_role_may_be_allowed_by_another() {
        let reader = json!({ "actions": ["*"], "notActions": ["*/write"] });
        let writer = json!({ "actions": [WRITE] });
        assert!(!Permissions::read(std::slice::from_ref(&reader)).allow(WRITE));
        assert!(Permissions::read(&[reader, writer]).allow(WRITE));
        assert!(!Permissions::read(&[]).allow(WRITE));
    }
}
