//! One table of hostile texts, as whoever is refused could write them, against every renderer.

use super::samples::{LINK, asked, message};
use super::template::Template;
use super::{email, escape, pagerduty, slack, teams, webhook};
use crate::messages::invisible::is_hidden;
use crate::messages::message::{LOCK_SCREEN, Message};
use serde_json::Value;

/// What each tries is in the name.
const HOSTILE: [(&str, &str); 24] = [
    ("Slack mention of all", "<!channel> <!here> <@U0123>"),
    (
        "Slack link",
        "<https://evil.example|contosoprod.azurecr.io>",
    ),
    ("Slack markup", "*bold* _it_ ~no~ ```code```"),
    ("Slack entity", "&lt;!channel&gt;"),
    ("Markdown link", "[Review](https://evil.example)"),
    ("Markdown image", "![x](https://evil.example/pixel.png)"),
    (
        "Markdown heading and list",
        "# big\n- item\n1. item\n> quote",
    ),
    ("Markdown table and spoiler", "||secret|| | a | b |"),
    (
        "chat mention",
        "@channel @here @everyone <@123> <users/all>",
    ),
    ("backtick that ends code", "a` [x](https://evil.example) `b"),
    ("HTML script", "<script>alert(1)</script>"),
    ("HTML attribute", "\" onmouseover=\"alert(1)"),
    ("HTML image", "<img src=x onerror=alert(1)>"),
    ("mail header", "x\r\nBcc: victim@example.com\r\n\r\nbody"),
    ("mail encoded word", "=?utf-8?B?QmNjOiBhQGI=?="),
    ("JSON end of string", "\",\"channel\":\"C666\",\"x\":\""),
    ("JSON escape", "\\\",\\u0022, \"text\": \"x"),
    ("template", "{{ params }} {% for x in y %} {# c #}"),
    ("card macro", "{{DATE(2026-01-01T00:00:00Z,SHORT)}}"),
    ("terminal escape", "\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}31m"),
    ("bidirectional text", "\u{202e}oc.live\u{2066}x\u{2069}"),
    ("zero width", "con\u{200b}toso\u{feff}\u{e0041}"),
    ("line breaks", "a\nb\rc\u{2028}d\u{85}e\0f"),
    (
        "plain link",
        "https://evil.example/phish javascript:alert(1)",
    ),
];

/// Every string of a JSON value, with the path to it.
fn strings(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        Value::Array(items) => {
            for item in items {
                strings(item, path, found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                strings(field, &format!("{path}/{name}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The JSON has the same fields as that of a harmless message, every string is visible, and the only
/// links are ours.
fn same_shape(what: &str, hostile: &Value, harmless: &Value) {
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    strings(hostile, "", &mut found);
    strings(harmless, "", &mut expected);
    let paths = |all: &[(String, String)]| {
        let mut paths: Vec<String> = all.iter().map(|(path, _)| path.clone()).collect();
        paths.dedup();
        paths
    };
    assert_eq!(paths(&found), paths(&expected), "{what}");
    for (path, text) in &found {
        let hidden = |letter: char| is_hidden(letter) && letter != '\n';
        assert!(!text.chars().any(hidden), "{what}: {path}: {text:?}");
        let links = text.matches("://").count();
        let ours = text.matches(LINK).count()
            + text.matches("https://learn.microsoft.com/azure").count()
            + text.matches("http://adaptivecards.io/").count();
        assert_eq!(links, ours, "{what}: {path}: {text}");
    }
}

#[test]
fn hostile_texts_act_in_no_json_channel() {
    let templates = Template::names().map(|name| {
        let params = [("topic".to_owned(), "t".to_owned())].into();
        (name, Template::shipped(name, params).unwrap())
    });
    let templates: Vec<_> = templates.collect();
    let harmless = message(&asked("prod/api:v1"));
    for (what, text) in HOSTILE {
        let hostile = message(&asked(text));
        let check = |form: &str, render: &dyn Fn(&Message) -> Value| {
            same_shape(
                &format!("{what} in {form}"),
                &render(&hostile),
                &render(&harmless),
            );
        };
        check("slack", &|it| slack::post(it, "C1"));
        check("teams", &teams::workflow);
        check("pagerduty", &|it| pagerduty::event(it, "key"));
        for (name, template) in &templates {
            check(name, &|it| {
                serde_json::from_slice(&template.render(it).unwrap()).unwrap()
            });
        }
        let body: Value = serde_json::from_slice(&webhook::body(&hostile)).unwrap();
        assert_eq!(body["link"], LINK, "{what}");
        let mut found = Vec::new();
        strings(&body, "", &mut found);
        for (path, text) in found {
            assert!(!text.chars().any(is_hidden), "{what}: {path}: {text:?}");
        }
        assert!(hostile.headline.chars().count() <= LOCK_SCREEN);
        assert!(
            hostile
                .headline
                .starts_with("20.1.2.3 refused by contosoprod"),
            "{what}"
        );
    }
}

#[test]
fn hostile_texts_act_in_no_markup() {
    for (what, text) in HOSTILE {
        let hostile = message(&asked(text));
        let post = slack::post(&hostile, "C1");
        let fallback = post["text"].as_str().unwrap();
        assert!(!fallback.contains(['<', '>']), "{what}: {fallback}");
        let card = teams::workflow(&hostile).to_string();
        assert!(!card.contains("{{"), "{what}: {card}");
        assert!(
            !card.contains("\"TextBlock\""),
            "{what}: TextBlock reads Markdown"
        );

        let chat = |name: &str| -> String {
            let template = Template::shipped(name, [].into()).unwrap();
            let body: Value = serde_json::from_slice(&template.render(&hostile).unwrap()).unwrap();
            body["text"].as_str().unwrap().to_owned()
        };
        let mattermost = chat("mattermost");
        assert!(!mattermost.contains('@'), "{what}: {mattermost}");
        // The only link outside of code is ours.
        let words: String = mattermost.split('`').step_by(2).collect();
        let words = words
            .replace("\\[", "")
            .replace("\\]", "")
            .replace("\\!", "");
        assert_eq!(words.matches('[').count(), 1, "{what}: {words}");
        let google = chat("google_chat");
        assert!(!google.contains(['<', '>']), "{what}: {google}");
    }
}

#[test]
fn hostile_texts_act_in_no_mail() {
    for (what, text) in HOSTILE {
        let mut alert = asked(text);
        // Where a denial names no registry, the host is in the subject.
        alert.registry = None;
        let mail = email::mail(&message(&alert), "contoso.com");
        for header in [&mail.subject, &mail.message_id, &mail.list_id] {
            assert!(!header.chars().any(is_hidden), "{what}: {header:?}");
        }
        assert!(!mail.subject.contains("://"), "{what}: {}", mail.subject);
        let tags = mail.html.matches('<').count();
        let harmless = email::mail(&message(&asked("prod/api:v1")), "contoso.com");
        assert_eq!(
            tags,
            harmless.html.matches('<').count(),
            "{what}: {}",
            mail.html
        );
        assert_eq!(
            mail.html.matches('"').count(),
            harmless.html.matches('"').count(),
            "{what}: {}",
            mail.html
        );
    }
}

#[test]
fn hostile_texts_act_on_no_terminal() {
    for (what, text) in HOSTILE {
        let hostile = message(&asked(text));
        let line = escape::terminal(&webhook::whole_text(&hostile));
        assert!(!line.chars().any(is_hidden), "{what}: {line:?}");
    }
}
