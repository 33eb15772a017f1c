//! Mail, by SMTP.

use super::send::{DELIVERY_WITHIN, Refusal};
use crate::config::{Email, MailTls};
use crate::flow::app::App;
use doorward_core::messages::channels::email;
use doorward_core::messages::message::Message;
use lettre::message::header::{ContentType, HeaderName, HeaderValue, References};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};

/// Sends a message as one mail.
pub(super) async fn send(
    app: &App,
    to: &Email,
    password: Option<&SecretString>,
    message: &Message,
) -> Result<(), Refusal> {
    let domain = to.from.rsplit_once('@').map_or("doorward", |(_, it)| it);
    let mail = build(to, &email::mail(message, domain), app)?;
    let transport = transport(to, password)?;
    let sent = tokio::time::timeout(DELIVERY_WITHIN, transport.send(mail)).await;
    match sent {
        Err(_) => Err("the mail server did not answer in time".to_owned().into()),
        Ok(Err(error)) => Err(refusal(&error)),
        Ok(Ok(_)) => Ok(()),
    }
}

fn refusal(error: &lettre::transport::smtp::Error) -> Refusal {
    let why = match error.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if error.is_timeout() => "the mail server did not answer in time".to_owned(),
        None if error.is_tls() => "TLS with the mail server failed".to_owned(),
        None => "the mail server cannot be reached".to_owned(),
    };
    let said = std::error::Error::source(error).map(ToString::to_string);
    let said = said.map(|said| doorward_core::messages::excerpt::excerpt(said.as_bytes(), ""));
    Refusal {
        why,
        said,
        retry_after: None,
    }
}

fn build(to: &Email, mail: &email::Mail, app: &App) -> Result<lettre::Message, Refusal> {
    let address = |text: &str| -> Result<Mailbox, Refusal> {
        let address = text.parse().map_err(|_| "not a mail address".to_owned())?;
        Ok(Mailbox::new(None, address))
    };
    let mut from = address(&to.from)?;
    from.name = Some("doorward".to_owned());
    let mut builder = lettre::Message::builder()
        .from(from)
        .date(app.clock.now().into())
        .message_id(Some(mail.message_id.clone()))
        .subject(&mail.subject);
    for receiver in &to.to {
        builder = builder.to(address(receiver)?);
    }
    if let Some(references) = &mail.references {
        builder = builder
            .in_reply_to(references.clone())
            .header(References::from(references.clone()));
    }
    for (name, value) in [
        ("List-Id", mail.list_id.as_str()),
        // Nobody's absence note answers it (RFC 3834).
        ("Auto-Submitted", "auto-generated"),
    ] {
        let name = HeaderName::new_from_ascii(name.to_owned());
        let name = name.map_err(|_| "a header's name".to_owned())?;
        builder = builder.raw_header(HeaderValue::new(name, value.to_owned()));
    }
    let part = |kind, text: &String| SinglePart::builder().header(kind).body(text.clone());
    let parts = MultiPart::alternative()
        .singlepart(part(ContentType::TEXT_PLAIN, &mail.text))
        .singlepart(part(ContentType::TEXT_HTML, &mail.html));
    let built = builder.multipart(parts);
    Ok(built.map_err(|error| format!("the mail cannot be put together: {error}"))?)
}

fn transport(
    to: &Email,
    password: Option<&SecretString>,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, Refusal> {
    let tls = match to.tls {
        MailTls::Loopback => Tls::None,
        MailTls::Implicit | MailTls::StartTls => {
            let parameters = TlsParameters::new(to.host.clone());
            let parameters = parameters.map_err(|_| "TLS cannot be set up".to_owned())?;
            if to.tls == MailTls::Implicit {
                Tls::Wrapper(parameters)
            } else {
                Tls::Required(parameters)
            }
        }
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&to.host)
        .port(to.port)
        .tls(tls)
        .timeout(Some(DELIVERY_WITHIN));
    if let (Some(user), Some(password)) = (&to.user, password) {
        let password = password.expose_secret().to_owned();
        builder = builder.credentials(Credentials::new(user.clone(), password));
    }
    Ok(builder.build())
}
