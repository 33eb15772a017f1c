//! Bodies from templates: JSON in which every value is written as JSON, so that no text from outside can
//! leave its string. Strict: an unknown name is an error, and so is a template that works too long.

use super::{escape, webhook};
use crate::messages::message::{Message, Phase, Severity};
use crate::messages::prose::{bare, cut};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value, context};
use std::collections::BTreeMap;

/// How many steps a template may take.
const FUEL: u64 = 50_000;
/// The largest template, in bytes.
const MOST_SOURCE: usize = 64 << 10;
/// The largest body, in bytes.
const MOST_BODY: usize = 256 << 10;

/// The templates that come with the program.
const SHIPPED: [(&str, &str); 6] = [
    ("mattermost", include_str!("templates/mattermost.j2")),
    ("discord", include_str!("templates/discord.j2")),
    ("google_chat", include_str!("templates/google_chat.j2")),
    ("jsm_ops", include_str!("templates/jsm_ops.j2")),
    ("servicenow", include_str!("templates/servicenow.j2")),
    ("ntfy", include_str!("templates/ntfy.j2")),
];

/// A checked template with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: String,
    params: BTreeMap<String, String>,
}

/// A template that cannot be used, or did not render.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// No such template comes with the program.
    #[error("there is no template `{0}`")]
    Unknown(String),
    /// It is too large.
    #[error("the template is longer than {MOST_SOURCE} bytes")]
    Large,
    /// It would switch off what keeps texts in their strings.
    #[error("a template cannot change how values are escaped: take `autoescape` and `safe` out")]
    Escapes,
    /// It does not parse, or fails on a message.
    #[error("line {line}: {why}")]
    Wrong {
        /// The line in the template; 0 where it is not known.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// What it makes is not JSON.
    #[error("what it makes is not JSON: {0}")]
    NotJson(String),
    /// What it makes is too large.
    #[error("what it makes is larger than {MOST_BODY} bytes")]
    Body,
}

impl Template {
    /// The names of the templates that come with the program.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }

    /// A template that comes with the program.
    pub fn shipped(name: &str, params: BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let found = SHIPPED.iter().find(|(known, _)| *known == name);
        let (_, source) = found.ok_or_else(|| TemplateError::Unknown(name.to_owned()))?;
        Self::checked((*source).to_owned(), params)
    }

    /// A template of one's own: rendered once here, so that a mistake shows before a message waits.
    pub fn checked(
        source: String,
        params: BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        if source.len() > MOST_SOURCE {
            return Err(TemplateError::Large);
        }
        if source.contains("autoescape") {
            return Err(TemplateError::Escapes);
        }
        let template = Self { source, params };
        for sample in Message::samples() {
            template.render(&sample)?;
        }
        Ok(template)
    }

    /// The body for a message.
    pub fn render(&self, message: &Message) -> Result<Vec<u8>, TemplateError> {
        let body = environment()
            .render_named_str("template.json", &self.source, self.context(message))
            .map_err(|error| wrong(&error))?;
        if body.len() > MOST_BODY {
            return Err(TemplateError::Body);
        }
        // Written anew: one value, and no blanks of the template.
        let value: serde_json::Value = serde_json::from_str(&body)
            .map_err(|error| TemplateError::NotJson(error.to_string()))?;
        serde_json::to_vec(&value).map_err(|error| TemplateError::NotJson(error.to_string()))
    }

    fn context(&self, message: &Message) -> Value {
        let facts = message.facts.iter();
        let facts: Vec<Value> = facts
            .map(|fact| context! { name => fact.name, value => fact.value.clone() })
            .collect();
        let help = message.help.iter();
        let help: Vec<Value> = help
            .map(|help| context! { text => help.text.clone(), link => help.link.clone() })
            .collect();
        context! {
            id => message.id.to_string(),
            code => message.code.clone(),
            severity => message.severity.name(),
            level => match message.severity {
                Severity::Info => 1,
                Severity::Warning => 2,
                Severity::Critical => 3,
            },
            headline => message.headline.clone(),
            text => webhook::whole_text(message),
            action => message.action.clone(),
            registry => message.registry.clone(),
            address => message.address.map(|address| address.to_string()),
            facts => facts,
            help => help,
            lines => message.lines(),
            link => message.link.clone(),
            at => message.at.to_string(),
            until => message.until.map(|until| until.to_string()),
            matter => message.matter.to_string(),
            matter_key => message.matter.digest(),
            ends => message.phase == Phase::Ends,
            count => message.count,
            params => self.params.clone(),
        }
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|_| AutoEscape::Json);
    environment.remove_filter("safe");
    environment.add_filter("markdown", |text: String| escape::markdown(&text));
    environment.add_filter("google_chat", |text: String| escape::google_chat(&text));
    environment.add_filter("html", |text: String| escape::html_prose(&text));
    environment.add_filter("plain", |text: String| bare(&text));
    environment.add_filter("cut", |text: String, most: usize| cut(&text, most));
    environment
}

fn wrong(error: &minijinja::Error) -> TemplateError {
    let kind = error.kind();
    if kind == ErrorKind::UnknownFilter && error.to_string().contains("safe") {
        return TemplateError::Escapes;
    }
    let why = if kind == ErrorKind::OutOfFuel {
        "it takes too many steps".to_owned()
    } else {
        let detail = error.detail();
        detail.map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}"))
    };
    TemplateError::Wrong {
        line: error.line().unwrap_or(0),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{LINK, asked, message};
    use super::*;

    fn params() -> BTreeMap<String, String> {
        [("topic".to_owned(), "doorward".to_owned())].into()
    }

    fn own(source: &str) -> Result<Template, TemplateError> {
        Template::checked(source.to_owned(), BTreeMap::new())
    }

    #[test]
    fn shipped_templates_render_what_their_receivers_document() {
        let message = message(&asked("prod/api:v1"));
        for name in Template::names() {
            let template = Template::shipped(name, params()).unwrap();
            let body = template.render(&message).unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let text = body.to_string();
            assert!(text.contains(LINK), "{name}: {text}");
            assert!(text.contains("20.1.2.3"), "{name}: {text}");
            let has = |field: &str| assert!(body.get(field).is_some(), "{name} lacks {field}");
            match name {
                "mattermost" | "google_chat" => has("text"),
                "discord" => {
                    has("embeds");
                    assert_eq!(body["allowed_mentions"]["parse"], serde_json::json!([]));
                }
                "jsm_ops" => {
                    has("alias");
                    assert!(body["message"].as_str().unwrap().chars().count() <= 130);
                    assert_eq!(body["priority"], "P3");
                }
                "servicenow" => {
                    assert!(body["short_description"].as_str().unwrap().chars().count() <= 160);
                    assert!(body["correlation_id"].as_str().unwrap().len() <= 100);
                }
                "ntfy" => {
                    assert_eq!(body["topic"], "doorward");
                    assert_eq!(body["click"], LINK);
                }
                other => panic!("{other} is not checked"),
            }
        }
    }

    #[test]
    fn mistakes_in_a_template_show_when_it_is_read() {
        let missing = Template::shipped("ntfy", BTreeMap::new()).unwrap_err();
        assert!(matches!(missing, TemplateError::Wrong { .. }), "{missing}");
        for (source, said) in [
            ("{\"text\": {{ txet }} }", "undefined"),
            ("{\"text\": {{ text }", "line 1"),
            ("{\"text\": \"{{ text }}\" }", "not JSON"),
            ("{\"text\": {{ text|safe }} }", "escaped"),
            (
                "{% autoescape false %}{\"text\": {{ text }} }{% endautoescape %}",
                "escaped",
            ),
            (
                "{\"a\": [{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}1]}",
                "too many steps",
            ),
            ("{% include 'secrets' %}", "line 1"),
        ] {
            let error = own(source).unwrap_err().to_string();
            assert!(error.contains(said), "{source}: {error}");
        }
        assert!(own("{\"text\": {{ text }} }").is_ok());
        assert_eq!(own(&" ".repeat(70_000)), Err(TemplateError::Large));
    }
}
