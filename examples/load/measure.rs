//! How much goes through in a while, and what it costs, for each server in turns.

use crate::bodies::Load;
use crate::client;
use crate::client::Until;
use crate::process::{Installation, Server};
use std::time::{Duration, Instant};

/// How long each round lasts, and how many there are.
const FOR: Duration = Duration::from_secs(1);
const ROUNDS: usize = 3;

/// How many connections there are.
const CONNECTIONS: usize = 32;

/// What a load came to, at its best.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    /// Records a second.
    pub(crate) rate: f64,
    /// CPU time for a record, in microseconds.
    pub(crate) cpu: f64,
    /// Bytes read a second, in millions.
    pub(crate) speed: f64,
}

/// The servers: doorward, and those beside it.
pub(crate) struct Servers {
    own: Server,
    others: Vec<(&'static str, Server)>,
}

impl Servers {
    pub(crate) async fn start(installation: &Installation) -> anyhow::Result<Self> {
        let mut others = vec![
            ("bare axum", Server::axum("bare").await?),
            ("axum that parses", Server::axum("parse").await?),
        ];
        others.extend(Server::fastapi().await?.map(|server| ("FastAPI", server)));
        let own = Server::doorward(installation).await?;
        Ok(Self { own, others })
    }

    /// The one that is measured.
    pub(crate) fn own(&self) -> &Server {
        &self.own
    }

    /// All of them, doorward first.
    fn all(&self) -> impl Iterator<Item = (&'static str, &Server)> {
        let others = self.others.iter().map(|(name, server)| (*name, server));
        std::iter::once(("doorward", &self.own)).chain(others)
    }

    /// How many columns a row has.
    pub(crate) fn columns(&self) -> usize {
        2 * self.all().count() + 1
    }

    /// The columns' names.
    pub(crate) fn head(&self) -> String {
        let names = self
            .all()
            .map(|(name, _)| format!("{name}: records/s | CPU a record"));
        format!("{} | MB/s", names.collect::<Vec<_>>().join(" | "))
    }

    /// A row: what each came to, and its ratio to doorward's.
    pub(crate) fn row(&self, measured: &[Option<Measured>]) -> String {
        let own = measured.first().copied().flatten();
        let cells = measured.iter().map(|measured| match (measured, own) {
            (Some(Measured { rate, cpu, .. }), Some(own)) => {
                format!("{rate:.0} ({:.2}) | {cpu:.2} µs", rate / own.rate)
            }
            _ => "– | –".to_owned(),
        });
        let cells = cells.collect::<Vec<_>>().join(" | ");
        format!("{cells} | {:.0}", own.map_or(0.0, |own| own.speed))
    }

    /// The same load to each in turns, several times; the best of each. A server that refuses it has none.
    pub(crate) async fn measure(&self, load: &Load) -> anyhow::Result<Vec<Option<Measured>>> {
        let mut best: Vec<Option<Measured>> = vec![None; self.all().count()];
        for _ in 0..ROUNDS {
            for ((_, server), best) in self.all().zip(&mut best) {
                let measured = once(server, load).await?;
                *best = Some(best.map_or(measured, |best| Measured {
                    rate: best.rate.max(measured.rate),
                    cpu: best.cpu.min(measured.cpu),
                    speed: best.speed.max(measured.speed),
                }));
            }
        }
        Ok(best)
    }

    pub(crate) async fn stop(self) {
        self.own.stop().await;
        for (_, server) in self.others {
            server.stop().await;
        }
    }
}

async fn once(server: &Server, load: &Load) -> anyhow::Result<Measured> {
    let requests = client::requests(server.at, server.path, &load.bodies);
    let bytes: usize = load.bodies.iter().map(String::len).sum();
    let (before, began) = (server.cpu()?, Instant::now());
    // Hostile bodies may be refused; none may be answered with an error of the server's.
    let until = (Until::Time(began + FOR), 500);
    let sent = client::send(server.at, requests, CONNECTIONS, until).await?;
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), server.cpu()? - before);
    let sent = f64::from(u32::try_from(sent)?);
    let records = sent * f64::from(load.records);
    let each = f64::from(u32::try_from(bytes)?) / f64::from(u32::try_from(load.bodies.len())?);
    Ok(Measured {
        rate: records / seconds,
        cpu: cpu * 1e6 / records,
        speed: sent * each / 1e6 / seconds,
    })
}
