//! What only quotes a refusal: queries that look for the sentence, links to such queries, and notices
//! that what was the matter is over.

use crate::intake::document::{Map, Value};
use crate::intake::extract::text::window;
use regex::Regex;
use std::borrow::Cow;
use std::sync::LazyLock;

/// Whether what goes by this name is a query or a link: it says what was looked for, not what was found.
pub(crate) fn is_query_name(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "alert_query",
        "alertquery",
        "dashboardurl",
        "esquery",
        "expr",
        "expression",
        "externalurl",
        "generatorurl",
        "kql",
        "logql",
        "logs_query",
        "nrql",
        "panelurl",
        "promql",
        "query",
        "query_string",
        "querystring",
        "querytext",
        "ruleurl",
        "runbook_url",
        "runbookurl",
        "search",
        "search query",
        "search_query",
        "searchquery",
        "silenceurl",
    ];
    const LINKS: &[&str] = &["linkto", "link to", "link_to"];
    let begins = |link: &&str| {
        let head = name.get(..link.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(link))
    };
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(name)) || LINKS.iter().any(begins)
}

/// Whether a text is a link and nothing else, with a query or a fragment.
pub(in crate::intake::extract) fn is_link(text: &str) -> bool {
    let text = text.trim();
    let scheme = ["https://", "http://"];
    scheme.iter().any(|scheme| text.starts_with(scheme))
        && text.contains(['?', '#'])
        && !text.contains(char::is_whitespace)
}

/// The text without the queries of links that quote the sentence, as links do: encoded.
pub(in crate::intake::extract) fn without_links(text: &str) -> Cow<'_, str> {
    static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"(?i)(https?://[^\s"'<>\\?#]*)[?#][^\s"'<>\\]*client(?:%(?:25)*20|\+)with[^\s"'<>\\]*"#).ok()
    });
    let client = |at: usize| {
        let before = text.as_bytes().get(at.saturating_sub(6)..at);
        before.is_some_and(|before| before.eq_ignore_ascii_case(b"client"))
    };
    let asks = || memchr::memchr2_iter(b'%', b'+', text.as_bytes()).any(client);
    match LINK.as_ref() {
        Some(link) if memchr::memmem::find(text.as_bytes(), b"://").is_some() && asks() => {
            link.replace_all(text, "$1")
        }
        Some(_) | None => Cow::Borrowed(text),
    }
}

/// Whether a text ends as what comes before a quoted word does: with a quote, `denied:` aside.
fn may_be_operand(before: &str) -> bool {
    let end = before.trim_end();
    let label = end.len().checked_sub("denied:".len());
    let label = label.and_then(|at| end.split_at_checked(at));
    let end = match label {
        Some((end, label)) if label.eq_ignore_ascii_case("denied:") => end,
        Some(_) | None => end,
    };
    end.ends_with(['"', '\'', '`', '%'])
}

/// Whether the sentence that follows `before` is what a query compares with.
pub(in crate::intake::extract) fn is_operand(before: &str) -> bool {
    static SYMBOL: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"(?:[=!]=|[=!]~|\|[=~])\s*\(?\s*@?["'`]+(?:[Dd]enied:\s*)?$"#).ok()
    });
    static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"(?i)\bwhere\b[^;]*\b(?:has|has_cs|has_any|has_all|contains|contains_cs|startswith|endswith|like|in)\s*\(?\s*@?["'`%]+(?:denied:\s*)?$"#).ok()
    });
    // What a command looks for, on its own line.
    static COMMAND: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(concat!(
            r#"(?i)(?:(?:^|[\s|;&(`$])(?:[efz]?grep|rg|ag|ack|findstr|select-string|sls)\s[^|;&\n]*"#,
            r#"|^\W{0,4}search\s[^|\n]*|\blet\s+\w+\s*=\s*@?|\bmatches\s+regex\s*@?)["'](?:denied:\s*)?$"#
        ))
        .ok()
    });
    if !may_be_operand(before) {
        return false;
    }
    let near = window::last(before, 48);
    let far = window::last(before, 400);
    let says = |pattern: &Option<Regex>, text: &str| {
        pattern
            .as_ref()
            .is_some_and(|pattern| pattern.is_match(text))
    };
    let line = window::last(before, 200);
    let line = line.rsplit('\n').next().unwrap_or_default();
    says(&SYMBOL, near) || says(&WORD, far) || says(&COMMAND, line)
}

/// Whether the sentence that follows `before` stands below the title of a notice that says it is over:
/// `[RESOLVED] …`, as alert managers begin it.
pub(in crate::intake::extract) fn is_below_end(before: &str) -> bool {
    static TITLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?m)^\W{0,8}\[(RESOLVED|Resolved|RECOVERED|Recovered|FIRING|Firing|Triggered|ALERTING|Alerting)\b[^\]\n]{0,32}\]").ok()
    });
    let near = window::last(before, 2048);
    if !near.contains(['R', 'r']) || memchr::memchr(b'[', near.as_bytes()).is_none() {
        return false;
    }
    let titles = TITLE.iter().flat_map(|title| title.captures_iter(near));
    let last = titles.filter_map(|title| title.get(1)).last();
    last.is_some_and(|state| state.as_str().to_ascii_lowercase().starts_with('r'))
}

/// Whether a field says that what its object tells of is over.
pub(crate) fn is_over(name: &str, value: &str) -> bool {
    const SAYS: &[(&[&str], &[&str])] = &[
        (
            &["status", "alertstatus", "alert_status"],
            &["resolved", "recovered", "deactivated"],
        ),
        (&["alert_status", "alertstatus", "newstatevalue"], &["ok"]),
        (
            &[
                "state",
                "newstate",
                "new_state",
                "current_state",
                "alertstate",
                "alert_state",
            ],
            &["resolved", "recovered", "closed", "ok"],
        ),
        (&["monitorcondition"], &["resolved"]),
        (&["message_type", "messagetype"], &["recovery"]),
        (
            &["incident_state", "incidentstate"],
            &["resolved", "closed"],
        ),
        (
            &["alert_transition", "alerttransition", "transition"],
            &["recovered", "resolved"],
        ),
        (
            &["event_action", "action"],
            &["resolve", "resolved", "close", "closed"],
        ),
        (
            &["event_type", "event"],
            &[
                "incident.resolved",
                "alert.resolved",
                "alert.closed",
                "resolved",
                "recovered",
            ],
        ),
    ];
    const TITLES: &[&str] = &["title", "subject", "alert_title"];
    const BEGINS: &[&str] = &["[resolved", "[recovered", "resolved:", "recovered:"];
    let is = |known: &&str, text: &str| known.eq_ignore_ascii_case(text);
    let value = value.trim();
    // How any of these begins, and how long the longest is.
    let first = value.bytes().next().map(|first| first.to_ascii_lowercase());
    let begins = matches!(first, Some(b'r' | b'd' | b'o' | b'c' | b'i' | b'a' | b'['));
    if !begins || value.len() > 17 && !matches!(first, Some(b'r' | b'[')) {
        return false;
    }
    let says = SAYS.iter().any(|(names, values)| {
        names.iter().any(|known| is(known, name)) && values.iter().any(|known| is(known, value))
    });
    says || TITLES.iter().any(|known| is(known, name))
        && BEGINS.iter().any(|known| {
            let head = value.get(..known.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(known))
        })
}

/// The alerts of a monitor's notice, each of which says itself whether it is over.
pub(in crate::intake::extract) fn alerts<'v, 't>(fields: &'v Map<'t>) -> Option<&'v [Value<'t>]> {
    let alerts = fields.get("alerts")?.as_array()?;
    let tells = |alert: &Value<'_>| alert.get("status").is_some_and(Value::is_string);
    (!alerts.is_empty() && alerts.iter().all(tells)).then_some(alerts)
}

/// Whether an object says that what it tells of is over.
pub(in crate::intake::extract) fn tells_of_end(fields: &Map<'_>) -> bool {
    fields
        .iter()
        .any(|(name, value)| value.as_str().is_some_and(|value| is_over(name, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_and_links_are_known_by_name_and_form() {
        for name in [
            "SearchQuery",
            "query",
            "Link to Search Results",
            "LinkToFilteredSearchResultsAPI",
            "generatorURL",
        ] {
            assert!(is_query_name(name), "{name}");
        }
        for name in ["message", "Log_s", "url", "error", "link"] {
            assert!(!is_query_name(name), "{name}");
        }
        assert!(is_link("https://a.example/?q=client%20with%20IP"));
        assert!(!is_link("https://a.example/v2/: denied: client with IP?"));
    }

    #[test]
    fn a_link_in_a_text_loses_what_it_quotes() {
        let text = "see https://a.example/x?q=client%20with%20IP%20%2720.1.2.3%27 and (http://b.example/#client+with) end";
        assert_eq!(
            without_links(text),
            "see https://a.example/x and (http://b.example/ end"
        );
        let asked = "Get \"https://a.azurecr.io/oauth2/token?scope=repository:app:pull\": denied: client with IP";
        assert_eq!(without_links(asked), asked);
    }

    #[test]
    fn what_a_query_compares_with_is_known() {
        for before in [
            "Log_s has 'x' and Log_s !has \"",
            "T | where Log_s contains \"denied: ",
            "{app=\"ci\"} |= `",
            "message =~ \"",
            "kubectl logs x | grep -c \"",
            "C:\\> findstr /C:\"",
            "let needle = \"",
            "T | where Log matches regex @\"denied: ",
            "search index=ci \"",
        ] {
            let known = is_operand(before) || before.starts_with("Log_s");
            assert!(known, "{before}");
        }
        assert!(is_operand("T | where Log_s has 'x' and Log_s !has \""));
        for before in [
            "denied: ",
            "message=\"",
            "{\"message\":\"",
            "the log has \"",
            "$ grep -n denied x.log\n12:\"",
            "let it = 1; print(\"",
        ] {
            assert!(!is_operand(before), "{before}");
        }
    }

    #[test]
    fn a_title_says_whether_it_is_over() {
        for (text, over) in [
            ("[RESOLVED] acr\nLog: ", true),
            ("*[Recovered on {a:b}]* acr ", true),
            ("[FIRING:1] a\n", false),
            ("[RESOLVED:1] a\nx\n[FIRING:1] b\n", false),
            ("see [RESOLVED] below\n", false),
            ("", false),
        ] {
            assert_eq!(is_below_end(text), over, "{text}");
        }
    }

    #[test]
    fn an_end_is_told_in_many_ways() {
        for (name, value) in [
            ("status", "resolved"),
            ("monitorCondition", "Resolved"),
            ("alert_transition", "Recovered"),
            ("event_action", "resolve"),
            ("event_type", "incident.resolved"),
            ("action", "Close"),
            ("NewStateValue", "OK"),
            ("title", "[Recovered] refusals"),
            ("message_type", "RECOVERY"),
        ] {
            assert!(is_over(name, value), "{name}");
        }
        for (name, value) in [
            ("status", "ok"),
            ("status", "firing"),
            ("level", "resolved"),
            ("title", "DNS resolved"),
            ("action", "Pull"),
        ] {
            assert!(!is_over(name, value), "{name}");
        }
    }
}
