//! The denial's way through the ledger, stage by stage.

use crate::cli::Failure;
use crate::cli::policy::print;
use crate::store::{self, Ledger};
use anyhow::anyhow;
use clock::{Clock, Stopwatch};
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::id::DenialId;
use doorward_core::messages::wording;
use doorward_core::policy::verdict::{NoteCode, Verdict};
use doorward_core::yaml::duration;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// How often the ledger is looked at, and how many entries at once.
const LOOK: Duration = Duration::from_millis(100);
const PAGE: i64 = 500;

/// The denial on its way.
pub(super) struct Way {
    pub(super) ledger: Ledger,
    pub(super) clock: Clock,
    /// Since it was sent.
    pub(super) since: Stopwatch,
    /// Since it was accepted.
    pub(super) accepted: Stopwatch,
    pub(super) source: String,
    pub(super) address: Ipv4Addr,
    /// As far as the ledger has been looked at.
    pub(super) seq: i64,
    /// What has come since.
    pub(super) seen: Vec<LedgerEvent>,
    pub(super) timeout: Duration,
}

impl Way {
    /// Goes to the end of the ledger as it is.
    pub(super) async fn skip(&mut self) -> Result<(), Failure> {
        while !self.next().await?.is_empty() {}
        Ok(())
    }

    async fn next(&mut self) -> Result<Vec<LedgerEvent>, Failure> {
        let entries = self
            .ledger
            .entries(self.seq, PAGE)
            .await
            .map_err(anyhow::Error::new)?;
        self.seq = entries.last().map_or(self.seq, |entry| entry.seq);
        let what = entries.iter().map(store::what).collect::<Result<_, _>>();
        Ok(what.map_err(anyhow::Error::new)?)
    }

    /// The same, and which denials stand there, by their addresses.
    pub(super) async fn denials(&mut self) -> Result<Vec<(IpAddr, DenialId)>, Failure> {
        let mut denials = Vec::new();
        loop {
            let what = self.next().await?;
            if what.is_empty() {
                return Ok(denials);
            }
            denials.extend(what.iter().filter_map(|what| match what {
                LedgerEvent::Denied(denied) => Some((denied.report.denial.ip?, denied.id)),
                _ => None,
            }));
        }
    }

    /// Looks at what comes until `found` says so.
    pub(super) async fn until<T>(
        &mut self,
        stage: &str,
        help: &str,
        found: impl Fn(&LedgerEvent) -> Option<T>,
    ) -> Result<T, Failure> {
        loop {
            if let Some(found) = self.seen.iter().find_map(&found) {
                return Ok(found);
            }
            if self.accepted.elapsed() > self.timeout {
                let within = duration::Show(self.timeout);
                return Err(anyhow!("{stage}: not within {within}; {help}").into());
            }
            let what = self.next().await?;
            if what.is_empty() {
                self.clock.sleep(LOOK).await;
            }
            self.seen.extend(what);
        }
    }

    /// The second stage: it is in the ledger.
    pub(super) async fn recorded(&mut self) -> Result<DenialId, Failure> {
        let (address, source) = (IpAddr::V4(self.address), self.source.clone());
        let ours = |what: &LedgerEvent| match what {
            LedgerEvent::Denied(denied)
                if denied.source == source && denied.report.denial.ip == Some(address) =>
            {
                Some(denied.id)
            }
            _ => None,
        };
        let help = "is `state` the ledger of the doorward that accepted it? (A repeat of a denial shortly before is only counted: try again)";
        let id = self.until("recorded", help, ours).await?;
        self.stage("recorded", &format!("as {id}"))?;
        Ok(id)
    }

    /// The third stage: policy was asked.
    pub(super) async fn decided(&mut self, id: DenialId) -> Result<Verdict, Failure> {
        let ours = |what: &LedgerEvent| match what {
            LedgerEvent::Decided {
                denial, verdict, ..
            } if *denial == id => Some(verdict.clone()),
            _ => None,
        };
        let help = "the running doorward does not decide: `doorward health` and its log say why";
        let verdict = self.until("decided", help, ours).await?;
        let rule = verdict.rule.as_deref().unwrap_or("default");
        self.stage(
            "decided",
            &format!("`{}` by rule `{}`", verdict.action, wording::quoted(rule)),
        )?;
        Ok(verdict)
    }

    /// The fourth stage, where the verdict leads to a message: each channel has taken it, or not.
    pub(super) async fn notified(&mut self, id: DenialId) -> Result<(), Failure> {
        let alert = self.seen.iter().find_map(|what| match what {
            LedgerEvent::Alerted(alert) if alert.denial == Some(id) => Some(alert.clone()),
            _ => None,
        });
        let Some(alert) = alert.filter(|alert| !alert.channels.is_empty()) else {
            return self.stage("notified", "nobody: the verdict leads to no message");
        };
        for name in &alert.channels {
            let ours = |what: &LedgerEvent| match what {
                LedgerEvent::Delivered {
                    alert: of, channel, ..
                } if *of == alert.id && channel == name => Some(None),
                LedgerEvent::Undelivered {
                    alert: of,
                    channel,
                    reason,
                } if *of == alert.id && channel == name => Some(Some(wording::quoted(reason))),
                _ => None,
            };
            let help = format!(
                "the channel `{name}` does not take messages; `doorward doctor --send` tries it"
            );
            match self.until("notified", &help, ours).await? {
                None => self.stage("notified", &format!("`{name}`"))?,
                Some(reason) => {
                    return Err(
                        anyhow!("notified: `{name}` did not take the message: {reason}").into(),
                    );
                }
            }
        }
        Ok(())
    }

    /// The last stage: nothing was opened, and the guardrail says why.
    pub(super) fn refused(&self, id: DenialId, verdict: &Verdict) -> Result<(), Failure> {
        let opened =
            |what: &LedgerEvent| matches!(what, LedgerEvent::Granted(grant) if grant.denial == id);
        if self.seen.iter().any(opened) {
            return Err(anyhow!("opened: an entry was granted for an address of documentation: this is a fault in doorward").into());
        }
        let note = verdict
            .notes
            .iter()
            .find(|note| note.code == NoteCode::SpecialAddress);
        let note = note.ok_or_else(|| {
            anyhow!("the verdict does not say that the address is one of documentation")
        })?;
        self.stage(
            "opened",
            &format!("nothing, as it must be: {}", wording::quoted(&note.text)),
        )
    }

    pub(super) fn stage(&self, name: &str, what: &str) -> Result<(), Failure> {
        let took = self.since.elapsed().as_millis();
        print(format_args!("{name:<9} {took:>6} ms  {what}"))
    }
}
