//! Slack: blocks of `rich_text`, in which no sign has a meaning, and a `text` for notifications.

use super::escape;
use crate::auth::slack::{APPROVE, DENY, REVIEW};
use crate::messages::message::{Buttons, Message, Phase, Severity};
use crate::messages::prose::{Span, bare, cut, spans};
use crate::yaml::duration::Show;
use serde_json::{Value, json};

/// The longest header, in characters.
const HEADER: usize = 150;
/// The longest piece of text, in characters.
const TEXT: usize = 1_000;
/// How many lines are shown; Slack takes about 13,000 characters in all.
const LINES: usize = 12;
/// The longest link of a button.
const URL: usize = 3_000;

/// The body for an incoming webhook.
pub fn webhook(message: &Message) -> Value {
    // Nobody verifies a press there.
    body(message, None)
}

fn body(message: &Message, buttons: Option<&Buttons>) -> Value {
    json!({
        "text": escape::slack(&fallback(message)),
        "mrkdwn": false,
        "blocks": blocks(message, buttons),
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

/// The body for `chat.postMessage`.
pub fn post(message: &Message, channel: &str) -> Value {
    let mut body = body(message, message.buttons.as_ref());
    if let Value::Object(fields) = &mut body {
        fields.insert("channel".to_owned(), channel.into());
        fields.insert("parse".to_owned(), "none".into());
        fields.insert("link_names".to_owned(), false.into());
    }
    body
}

/// The body for a reply below the message that `ts` names, which the whole channel sees: an update alone
/// would wake nobody.
pub fn reply(message: &Message, channel: &str, ts: &str) -> Value {
    let mut body = post(message, channel);
    if let Value::Object(fields) = &mut body {
        fields.insert("thread_ts".to_owned(), ts.into());
        fields.insert("reply_broadcast".to_owned(), true.into());
    }
    body
}

/// The body for `chat.update` of the message that `ts` names.
pub fn update(message: &Message, channel: &str, ts: &str) -> Value {
    json!({
        "channel": channel,
        "ts": ts,
        "text": escape::slack(&fallback(message)),
        "parse": "none",
        "link_names": false,
        "blocks": blocks(message, message.buttons.as_ref()),
    })
}

/// The body for `chat.postEphemeral`: a line that `user` alone sees.
pub fn ephemeral(text: &str, channel: &str, user: &str) -> Value {
    json!({
        "channel": channel,
        "user": user,
        "text": escape::slack(&bare(&cut(text, TEXT))),
        "parse": "none",
        "link_names": false,
    })
}

/// What an answer of the Web API says: the message's channel and time, or the error's name.
///
/// # Errors
/// The name of the error, and what Slack says beside it.
pub fn posted(answer: &[u8]) -> Result<Option<(String, String)>, String> {
    let answer: Value = serde_json::from_slice(answer).map_err(|_| "no JSON".to_owned())?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    if answer.get("ok").and_then(Value::as_bool) == Some(true) {
        return Ok(text("channel").zip(text("ts")));
    }
    let mut said = text("error").unwrap_or_else(|| "an unknown error".to_owned());
    let more = answer.pointer("/response_metadata/messages");
    for more in more.and_then(Value::as_array).into_iter().flatten() {
        if let Some(more) = more.as_str() {
            said.push(' ');
            said.push_str(more);
        }
    }
    Err(said)
}

fn fallback(message: &Message) -> String {
    let lines = message.lines();
    let all: Vec<&str> = std::iter::once(message.headline.as_str())
        .chain(lines.iter().map(String::as_str))
        .collect();
    cut(&bare(&all.join("\n")), TEXT.saturating_mul(3))
}

fn blocks(message: &Message, buttons: Option<&Buttons>) -> Vec<Value> {
    let mark = match (message.phase, message.severity) {
        (Phase::Ends, _) => "✅",
        (_, Severity::Critical) => "🚨",
        (_, Severity::Warning) => "⚠️",
        (_, Severity::Info) => "ℹ️",
    };
    let headline = cut(&format!("{mark} {}", bare(&message.headline)), HEADER);
    let mut blocks = vec![
        json!({ "type": "header", "text": { "type": "plain_text", "text": headline, "emoji": false } }),
    ];
    let mut sections = Vec::new();
    for fact in message.facts.iter().take(LINES) {
        let mut elements = vec![text(&format!("{}: ", fact.name), Style::Bold)];
        elements.extend(prose(&fact.value));
        sections.push(section(elements));
    }
    sections.push(section(prose(&message.action)));
    for help in message.help.iter().take(LINES) {
        let mut elements = prose(&help.text);
        if let Some(link) = &help.link {
            elements.push(text(" ", Style::None));
            elements.push(json!({ "type": "link", "url": cut(link, URL), "text": "More" }));
        }
        sections.push(section(elements));
    }
    blocks.push(json!({ "type": "rich_text", "elements": sections }));
    let answers = buttons.filter(|_| message.phase != Phase::Ends);
    let mut actions: Vec<Value> = answers.map(answers_of).unwrap_or_default();
    if let Some(link) = message.link.as_ref().filter(|link| link.len() <= URL) {
        let only = actions.is_empty() && message.phase != Phase::Ends;
        let review = button("Review", REVIEW, only.then_some("primary"));
        actions.push(with(review, "url", link.as_str().into()));
    }
    if !actions.is_empty() {
        blocks.push(json!({ "type": "actions", "elements": actions }));
    }
    blocks
}

/// The two buttons that answer.
fn answers_of(buttons: &Buttons) -> Vec<Value> {
    let value = buttons.value.to_string();
    let approve = format!("Approve for {}", Show(buttons.lasts));
    let approve = button(&approve, APPROVE, Some("primary"));
    let deny = button("Deny", DENY, Some("danger"));
    let both = [approve, deny].map(|it| with(it, "value", value.as_str().into()));
    both.into()
}

fn button(text: &str, action: &str, style: Option<&str>) -> Value {
    let it = json!({
        "type": "button",
        "text": { "type": "plain_text", "text": text, "emoji": false },
        "action_id": action,
    });
    match style {
        Some(style) => with(it, "style", style.into()),
        None => it,
    }
}

fn with(mut it: Value, name: &str, value: Value) -> Value {
    if let Value::Object(fields) = &mut it {
        fields.insert(name.to_owned(), value);
    }
    it
}

#[derive(Clone, Copy)]
enum Style {
    None,
    Bold,
    Code,
}

/// Each line ends its own section, since sections follow each other without a break.
fn section(mut elements: Vec<Value>) -> Value {
    elements.push(text("\n", Style::None));
    json!({ "type": "rich_text_section", "elements": elements })
}

fn prose(words: &str) -> Vec<Value> {
    let short = cut(words, TEXT);
    let spans = spans(&short).into_iter();
    let elements = spans.map(|span| match span {
        Span::Text(words) => text(words, Style::None),
        Span::Code(code) => text(code, Style::Code),
    });
    elements.collect()
}

fn text(words: &str, style: Style) -> Value {
    match style {
        Style::None => json!({ "type": "text", "text": words }),
        Style::Bold => json!({ "type": "text", "text": words, "style": { "bold": true } }),
        Style::Code => json!({ "type": "text", "text": words, "style": { "code": true } }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{LINK, asked, message};
    use super::*;

    #[test]
    fn message_has_a_header_rich_text_and_one_button_that_opens_the_page() {
        let body = post(&message(&asked("prod/api:v1")), "C0123");
        let blocks = body["blocks"].as_array().unwrap();
        let kinds: Vec<&str> = blocks
            .iter()
            .map(|it| it["type"].as_str().unwrap())
            .collect();
        assert_eq!(kinds, ["header", "rich_text", "actions"]);
        assert_eq!(blocks[2]["elements"][0]["url"], LINK);
        assert_eq!(body["channel"], "C0123");
        assert_eq!(body["unfurl_links"], false);
        assert!(
            body["text"]
                .as_str()
                .unwrap()
                .starts_with("20.1.2.3 refused by contosoprod")
        );
        assert_eq!(update(&message(&asked("a")), "C1", "1.2")["ts"], "1.2");
        let reply = reply(&message(&asked("a")), "C1", "1.2");
        assert_eq!(reply["thread_ts"], "1.2");
        assert_eq!(reply["reply_broadcast"], true);
    }

    #[test]
    fn buttons_that_answer_are_there_until_the_matter_ends_and_never_on_a_webhook() {
        let mut message = message(&asked("prod/api:v1"));
        message.buttons = Some(Buttons {
            value: format!("{} ab.01", uuid::Uuid::nil()).parse().unwrap(),
            lasts: std::time::Duration::from_hours(1),
        });
        let of = |body: &Value| {
            let elements = body["blocks"][2]["elements"].as_array().unwrap().clone();
            let texts = elements.iter().map(|it| it["text"]["text"].clone());
            (elements.clone(), texts.collect::<Vec<_>>())
        };
        let (elements, texts) = of(&post(&message, "C1"));
        assert_eq!(texts, ["Approve for 1h", "Deny", "Review"]);
        assert_eq!(elements[0]["action_id"], APPROVE);
        assert_eq!(elements[0]["value"], format!("{} ab.01", uuid::Uuid::nil()));
        assert_eq!(of(&webhook(&message)).1, ["Review"]);
        message.phase = Phase::Ends;
        assert_eq!(of(&update(&message, "C1", "1.2")).1, ["Review"]);
    }

    #[test]
    fn long_texts_stay_within_the_limits() {
        let body = webhook(&message(&asked(&"a".repeat(20_000))));
        assert!(
            body.to_string().len() < 13_000,
            "{}",
            body.to_string().len()
        );
        let header = body["blocks"][0]["text"]["text"].as_str().unwrap();
        assert!(header.chars().count() <= HEADER);
    }

    #[test]
    fn answer_names_the_message_or_the_error() {
        let ok = br#"{"ok":true,"channel":"C1","ts":"1.2"}"#;
        assert_eq!(posted(ok), Ok(Some(("C1".to_owned(), "1.2".to_owned()))));
        let bad = br#"{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["[ERROR] no url"]}}"#;
        assert_eq!(posted(bad), Err("invalid_blocks [ERROR] no url".to_owned()));
        assert!(posted(b"<html>").is_err());
    }
}
