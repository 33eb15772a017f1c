//! One schedule: twenty-five steps of trouble, then peace, and what must be so in the end.

use super::cut;
use super::dice::Dice;
use super::judge::Judge;
use super::others::{Others, come_to_rest};
use crate::world::{REGISTRY, World};
use doorward::domain::ledger::What;
use doorward::sim::{Call, Concurrent, Fault, Moment, Outcome, Writes};
use doorward::store;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

const STEPS: usize = 25;

/// Once faults have stopped, what hangs is settled after this at the latest.
const PEACE: Duration = Duration::from_mins(3);

/// An entry is gone this long after its end, while Azure answers.
const BOUND: SignedDuration = SignedDuration::from_secs(60);

/// What a schedule came to.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// What was done and what came of it, in order.
    pub(crate) story: Vec<String>,
    /// How many steps that was.
    pub(crate) steps: usize,
    /// How many `PATCH`es Azure got.
    pub(crate) writes: usize,
    /// What others wrote inside our gap, and lost.
    pub(crate) overwritten: usize,
    /// What must never be.
    pub(crate) violations: Vec<String>,
}

struct Run {
    world: World,
    dice: Dice,
    others: Others,
    judge: Judge,
    /// How far the ledger has been read.
    read: i64,
    told: Told,
}

/// Runs the schedule of one seed.
pub(crate) async fn schedule(seed: u64) -> Told {
    let mut dice = Dice::new(seed);
    let limit = dice.one_of(&[200, 200, 7]);
    let world = World::with(|setup| {
        setup.config["registries"][0]["grants_per_hour"] = json!(1000);
    })
    .await;
    world
        .azure
        .edit(REGISTRY, "owner", |registry| registry.ip_rule_limit = limit);
    let mut run = Run {
        world,
        dice,
        others: Others::default(),
        judge: Judge::default(),
        read: 0,
        told: Told::default(),
    };
    for _ in 0..STEPS {
        run.step().await;
        if !run.judge.violations.is_empty() {
            break;
        }
    }
    run.peace().await;
    run.verdict().await
}

impl Run {
    async fn step(&mut self) {
        let done = self.trouble().await;
        self.told.story.push(done);
        self.told.steps += 1;
        self.work().await;
        let seconds = self.dice.one_of(&[1, 5, 40, 200]);
        self.world.jump(Duration::from_secs(seconds));
        self.work().await;
        self.judge_it().await;
    }

    async fn trouble(&mut self) -> String {
        let dice = &mut self.dice;
        match dice.roll(12) {
            0..4 => {
                let address = format!("20.61.10.{}", 16 + dice.roll(4));
                self.world.denied(&address).await;
                format!("{address} is refused")
            }
            4..6 => self.others.act(&self.world, dice),
            6 => self.fault(Call::PatchRegistry),
            7 => self.fault(Call::GetRegistry),
            8 => {
                let reads = 1 + u32::from(dice.roll(2));
                self.world
                    .azure
                    .model(|model| model.read_stale(REGISTRY, reads));
                format!("{reads} stale reads to come")
            }
            9 => {
                self.world.restart().await;
                "a restart".to_owned()
            }
            10 => self.slow_or_failing_writes(),
            _ => {
                let conflict = dice.one_of(&[Concurrent::Conflict, Concurrent::LastWriterWins]);
                self.world.azure.knobs(|knobs| knobs.concurrent = conflict);
                format!("writes at the same time: {conflict:?}")
            }
        }
    }

    fn fault(&mut self, call: Call) -> String {
        let fault = match self.dice.roll(5) {
            0 => Fault::LostBefore,
            1 => Fault::LostAfter,
            2 => Fault::Throttled {
                retry_after: Duration::from_secs(3),
            },
            3 => Fault::Garbled,
            _ => Fault::Status {
                status: self.dice.one_of(&[409, 500, 503]),
                retry_after: None,
            },
        };
        let said = format!("{call:?} goes wrong: {fault:?}");
        self.world.azure.knobs(|knobs| knobs.next(call, fault));
        said
    }

    fn slow_or_failing_writes(&mut self) -> String {
        let takes = Duration::from_secs(self.dice.roll(40).into());
        let outcome = self.dice.one_of(&[
            Outcome::Succeeded,
            Outcome::Succeeded,
            Outcome::Succeeded,
            Outcome::Failed,
        ]);
        let writes = if takes.is_zero() {
            Writes::Immediate
        } else {
            Writes::Asynchronous {
                takes,
                retry_after: Duration::from_secs(2),
                outcome,
            }
        };
        self.world
            .azure
            .knobs(|knobs| knobs.writes = writes.clone());
        format!("writes are {writes:?}")
    }

    /// doorward works until nothing is left to do now; sometimes it is killed at a place where it
    /// waits, and sometimes others write inside its gap.
    async fn work(&mut self) {
        match self.dice.roll(8) {
            0 => {
                let polls = u32::from(self.dice.roll(60));
                if !cut::short(self.world.settle(), polls).await {
                    self.told
                        .story
                        .push(format!("  killed after {polls} polls"));
                    self.world.restart().await;
                }
            }
            1 => {
                let moment = self.dice.one_of(&[Moment::Before, Moment::After]);
                let call = self.dice.one_of(&[Call::PatchRegistry, Call::GetRegistry]);
                self.work_with_others_in_between(call, moment).await;
                return;
            }
            _ => {}
        }
        self.world.settle().await;
    }

    async fn work_with_others_in_between(&mut self, call: Call, moment: Moment) {
        let hold = self.world.azure.hold(call, moment);
        let (world, others, dice) = (&self.world, &mut self.others, &mut self.dice);
        let edit = async {
            hold.reached().await;
            let said = others.act(world, dice);
            hold.release();
            said
        };
        let work = world.settle();
        let (mut edit, mut work) = (Box::pin(edit), Box::pin(work));
        tokio::select! {
            said = &mut edit => {
                self.told.story.push(format!("  {call:?} is held {moment:?}: {said}"));
                work.await;
            }
            () = &mut work => {}
        }
    }

    /// Takes in what happened since.
    async fn judge_it(&mut self) {
        let entries = self.world.app.ledger.entries(self.read, 10_000).await;
        for entry in entries.unwrap() {
            self.read = entry.seq;
            let what = store::what(&entry).unwrap();
            self.judge.learn(entry.seq, entry.at, &what);
            self.tell(entry.at, &what);
        }
        let happened = self.world.azure.model(|model| model.take_journal(REGISTRY));
        self.judge.look(happened);
    }

    fn tell(&mut self, at: Timestamp, what: &What) {
        let more = match what {
            What::Granted(grant) => format!("{} {} until {}", grant.id, grant.address, grant.until),
            What::WriteIntended(write) => {
                format!("{} add {:?} remove {:?}", write.id, write.add, write.remove)
            }
            What::WriteSettled { write, outcome, .. } => format!("{write} {outcome:?}"),
            What::Opened { grant, .. } => grant.to_string(),
            What::Ended { grant, ending } => format!("{grant} {ending:?}"),
            What::Alerted(alert) => alert.code.clone(),
            What::Denied(_) | What::Decided { .. } | What::Delivered { .. } => return,
            _ => String::new(),
        };
        self.told
            .story
            .push(format!("    {at} {} {more}", what.kind()));
    }

    /// Faults stop, and time passes.
    async fn peace(&mut self) {
        self.told.story.push("peace".to_owned());
        self.world.azure.knobs(|knobs| {
            knobs.no_faults();
            knobs.writes = Writes::Immediate;
        });
        self.world
            .azure
            .model(|model| model.read_stale(REGISTRY, 0));
        come_to_rest(&self.world);
        let began = self.world.clock.now();
        for _ in 0..60 {
            self.world.jump(Duration::from_secs(30));
            self.world.settle().await;
            self.judge_it().await;
            let now = self.world.clock.now();
            if now.duration_since(began) >= SignedDuration::try_from(PEACE).unwrap() {
                self.judge.nothing_outlives_its_end(now, BOUND);
            }
            if !self.judge.violations.is_empty() {
                return;
            }
        }
    }

    async fn verdict(mut self) -> Told {
        let violations = &mut self.judge.violations;
        self.world.app.ledger.read(|state| {
            for standing in state.grants.values() {
                violations.push(format!("a grant never ends: {standing:?}"));
            }
            for registry in state.registries.values() {
                if let Some((_, write)) = &registry.unsettled {
                    violations.push(format!("write {} is never settled", write.id));
                }
            }
        });
        if let Err(error) = self.world.app.ledger.verify().await {
            violations.push(format!("the ledger's chain: {error}"));
        }
        let writes = self.world.azure.requests_of(Call::PatchRegistry);
        let mut sent = BTreeMap::new();
        for write in &writes {
            let id = write.headers.get("x-ms-correlation-request-id");
            *sent.entry(id).or_insert(0) += 1;
        }
        for (id, times) in sent {
            if times != 1 {
                violations.push(format!("the PATCH {id:?} was sent {times} times"));
            }
        }
        self.told.writes = writes.len();
        self.told.overwritten = self.judge.overwritten.len();
        self.told.violations = self.judge.violations;
        self.told
    }
}
