//! `doorward whois`: who has an address, or why nobody can.

use super::Failure;
use super::policy::load;
use crate::config::read_text;
use anyhow::Context;
use clap::ValueEnum;
use doorward_core::net::address::GlobalIpv4;
use doorward_core::net::special::{is_global, special};
use doorward_core::policy::{Policy, SetExplained, sets_around};
use doorward_core::sets::sources::geo::Geo;
use doorward_core::sets::sources::service_tags::ServiceTags;
use doorward_core::sets::{Owners, Sets};
use serde::Serialize;
use std::io::{self, BufRead, BufWriter, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// What `doorward whois` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Whois {
    /// Addresses; `-` reads them from standard input, one a line
    #[arg(value_name = "IP", required = true)]
    addresses: Vec<String>,
    /// Microsoft's weekly service-tag file (also packed with gzip)
    #[arg(long, value_name = "FILE")]
    service_tags: Option<PathBuf>,
    /// A country or ASN database in MaxMind's format (.mmdb); may be given several times
    #[arg(long, value_name = "FILE")]
    geo: Vec<PathBuf>,
    /// The folder with the policies whose sets are asked
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// How each address is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}

/// What is known of an address.
#[derive(Serialize)]
struct Known<'a> {
    ip: IpAddr,
    /// IANA's globally reachable, no multicast, not Azure's own.
    global: bool,
    special: Option<&'static str>,
    service_tags: Vec<&'a str>,
    sets: Vec<String>,
    country: Option<String>,
    asn: Option<u32>,
    #[serde(skip)]
    unknown: Vec<SetExplained>,
    /// Which edition of the service-tag file was asked.
    #[serde(skip)]
    change_number: Option<u64>,
    /// What was not given, so that nothing can be said of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_looked_at: Vec<&'static str>,
}

const SERVICE_TAGS: &str = "service_tags";
const SETS: &str = "sets";
const GEO: &str = "geo";

/// Whom to ask.
struct Books {
    tags: Option<Owners>,
    geo: Vec<Geo>,
    policy: Option<(Policy, Sets)>,
}

impl Whois {
    pub(super) fn run(self) -> Result<(), Failure> {
        let books = Books {
            tags: self.service_tags.as_deref().map(read_tags).transpose()?,
            geo: self
                .geo
                .iter()
                .map(|path| read_geo(path))
                .collect::<Result<_, _>>()?,
            policy: self.policies.as_deref().map(load).transpose()?,
        };
        let mut output = BufWriter::new(io::stdout().lock());
        let (mut asked, mut wrong) = (0_u64, 0_u64);
        for argument in &self.addresses {
            let lines: Box<dyn Iterator<Item = io::Result<Vec<u8>>>> = if argument == "-" {
                Box::new(io::stdin().lock().split(b'\n'))
            } else {
                Box::new(std::iter::once(Ok(argument.clone().into_bytes())))
            };
            for line in lines {
                let line = line.context("standard input cannot be read")?;
                let line = String::from_utf8_lossy(&line);
                let text = line.trim();
                if text.is_empty() {
                    continue;
                }
                asked += 1;
                let Ok(ip) = text.parse() else {
                    wrong += 1;
                    // Nothing is left to be done if standard error is closed.
                    writeln!(
                        io::stderr(),
                        "error: `{}` is no IP address",
                        text.escape_debug()
                    )
                    .ok();
                    continue;
                };
                if !tell(&books.ask(ip), self.output, &mut output)? {
                    return Ok(());
                }
            }
        }
        if let Err(error) = output.flush()
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            return Err(anyhow::Error::new(error).into());
        }
        if wrong > 0 {
            let what =
                anyhow::anyhow!("{wrong} of {asked} were no IP addresses; the others are told");
            return Err(Failure::wrong_input(what));
        }
        Ok(())
    }
}

/// Prints one answer; `false` says that nobody reads any more.
fn tell(known: &Known<'_>, output: Output, to: &mut impl Write) -> Result<bool, Failure> {
    let written = match output {
        Output::Text => known.text(to),
        Output::Json => serde_json::to_writer(&mut *to, known)
            .map_err(io::Error::from)
            .and_then(|()| to.write_all(b"\n")),
    };
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(anyhow::Error::new(error).into()),
    }
}

impl Books {
    fn not_given(&self) -> Vec<&'static str> {
        let given = [
            (SERVICE_TAGS, self.tags.is_some()),
            (SETS, self.policy.is_some()),
            (GEO, !self.geo.is_empty()),
        ];
        let missing = given.into_iter().filter(|(_, given)| !given);
        missing.map(|(name, _)| name).collect()
    }

    fn ask(&self, ip: IpAddr) -> Known<'_> {
        let sets = match &self.policy {
            Some((policy, sets)) => sets_around(policy, sets, ip),
            None => Vec::new(),
        };
        let (known, unknown): (Vec<_>, Vec<_>) =
            sets.into_iter().partition(|set| set.holds.is_some());
        let held = known.into_iter().filter(|set| set.holds == Some(true));
        Known {
            ip,
            global: is_global(ip),
            special: special(ip).map(|special| special.name),
            service_tags: self.tags.iter().flat_map(|tags| tags.holding(ip)).collect(),
            sets: held.map(|set| set.name).collect(),
            country: self.geo.iter().find_map(|geo| geo.country(ip)),
            asn: self.geo.iter().find_map(|geo| geo.asn(ip)),
            unknown,
            change_number: self.tags.as_ref().map(|tags| tags.change_number),
            not_looked_at: self.not_given(),
        }
    }
}

impl Known<'_> {
    fn text(&self, to: &mut impl Write) -> io::Result<()> {
        let special = self
            .special
            .map(|name| format!(", {name}"))
            .unwrap_or_default();
        let global = if self.global { "yes" } else { "no" };
        writeln!(to, "{}", self.ip)?;
        writeln!(to, "  global        {global}{special}")?;
        match GlobalIpv4::try_from(self.ip) {
            Ok(_) => writeln!(to, "  may open      yes, if the policy says so")?,
            Err(never) => writeln!(to, "  may open      never: {never}")?,
        }
        let list = |what: &str, names: &[&str], option: &str| {
            if self.not_looked_at.contains(&what) {
                format!("not looked at (give `{option}`)")
            } else if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            }
        };
        let nowhere = if self.not_looked_at.contains(&GEO) {
            "not looked at (give `--geo`)"
        } else {
            "not known"
        };
        let edition = self
            .change_number
            .map_or_else(String::new, |number| format!(" (changeNumber {number})"));
        writeln!(
            to,
            "  service tags  {}{edition}",
            list(SERVICE_TAGS, &self.service_tags, "--service-tags")
        )?;
        let sets: Vec<&str> = self.sets.iter().map(String::as_str).collect();
        writeln!(to, "  sets          {}", list(SETS, &sets, "--policies"))?;
        for set in &self.unknown {
            writeln!(
                to,
                "                `{}` is not known: {} was never loaded",
                set.name,
                set.missing.join(", ")
            )?;
        }
        writeln!(
            to,
            "  country       {}",
            self.country.as_deref().unwrap_or(nowhere)
        )?;
        match self.asn {
            Some(asn) => writeln!(to, "  asn           AS{asn}"),
            None => writeln!(to, "  asn           {nowhere}"),
        }
    }
}

/// Reads and indexes a service-tag file; prefixes that are none are told and passed over.
pub(super) fn read_tags(path: &Path) -> Result<Owners, Failure> {
    let text = read_text(path).with_context(|| format!("`{}` cannot be read", path.display()));
    let text = text.map_err(Failure::wrong_input)?;
    let file = ServiceTags::parse(&text)
        .with_context(|| format!("`{}`", path.display()))
        .map_err(Failure::wrong_input)?;
    let owners = Owners::new(&file);
    for wrong in &owners.wrong {
        // Nothing is left to be done if standard error is closed.
        writeln!(io::stderr(), "warning: {}: {wrong}", path.display()).ok();
    }
    Ok(owners)
}

fn read_geo(path: &Path) -> Result<Geo, Failure> {
    let bytes = std::fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()));
    Geo::parse(bytes.map_err(Failure::wrong_input)?)
        .with_context(|| format!("`{}`", path.display()))
        .map_err(Failure::wrong_input)
}
