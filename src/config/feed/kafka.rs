//! `kind: kafka`: Event Hubs' Kafka endpoint, and any other broker.

use crate::config::Secret;
use crate::config::values::secret;
use crate::kafka::{Brokers, Mechanism, Sasl, Tls};
use doorward_core::yaml::problem::Sink;
use doorward_core::yaml::{Fields, Item};
use std::path::Path;

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaFeed {
    /// How its brokers are reached.
    pub brokers: Brokers,
    /// Its name; an event hub's.
    pub topic: String,
}

/// How we prove ourselves, by the names of the mechanisms.
#[derive(Clone, Copy)]
enum Named {
    Password(Mechanism),
    Entra,
}

const MECHANISMS: [(&str, Named); 4] = [
    ("plain", Named::Password(Mechanism::Plain)),
    ("scram_sha_256", Named::Password(Mechanism::Scram256)),
    ("scram_sha_512", Named::Password(Mechanism::Scram512)),
    ("oauthbearer", Named::Entra),
];

/// Reads what `kind: kafka` takes.
pub(super) fn kafka(
    fields: &mut Fields<'_>,
    (folder, secrets): (&Path, &mut Vec<Secret>),
    sink: &mut Sink<'_>,
) -> Option<KafkaFeed> {
    let help = "name the brokers: `brokers: [contoso.servicebus.windows.net:9093]`";
    let brokers = fields.need("brokers", help, sink);
    let hosts = brokers.and_then(|at| {
        let hosts = at.each();
        let hosts: Option<Vec<String>> = hosts.iter().map(|at| broker(at, sink)).collect();
        hosts.filter(|hosts| !hosts.is_empty())
    });
    let topic = fields.need("topic", "name the topic, or the event hub", sink);
    let topic = topic.and_then(|at| topic_name(&at, sink));
    let tls = fields.take("tls");
    let tls = match &tls {
        None => Some(Encrypted(Some(Tls::default()))),
        Some(at) => tls_of(at, folder, sink),
    };
    let sasl = fields.take("sasl");
    let read = match &sasl {
        None => Some(None),
        Some(at) => sasl_of(at, (folder, secrets), sink).map(Some),
    };
    if let (Some(at), Some(Some(sasl)), Some(Encrypted(None)), Some(hosts)) =
        (&sasl, &read, &tls, &hosts)
        && !hosts.iter().all(|host| is_local(host))
        && !matches!(
            sasl,
            Sasl::Password {
                mechanism: Mechanism::Scram256 | Mechanism::Scram512,
                ..
            }
        )
    {
        at.error(
            "the password or token would go over the network in clear text",
            "leave `tls: false` out",
            sink,
        );
    }
    Some(KafkaFeed {
        topic: topic?,
        brokers: Brokers {
            hosts: hosts?,
            sasl: read?,
            tls: tls?.0,
        },
    })
}

/// Whether a connection is encrypted, and how.
struct Encrypted(Option<Tls>);

fn tls_of(item: &Item<'_>, folder: &Path, sink: &mut Sink<'_>) -> Option<Encrypted> {
    if !item.is_mapping() {
        return Some(Encrypted(item.flag(sink)?.then(Tls::default)));
    }
    let mut fields = item.fields(sink)?;
    let help = "name a PEM file with the authorities to trust in place of the usual ones";
    let ca_file = fields.need("ca_file", help, sink);
    let ca_file = ca_file.and_then(|at| at.text(sink).map(|path| folder.join(path)));
    fields.finish(sink);
    let ca_file = Some(ca_file?);
    Some(Encrypted(Some(Tls { ca_file })))
}

fn sasl_of(
    item: &Item<'_>,
    (folder, secrets): (&Path, &mut Vec<Secret>),
    sink: &mut Sink<'_>,
) -> Option<Sasl> {
    let mut fields = item.fields(sink)?;
    let mut reference = |at: &Item<'_>, sink: &mut Sink<'_>| {
        let secret = secret(at, folder, sink)?;
        secrets.push(secret.clone());
        Some(secret.from)
    };
    if let Some(at) = fields.take("connection_string") {
        let text = reference(&at, sink);
        fields.finish(sink);
        return text.map(Sasl::ConnectionString);
    }
    let help = "write `connection_string: { env: NAME }`, or `mechanism: plain`, `scram_sha_256`, `scram_sha_512` or `oauthbearer`";
    let mechanism = fields.need("mechanism", help, sink);
    let sasl = match mechanism?.word(&MECHANISMS, sink)? {
        Named::Entra => Some(Sasl::Entra),
        Named::Password(mechanism) => {
            let username = fields.need("username", "name the user", sink);
            let username = username.and_then(|at| at.text(sink).map(str::to_owned));
            let help = "name where the password is: `password: { env: NAME }`";
            let password = fields.need("password", help, sink);
            let password = password.and_then(|at| reference(&at, sink));
            username
                .zip(password)
                .map(|(username, password)| Sasl::Password {
                    mechanism,
                    username,
                    password,
                })
        }
    };
    fields.finish(sink);
    sasl
}

/// `host:port`.
fn broker(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<String> {
    let text = item.text(sink)?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-._[]:".contains(letter);
    let good = text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && host.chars().all(plain) && port.parse::<u16>().is_ok_and(|it| it > 0)
    });
    if good {
        return Some(text.to_owned());
    }
    item.hide(sink);
    let help = "write it as `contoso.servicebus.windows.net:9093`";
    item.error("this is no broker", help, sink);
    None
}

fn is_local(broker: &str) -> bool {
    let host = broker.rsplit_once(':').map_or(broker, |(host, _)| host);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<std::net::IpAddr>();
    address.map_or(bare == "localhost", |address| address.is_loopback())
}

/// A topic's name (<https://kafka.apache.org/documentation/>).
fn topic_name(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<String> {
    let text = item.text(sink)?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if (1..=249).contains(&text.len()) && text.chars().all(plain) && text != "." && text != ".." {
        return Some(text.to_owned());
    }
    let help = "write 1 to 249 letters, digits, `.`, `_` and `-`";
    item.error("this is no name of a topic", help, sink);
    None
}
