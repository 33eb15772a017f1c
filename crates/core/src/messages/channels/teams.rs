//! Microsoft Teams: an Adaptive Card for a Workflows webhook. Texts are runs of rich text, in which
//! Markdown has no meaning.

use super::escape;
use crate::messages::message::{Message, Severity};
use crate::messages::prose::{Span, bare, cut, spans};
use serde_json::{Value, json};

/// The largest body, in bytes: Teams takes about 28 KB, some ways there less.
pub const MOST: usize = 20_000;
/// The longest piece of text, in characters.
const TEXT: usize = 1_500;
/// What stands where something was cut.
const MORE: &str = "More on the page.";

/// The body for a Workflows webhook: without the envelope the flow fails after it has answered 202.
pub fn workflow(message: &Message) -> Value {
    for (facts, help) in [(20, 20), (20, 3), (8, 0), (3, 0)] {
        let cut = facts < message.facts.len() || help < message.help.len();
        let body = envelope(&card(message, (facts, help), cut));
        if body.to_string().len() <= MOST {
            return body;
        }
    }
    envelope(&card(message, (0, 0), true))
}

fn envelope(card: &Value) -> Value {
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card,
        }],
    })
}

fn card(message: &Message, (facts, help): (usize, usize), cut: bool) -> Value {
    let color = match message.severity {
        Severity::Critical => "attention",
        Severity::Warning => "warning",
        Severity::Info => "default",
    };
    let mut body = vec![rich(&[run(
        &bare(&message.headline),
        &json!({ "weight": "bolder", "size": "medium", "color": color }),
    )])];
    for fact in message.facts.iter().take(facts) {
        let name = run(&format!("{}: ", fact.name), &json!({ "weight": "bolder" }));
        let runs: Vec<Value> = std::iter::once(name).chain(prose(&fact.value)).collect();
        body.push(rich(&runs));
    }
    body.push(rich(&prose(&message.action)));
    for help in message.help.iter().take(help) {
        body.push(rich(&prose(&help.text)));
    }
    if cut {
        body.push(rich(&[run(MORE, &json!({ "isSubtle": true }))]));
    }
    let review = message.link.iter().map(|link| open("Review", link));
    let links = message.help.iter().take(help);
    let links = links.filter_map(|help| help.link.as_ref());
    // A card shows six actions at most.
    let actions: Vec<Value> = review
        .chain(links.map(|link| open("Learn more", link)))
        .take(3)
        .collect();
    json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": escape::card(&bare(&message.headline)),
        "body": body,
        "actions": actions,
        "msteams": { "width": "Full" },
    })
}

fn open(title: &str, url: &str) -> Value {
    json!({ "type": "Action.OpenUrl", "title": title, "url": url })
}

fn rich(runs: &[Value]) -> Value {
    json!({ "type": "RichTextBlock", "inlines": runs })
}

fn prose(words: &str) -> Vec<Value> {
    let short = cut(words, TEXT);
    let spans = spans(&short).into_iter();
    let runs = spans.map(|span| match span {
        Span::Text(words) => run(words, &json!({})),
        Span::Code(code) => run(code, &json!({ "fontType": "monospace" })),
    });
    runs.collect()
}

fn run(text: &str, style: &Value) -> Value {
    let mut run = json!({ "type": "TextRun", "text": escape::card(text) });
    if let (Value::Object(run), Value::Object(style)) = (&mut run, style) {
        run.extend(style.clone());
    }
    run
}

#[cfg(test)]
mod tests {
    use super::super::samples::{LINK, asked, message};
    use super::*;
    use crate::ledger::details::Effectiveness;

    #[test]
    fn card_is_in_the_envelope_and_only_opens_urls() {
        let body = workflow(&message(&asked("prod/api:v1")));
        assert_eq!(body["type"], "message");
        let attachment = &body["attachments"][0];
        assert_eq!(
            attachment["contentType"],
            "application/vnd.microsoft.card.adaptive"
        );
        let card = &attachment["content"];
        assert_eq!(card["version"], "1.4");
        assert_eq!(card["actions"][0]["url"], LINK);
        for action in card["actions"].as_array().unwrap() {
            assert_eq!(action["type"], "Action.OpenUrl");
        }
        assert!(!body.to_string().contains(MORE));
    }

    #[test]
    fn large_message_is_cut_and_says_so() {
        let mut message = message(&asked("prod/api:v1"));
        message.help = vec![
            Effectiveness {
                text: "\u{1f6aa}".repeat(1_400),
                link: None,
            };
            20
        ];
        let body = workflow(&message);
        assert!(body.to_string().len() <= MOST);
        assert!(body.to_string().contains(MORE));
        assert_eq!(body["attachments"][0]["content"]["actions"][0]["url"], LINK);
    }
}
