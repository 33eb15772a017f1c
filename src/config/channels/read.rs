//! The fields of one channel, by its kind.

use super::{ChannelKind, Email, MailTls, SLACK_API};
use crate::config::values::secret;
use crate::config::{Secret, is_no_channel};
use doorward_core::messages::channels::pagerduty;
use doorward_core::messages::channels::template::Template;
use doorward_core::yaml::problem::Sink;
use doorward_core::yaml::{Fields, Item};
use reqwest::Url;
use std::collections::BTreeMap;
use std::path::Path;

/// Reads the fields of one channel.
pub(super) struct Reader<'a, 'b> {
    pub(super) fields: &'a mut Fields<'b>,
    pub(super) folder: &'a Path,
    pub(super) secrets: BTreeMap<&'static str, Secret>,
}

impl Reader<'_, '_> {
    /// A secret that may be there.
    pub(super) fn optional(&mut self, name: &'static str, sink: &mut Sink<'_>) -> bool {
        let Some(item) = self.fields.take(name) else {
            return false;
        };
        let secret = secret(&item, self.folder, sink);
        self.secrets.extend(secret.map(|secret| (name, secret)));
        true
    }

    /// A secret that must be there; whether it is.
    pub(super) fn needed(&mut self, name: &'static str, sink: &mut Sink<'_>) -> bool {
        if self.fields.has(name) {
            self.optional(name, sink);
            return self.secrets.contains_key(name);
        }
        let help = format!("it is a secret: name where it is, as `{name}: {{ env: NAME }}`");
        self.fields.need(name, &help, sink);
        false
    }

    fn text(&mut self, name: &'static str, help: &str, sink: &mut Sink<'_>) -> Option<String> {
        let item = self.fields.need(name, help, sink)?;
        item.text(sink).map(str::to_owned)
    }

    pub(super) fn webhook(&mut self, sink: &mut Sink<'_>) -> Option<ChannelKind> {
        let url = self.needed("url", sink);
        self.optional("sign", sink);
        self.optional("authorization", sink);
        let params = self.fields.take("params");
        let params = params.map_or_else(BTreeMap::new, |at| params_of(&at, sink));
        let template = self.fields.take("template");
        let template = match template {
            Some(at) => Some(template_of(&at, (self.folder, params), sink)?),
            None => None,
        };
        url.then_some(ChannelKind::Webhook { template })
    }

    pub(super) fn slack(&mut self, sink: &mut Sink<'_>) -> Option<ChannelKind> {
        if !self.fields.has("token") {
            return self.needed("url", sink).then_some(ChannelKind::SlackHook);
        }
        let token = self.needed("token", sink);
        self.optional("signing_secret", sink);
        let help = "the channel's id, such as `C0123`: Slack shows it at the end of its details";
        let channel = self.text("channel", help, sink);
        let api = self.address("url", SLACK_API, sink);
        token.then_some(())?;
        Some(ChannelKind::SlackBot {
            channel: channel?,
            api: api?,
        })
    }

    pub(super) fn pagerduty(&mut self, sink: &mut Sink<'_>) -> Option<ChannelKind> {
        let key = self.needed("routing_key", sink);
        let url = self.address("url", pagerduty::PUBLIC, sink)?;
        key.then_some(ChannelKind::PagerDuty { url })
    }

    /// A URL that is no secret, and never plain http off this machine.
    fn address(&mut self, name: &'static str, usual: &str, sink: &mut Sink<'_>) -> Option<String> {
        let Some(item) = self.fields.take(name) else {
            return Some(usual.to_owned());
        };
        let text = item.text(sink)?;
        if let Some(why) = is_no_channel(&text.to_owned().into()) {
            item.error(why, format!("write an https URL such as `{usual}`"), sink);
            return None;
        }
        Some(text.to_owned())
    }

    pub(super) fn email(&mut self, sink: &mut Sink<'_>) -> Option<ChannelKind> {
        let server = self.fields.need(
            "smtp",
            "write the mail server's URL: `smtps://doorward@mail.contoso.com:465`",
            sink,
        );
        let server = server.and_then(|at| server_of(&at, sink));
        let password = self.optional("password", sink);
        let from = self.fields.need("from", "write the sender's address", sink);
        let from = from.and_then(|at| address_of(&at, sink));
        let to = self
            .fields
            .need("to", "list the receivers' addresses", sink);
        let to = to.map_or_else(Vec::new, |at| at.each());
        let to: Vec<String> = to.iter().filter_map(|at| address_of(at, sink)).collect();
        let (host, port, tls, user) = server?;
        if password && user.is_none() {
            let what = "a password is there, and nobody who signs in with it";
            let help = "write the user into the URL: `smtps://doorward@mail.contoso.com:465`";
            self.fields.item.error(what, help, sink);
        }
        (!to.is_empty()).then_some(())?;
        Some(ChannelKind::Email(Box::new(Email {
            host,
            port,
            tls,
            user,
            from: from?,
            to,
        })))
    }
}

fn params_of(item: &Item<'_>, sink: &mut Sink<'_>) -> BTreeMap<String, String> {
    let entries = item.entries(sink);
    let text = |(name, value): &(Item<'_>, Item<'_>)| {
        let name = name.text(sink)?.to_owned();
        Some((name, value.text(sink)?.to_owned()))
    };
    entries.iter().filter_map(text).collect()
}

/// `template: mattermost`, or `template: { file: x.j2 }`; rendered once, here.
fn template_of(
    item: &Item<'_>,
    (folder, params): (&Path, BTreeMap<String, String>),
    sink: &mut Sink<'_>,
) -> Option<Template> {
    let template = if item.is_mapping() {
        let mut fields = item.fields(sink)?;
        let file = fields.need("file", "name the template's file", sink);
        let file = file.and_then(|at| at.text(sink));
        fields.finish(sink);
        let path = folder.join(file?);
        match std::fs::read_to_string(&path) {
            Ok(source) => Template::checked(source, params),
            Err(error) => {
                let what = format!("the template `{}` cannot be read: {error}", path.display());
                item.error(what, "", sink);
                return None;
            }
        }
    } else {
        Template::shipped(item.text(sink)?, params)
    };
    match template {
        Ok(template) => Some(template),
        Err(error) => {
            let names: Vec<&str> = Template::names().collect();
            let help = format!(
                "docs/channels.md has what a template knows; these come with doorward: {}",
                names.join(", ")
            );
            item.error(format!("the template cannot be used: {error}"), help, sink);
            None
        }
    }
}

/// `smtps://user@host:465` or `smtp://host:587`.
fn server_of(
    item: &Item<'_>,
    sink: &mut Sink<'_>,
) -> Option<(String, u16, MailTls, Option<String>)> {
    let help = "write `smtps://user@host:465`, or `smtp://user@host:587` for STARTTLS";
    let wrong = |what: &str, sink: &mut Sink<'_>| {
        item.hide(sink);
        item.error(what, help, sink);
        None
    };
    let Ok(url) = Url::parse(item.text(sink)?) else {
        return wrong("this is not a URL of a mail server", sink);
    };
    if url.password().is_some() {
        return wrong(
            "a password is never written here: name it in `password`",
            sink,
        );
    }
    let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
        return wrong("this names no host", sink);
    };
    // In a URL of this kind an address is a name.
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    let loopback = host == "localhost" || address.is_ok_and(|it| it.is_loopback());
    let (tls, port) = match url.scheme() {
        "smtps" => (MailTls::Implicit, 465),
        "smtp" if loopback => (MailTls::Loopback, 25),
        "smtp" => (MailTls::StartTls, 587),
        _ => return wrong("this begins with neither `smtps://` nor `smtp://`", sink),
    };
    let user = (!url.username().is_empty()).then(|| url.username().replace("%40", "@"));
    Some((host.to_owned(), url.port().unwrap_or(port), tls, user))
}

/// One mail address, as far as a look can tell.
fn address_of(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<String> {
    let text = item.text(sink)?;
    if text.parse::<lettre::Address>().is_err() {
        let what = format!("`{text}` is not a mail address");
        item.error(what, "write it without a name: platform@contoso.com", sink);
        return None;
    }
    Some(text.to_owned())
}
