//! Channels and routes: what is read, and what a mistake is told.

use super::{broken, least, read};
use doorward::config::{ChannelKind, MailTls, parse};
use doorward_core::messages::routing::Subject;
use std::fs;

/// The configuration that the documentation shows.
const WHOLE: &str = r#"
channels:
  - { name: sec, kind: slack, url: { env: SLACK_URL } }
  - { name: secbot, kind: slack, token: { env: SLACK_TOKEN }, channel: C0123, signing_secret: { env: SLACK_SECRET } }
  - { name: ops, kind: teams, url: { env: TEAMS_URL } }
  - { name: oncall, kind: pagerduty, routing_key: { env: PD_KEY } }
  - { name: mail, kind: email, smtp: "smtps://doorward@mail.contoso.com:465", password: { env: SMTP_PASSWORD }, from: doorward@contoso.com, to: [platform@contoso.com] }
  - { name: gchat, kind: webhook, url: { env: GCHAT_URL }, template: google_chat, sign: { env: KEY }, fallback: { to: mail, after: 10m } }
  - { name: terminal, kind: log }
routes:
  - { when: { code: [ask], registry: "*prod*" }, to: [secbot, ops], remind: 10m, escalate: { after: 20m, to: [oncall] } }
  - { when: { severity: [critical] }, to: [oncall] }
  - { to: [ops], digest: 20/h, quiet_hours: { from: "20:00", to: "07:00", zone: Europe/Zurich } }
"#;

#[test]
fn every_kind_of_channel_and_its_routes_are_read() {
    let config = read(&least(WHOLE));
    let kinds: Vec<&str> = config.channels.iter().map(|it| it.kind.name()).collect();
    assert_eq!(
        kinds,
        [
            "slack",
            "slack",
            "teams",
            "pagerduty",
            "email",
            "webhook",
            "log"
        ]
    );
    assert!(
        config
            .warnings
            .0
            .iter()
            .all(|it| !it.field.starts_with("routes"))
    );
    let ChannelKind::Email(mail) = &config.channels[4].kind else {
        panic!("no mail");
    };
    assert_eq!(
        (mail.host.as_str(), mail.port, mail.tls),
        ("mail.contoso.com", 465, MailTls::Implicit)
    );
    assert_eq!(mail.user.as_deref(), Some("doorward"));
    let heard = |code, registry| {
        let subject = Subject {
            code,
            registry: Some(registry),
            ..Subject::default()
        };
        config.routes.channels(subject).join(" ")
    };
    assert_eq!(heard("ask", "contosoprod"), "secbot ops");
    assert_eq!(heard("ask", "contosodev"), "ops");
    assert_eq!(heard("overdue", "contosodev"), "oncall");
}

#[test]
fn mistakes_in_channels_and_routes_are_told() {
    let channel = |fields: &str| least(&format!("channels:\n  - {{ name: a, {fields} }}\n"));
    let log = "channels: [{ name: a, kind: log }]\n";
    for (text, told) in [
        (
            channel("kind: slak, url: { env: A }"),
            "did you mean `slack`",
        ),
        (channel("kind: slack"), "the field `url` is missing"),
        (
            channel("kind: slack, token: { env: A }"),
            "the field `channel` is missing",
        ),
        (
            channel("kind: slack, token: xoxb-hunter2"),
            "a secret is named here",
        ),
        (
            channel("kind: slack, token: { env: A }, channel: C1, url: 'http://slack.example/'"),
            "in clear text",
        ),
        (
            channel("kind: pagerduty"),
            "the field `routing_key` is missing",
        ),
        (
            channel("kind: pagerduty, routing_key: { env: A }, url: 'http://pd.example/'"),
            "in clear text",
        ),
        (
            channel(
                "kind: email, smtp: 'smtps://a:hunter2@mail.example', from: a@b.example, to: [c@d.example]",
            ),
            "a password is never written here",
        ),
        (
            channel("kind: email, smtp: 'smtps://mail.example', from: a, to: [c@d.example]"),
            "is not a mail address",
        ),
        (
            channel(
                "kind: email, smtp: 'https://mail.example', from: a@b.example, to: [c@d.example]",
            ),
            "neither `smtps://` nor `smtp://`",
        ),
        (
            channel("kind: webhook, url: { env: A }, template: gchat"),
            "there is no template `gchat`",
        ),
        (
            channel("kind: webhook, url: { env: A }, template: ntfy"),
            "the template cannot be used",
        ),
        (
            channel("kind: webhook, url: { env: A }, template: { file: none.j2 }"),
            "cannot be read",
        ),
        (
            channel("kind: log, fallback: { to: b, after: 10m }"),
            "there is no channel `b`",
        ),
        (
            channel("kind: log, fallback: { to: a, after: 10m }"),
            "could go in circles",
        ),
        (
            least(&format!("{log}routes: [{{ to: [b] }}]")),
            "there is no channel `b`",
        ),
        (
            least(&format!("{log}routes: [{{ to: [a], digest: 20/m }}]")),
            "is not a rate",
        ),
        (
            least(&format!(
                "{log}routes: [{{ to: [a], quiet_hours: {{ from: '20:00', to: '7', zone: UTC }} }}]"
            )),
            "is not a time of the day",
        ),
        (
            least(&format!(
                "{log}routes: [{{ when: {{ severity: bad }}, to: [a] }}]"
            )),
            "`bad` is not known here",
        ),
        (
            least(&format!(
                "{log}routes: [{{ when: {{ colour: red }}, to: [a] }}]"
            )),
            "there is no field `colour`",
        ),
    ] {
        let error = broken(&text);
        assert!(error.contains(told), "{text}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let odd = read(&least(&format!(
        "{log}routes: [{{ to: [a] }}, {{ to: [a] }}]"
    )));
    let warned = odd.warnings.to_string();
    assert!(warned.contains("no message comes here"), "{warned}");
}

#[test]
fn template_of_ones_own_is_checked_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let text = least(
        "channels: [{ name: a, kind: webhook, url: { env: A }, template: { file: own.j2 } }]",
    );
    let read = |template: &str| {
        fs::write(folder.path().join("own.j2"), template).unwrap();
        parse("doorward.yaml", &text, folder.path())
    };
    assert!(read("{\"say\": {{ headline }} }").is_ok());
    let error = read("{\n\"say\": {{ headlin }} }").unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
}
