//! What a text must look like in each markup, so that nothing in it acts.

use crate::messages::prose::{Span, cut, defanged, plain, spans};

/// For HTML, in text and in attributes.
pub fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// HTML with code marked.
pub fn html_prose(text: &str) -> String {
    let spans = spans(text).into_iter().map(|span| match span {
        Span::Text(text) => html(text),
        Span::Code(code) => format!("<code>{}</code>", html(code)),
    });
    spans.collect()
}

/// For Slack's `text`, which is shown where blocks are not: no mention, no link, no markup.
pub fn slack(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// For Markdown as chats know it: signs are escaped in words, code stays code, and nobody is mentioned.
pub fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for span in spans(text) {
        match span {
            Span::Code(code) => {
                escaped.push('`');
                escaped.push_str(&unmentioned(code));
                escaped.push('`');
            }
            Span::Text(words) => {
                for letter in unmentioned(words).chars() {
                    if "\\`*_{}[]()#+-!|>~<".contains(letter) {
                        escaped.push('\\');
                    }
                    escaped.push(letter);
                }
            }
        }
    }
    escaped
}

/// A chat looks for mentions in code too.
fn unmentioned(text: &str) -> String {
    text.replace('@', "\u{ff20}")
}

/// For Google Chat, which knows no escape: signs that would act are replaced by their likes.
pub fn google_chat(text: &str) -> String {
    let likes = |letter: char| match letter {
        '<' => '‹',
        '>' => '›',
        '*' => '∗',
        '_' => '＿',
        '~' => '∼',
        other => other,
    };
    let spans = spans(text).into_iter().map(|span| match span {
        Span::Text(words) => words.replace('`', "'").chars().map(likes).collect(),
        Span::Code(code) => {
            let tame: String = code.chars().map(likes).collect();
            format!("`{tame}`")
        }
    });
    spans.collect()
}

/// For an Adaptive Card: a client puts dates in place of `{{DATE(…)}}` wherever it stands.
pub fn card(text: &str) -> String {
    text.replace("{{", "{ {").replace("}}", "} }")
}

/// For a mail's header: one line, nothing hidden, no longer than a mail program shows.
pub fn header(text: &str) -> String {
    defanged(&plain(text, 150))
}

/// For a line on a terminal: nothing hidden, and one line.
pub fn terminal(text: &str) -> String {
    cut(&plain(text, usize::MAX), 4_000)
}
