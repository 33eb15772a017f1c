//! `PagerDuty`: events of version 2. A matter's end resolves what its beginning has triggered.

use crate::messages::message::{Message, Phase, Severity};
use crate::messages::prose::{bare, cut};
use serde_json::{Map, Value, json};

/// Where events go unless the channel says otherwise.
pub const PUBLIC: &str = "https://events.pagerduty.com/v2/enqueue";
/// The longest summary, in characters.
const SUMMARY: usize = 1_024;
/// The longest other text, in characters.
const TEXT: usize = 2_000;

/// The body for the Events API.
pub fn event(message: &Message, routing_key: &str) -> Value {
    let action = match message.phase {
        Phase::Opens | Phase::GoesOn => "trigger",
        Phase::Ends => "resolve",
    };
    let mut event = json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": cut(&message.matter.key(), 255),
    });
    let Value::Object(fields) = &mut event else {
        return event;
    };
    if message.phase == Phase::Ends {
        return event;
    }
    fields.insert("payload".to_owned(), payload(message));
    fields.insert("client".to_owned(), "doorward".into());
    let mut links = Vec::new();
    if let Some(link) = &message.link {
        fields.insert("client_url".to_owned(), link.as_str().into());
        links.push(json!({ "href": link, "text": "Review" }));
    }
    for help in message.help.iter().take(5) {
        if let Some(link) = &help.link {
            links.push(json!({ "href": link, "text": cut(&bare(&help.text), 200) }));
        }
    }
    fields.insert("links".to_owned(), links.into());
    event
}

fn payload(message: &Message) -> Value {
    let severity = match message.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    };
    let mut details = Map::new();
    for fact in &message.facts {
        details.insert(fact.name.to_owned(), cut(&bare(&fact.value), TEXT).into());
    }
    details.insert("What".to_owned(), cut(&bare(&message.action), TEXT).into());
    let help: Vec<String> = message
        .help
        .iter()
        .map(|it| cut(&bare(&it.text), TEXT))
        .collect();
    if !help.is_empty() {
        details.insert("What would help".to_owned(), help.join("\n").into());
    }
    json!({
        "summary": cut(&bare(&message.headline), SUMMARY),
        "source": message.registry.as_deref().unwrap_or("doorward"),
        "severity": severity,
        "timestamp": message.at.to_string(),
        "component": "Azure Container Registry firewall",
        "class": message.code,
        "custom_details": details,
    })
}

#[cfg(test)]
mod tests {
    use super::super::samples::{asked, message};
    use super::*;

    #[test]
    fn question_triggers_and_its_answer_resolves_under_the_same_key() {
        let asked = asked("prod/api:v1");
        let trigger = event(&message(&asked), "key");
        let mut answered = asked;
        answered.code = "answered".to_owned();
        let resolve = event(&message(&answered), "key");
        assert_eq!(trigger["event_action"], "trigger");
        assert_eq!(trigger["payload"]["severity"], "warning");
        assert_eq!(trigger["payload"]["source"], "contosoprod");
        assert_eq!(resolve["event_action"], "resolve");
        assert_eq!(trigger["dedup_key"], resolve["dedup_key"]);
        assert!(resolve.get("payload").is_none());
    }

    #[test]
    fn long_texts_stay_within_the_limits() {
        let event = event(&message(&asked(&"ä".repeat(20_000))), "key");
        assert!(event.to_string().len() < 512_000);
        assert!(
            event["payload"]["summary"]
                .as_str()
                .unwrap()
                .chars()
                .count()
                <= SUMMARY
        );
        assert!(event["dedup_key"].as_str().unwrap().len() <= 255);
    }
}
