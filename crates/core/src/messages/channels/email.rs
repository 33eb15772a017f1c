//! Mail: a text part, an HTML part, and headers that keep a matter's messages in one thread.

use super::escape::{header, html, html_prose};
use crate::messages::message::Message;
use crate::messages::prose::bare;
use std::fmt::Write;

/// A mail without its sender and receivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Its subject, one line.
    pub subject: String,
    /// The part without markup.
    pub text: String,
    /// The part with markup.
    pub html: String,
    /// `Message-ID`, with its angle brackets.
    pub message_id: String,
    /// `References` and `In-Reply-To`: what all messages of the matter name.
    pub references: Option<String>,
    /// `List-Id`, by which mail programs sort.
    pub list_id: String,
}

/// The mail for a message, from a sender at `domain`.
pub fn mail(message: &Message, domain: &str) -> Mail {
    let root = format!("<{}@{domain}>", message.matter.digest());
    let id = format!("<{}.{}@{domain}>", message.matter.digest(), message.id);
    Mail {
        subject: header(&format!("[doorward] {}", bare(&message.headline))),
        text: text(message),
        html: markup(message),
        message_id: id,
        // Every message of the matter names the same one, whether that was ever sent or not: mail
        // programs gather what names the same.
        references: (!message.matter.is_alone()).then_some(root),
        list_id: format!("doorward <doorward.{domain}>"),
    }
}

fn text(message: &Message) -> String {
    let mut text = format!("{}\n\n", bare(&message.headline));
    for line in message.lines() {
        text.push_str(&bare(&line));
        text.push('\n');
    }
    if let Some(link) = &message.link {
        // Writing to a text does not fail.
        write!(text, "\nReview: {link}\n").ok();
    }
    text
}

fn markup(message: &Message) -> String {
    let mut page = String::from("<!doctype html><html><body>");
    let mut add = |piece: String| page.push_str(&piece);
    add(format!("<h2>{}</h2>", html(&bare(&message.headline))));
    if !message.facts.is_empty() {
        add("<table>".to_owned());
        for fact in &message.facts {
            add(format!(
                "<tr><th align=\"left\">{}</th><td>{}</td></tr>",
                html(fact.name),
                html_prose(&fact.value)
            ));
        }
        add("</table>".to_owned());
    }
    add(format!("<p>{}</p>", html_prose(&message.action)));
    for help in &message.help {
        let link = help.link.as_ref().map_or_else(String::new, |link| {
            format!(" <a href=\"{}\">More</a>", html(link))
        });
        add(format!("<p>{}{link}</p>", html_prose(&help.text)));
    }
    if let Some(link) = &message.link {
        add(format!("<p><a href=\"{}\">Review</a></p>", html(link)));
    }
    add("</body></html>".to_owned());
    page
}

#[cfg(test)]
mod tests {
    use super::super::samples::{LINK, asked, message};
    use super::*;

    #[test]
    fn messages_of_a_matter_are_one_thread_with_ids_of_their_own() {
        let asked = asked("prod/api:v1");
        let first = mail(&message(&asked), "contoso.com");
        let mut answered = asked;
        answered.code = "answered".to_owned();
        answered.id.0 = uuid::Uuid::from_u128(8);
        let second = mail(&message(&answered), "contoso.com");
        assert_ne!(first.message_id, second.message_id);
        assert_eq!(first.references, second.references);
        assert!(first.references.is_some());
        assert!(first.text.contains(LINK));
        assert!(first.html.contains(&format!("href=\"{LINK}\"")));
        assert_eq!(
            first.subject,
            "[doorward] 20.1.2.3 refused by contosoprod: open for 1h?"
        );
    }
}
