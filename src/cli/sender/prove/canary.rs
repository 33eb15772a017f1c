//! `doorward prove --canary`: a denial that the registry itself produces, and that has to come back by whatever way
//! denials come here: the registry, its diagnostic setting, Azure's logs, the feed or the alert, doorward.

use super::Prove;
use super::way::Way;
use crate::azure::http::{Http, Reply};
use crate::cli::Failure;
use crate::config::{Config, Registry};
use crate::store::Ledger;
use anyhow::{Context, anyhow};
use clock::Clock;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::id::DenialId;
use doorward_core::messages::wording;
use doorward_core::net::special::is_global;
use doorward_core::yaml::duration;
use reqwest::header::{HOST, HeaderValue};
use reqwest::{Method, Request, Url};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// How long the registry may take to answer.
const EXCHANGE: Duration = Duration::from_secs(30);

/// How long Azure's logs may take, as a rule minutes.
const TIMEOUT: Duration = Duration::from_mins(20);

/// What stands in the firewall's answer before the address.
const BEFORE: &str = "client with IP '";

pub(super) async fn run(order: &Prove, config: &Config) -> Result<(), Failure> {
    let registry = chosen(order, config)?;
    let state = config.state.url().map_err(Failure::wrong_input)?;
    let ledger = Ledger::open_read_only(&state.expose()).await;
    let ledger = ledger.with_context(|| {
        format!("the ledger `{state}` cannot be read: is doorward running here?")
    })?;
    let clock = Clock::system();
    let mut way = Way {
        since: clock.stopwatch(),
        accepted: clock.stopwatch(),
        seq: 0,
        seen: Vec::new(),
        ledger,
        clock,
        source: order.source.clone().unwrap_or_default(),
        address: Ipv4Addr::UNSPECIFIED,
        timeout: order.timeout.unwrap_or(TIMEOUT),
    };
    let before = way.denials().await?;
    way.since = way.clock.stopwatch();
    way.address = refused(order, config, registry, &way).await?;
    way.accepted = way.clock.stopwatch();
    let id = came_back(&mut way, registry, &before).await?;
    if let Some(id) = id {
        let verdict = way.decided(id).await?;
        way.notified(id).await?;
        let opened =
            |what: &LedgerEvent| matches!(what, LedgerEvent::Granted(grant) if grant.denial == id);
        let what = if way.seen.iter().any(opened) {
            "a grant for this address: policy lets it in"
        } else if is_global(way.address.into()) {
            "nothing, as the verdict says"
        } else {
            "nothing: no entry is ever for such an address"
        };
        way.stage("opened", &format!("{what} (`{}`)", verdict.action))?;
    }
    Ok(())
}

/// The registry that is to refuse.
fn chosen<'a>(order: &Prove, config: &'a Config) -> Result<&'a Registry, Failure> {
    let found = match &order.registry {
        None => config.registries.first(),
        Some(name) => config.registries.iter().find(|registry| {
            let host = format!("{}.azurecr.io", registry.id.name());
            [registry.id.name(), &host]
                .into_iter()
                .any(|it| it.eq_ignore_ascii_case(name))
        }),
    };
    found.ok_or_else(|| {
        Failure::wrong_input(anyhow!(
            "`--registry` names no registry of the configuration"
        ))
    })
}

/// The first stage: the registry refuses this machine, and says by which address it knows it.
async fn refused(
    order: &Prove,
    config: &Config,
    registry: &Registry,
    way: &Way,
) -> Result<Ipv4Addr, Failure> {
    let host = format!("{}.azurecr.io", registry.id.name().to_ascii_lowercase());
    let base = match &order.registry_url {
        Some(url) => url.clone(),
        None => Url::parse(&format!("https://{host}/")).map_err(Failure::wrong_input)?,
    };
    super::refuse_clear_text(&base)?;
    let url = base.join("/v2/").map_err(Failure::wrong_input)?;
    let mut request = Request::new(Method::GET, url);
    if order.registry_url.is_some() {
        let host = HeaderValue::try_from(&host).map_err(Failure::wrong_input)?;
        request.headers_mut().insert(HOST, host);
    }
    *request.timeout_mut() = Some(EXCHANGE);
    let http = Http::new(config.azure.ca_file.as_deref()).map_err(Failure::wrong_input)?;
    let reply = http.send(request).await;
    let reply = reply.with_context(|| format!("refused: unknown; `{host}` does not answer"))?;
    match reply.status.as_u16() {
        403 => {}
        200 | 401 => {
            return Err(anyhow!(
                "refused: no; `{host}` lets this machine in (status {}), so that it produces no denial: run this from a place that is refused",
                reply.status.as_u16()
            )
            .into());
        }
        status => return Err(anyhow!("refused: no; `{host}` answers with status {status}").into()),
    }
    let address = address(&reply).ok_or_else(|| {
        anyhow!("refused: by something else; the answer of `{host}` is not that of its firewall")
    })?;
    way.stage("refused", &format!("by `{host}`, as `{address}`"))?;
    Ok(address)
}

/// The address in the firewall's answer.
fn address(reply: &Reply) -> Option<Ipv4Addr> {
    let text = String::from_utf8_lossy(&reply.body);
    let (_, rest) = text.split_once(BEFORE)?;
    rest.split_once('\'')?.0.parse().ok()
}

/// The second stage: it is in the ledger. Its id, or none where it repeats what has been decided before.
async fn came_back(
    way: &mut Way,
    registry: &Registry,
    before: &[(IpAddr, DenialId)],
) -> Result<Option<DenialId>, Failure> {
    let (address, source) = (IpAddr::V4(way.address), way.source.clone());
    let earlier: Vec<DenialId> = before
        .iter()
        .filter(|(of, _)| *of == address)
        .map(|(_, id)| *id)
        .collect();
    let ours = |what: &LedgerEvent| match what {
        LedgerEvent::Denied(denied)
            if denied.report.denial.ip == Some(address)
                && (source.is_empty() || denied.source == source) =>
        {
            Some((denied.source.clone(), Some(denied.id)))
        }
        LedgerEvent::Counted { source, counts, .. }
            if earlier.iter().any(|id| counts.contains_key(id)) =>
        {
            Some((source.clone(), None))
        }
        _ => None,
    };
    let help = format!(
        "Azure's side is silent: are login events of `{}` exported (diagnostic setting, category ContainerRegistryLoginEvents), and does the feed or the alert read them? `doorward doctor` looks at each",
        registry.id.name()
    );
    let (source, id) = way.until("recorded", &help, ours).await?;
    let took = duration::Show(Duration::from_secs(way.accepted.elapsed().as_secs()));
    let what = match id {
        Some(id) => format!("as {id}"),
        None => "as a repeat of one that was decided before".to_owned(),
    };
    let source = wording::quoted(&source);
    way.stage(
        "recorded",
        &format!("{what}, by the source `{source}`, {took} after it happened"),
    )?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    #[test]
    fn address_is_read_from_the_firewalls_answer_alone() {
        let reply = |body: &str| Reply {
            status: StatusCode::FORBIDDEN,
            headers: HeaderMap::new(),
            body: body.as_bytes().to_vec(),
        };
        let firewall = "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"client with IP '51.140.7.9' is not allowed access.\"}]}";
        assert_eq!(
            address(&reply(firewall)),
            Some(Ipv4Addr::new(51, 140, 7, 9))
        );
        for other in [
            "",
            "Forbidden",
            "client with IP 'x'",
            "client with IP '::1'",
        ] {
            assert_eq!(address(&reply(other)), None, "{other}");
        }
    }
}
