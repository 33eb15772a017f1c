//! One schedule: twenty-five steps of trouble, then peace, and what must be so in the end.

use super::cut;
use super::dice::Dice;
use super::judge::Judge;
use super::others::{Others, come_to_rest};
use crate::postgres;
use crate::world::{REGISTRY, Setup, World, settle};
use doorward::flow::app::App;
use doorward::store;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::grant::Stage;
use doorward_sim::{Call, Concurrent, Fault, Happened, Moment, Outcome, Writes};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

const STEPS: usize = 25;

/// How far two clocks are apart at most.
const APART: SignedDuration = SignedDuration::from_secs(180);

/// After so many half minutes of peace a registry has been looked at, if no event tells of a change.
const LOOKED_AT: usize = 12;

/// Who is refused then.
const LATECOMERS: [&str; 2] = ["20.61.10.28", "20.61.10.29"];

/// How many entries are kept for people.
const RESERVE: usize = 1;

/// Once faults have stopped, what hangs is settled after this at the latest.
const PEACE: Duration = Duration::from_mins(3);

/// An entry is gone this long after its end, while Azure answers; ownership tags say ends to the minute.
const BOUND: SignedDuration = SignedDuration::from_secs(60);
const BOUND_BY_OWNERSHIP_TAGS: SignedDuration = SignedDuration::from_secs(120);

/// What a schedule came to.
#[derive(Debug, Default)]
pub(crate) struct ScheduleReport {
    /// What was done and what came of it, in order.
    pub(crate) story: Vec<String>,
    /// How many steps that was.
    pub(crate) steps: usize,
    /// How many `PATCH`es Azure got.
    pub(crate) writes: usize,
    /// What others wrote inside our gap, and lost.
    pub(crate) overwritten: usize,
    /// How many alarms were judged, by their code.
    pub(crate) alarms: BTreeMap<String, usize>,
    /// What must never be.
    pub(crate) violations: Vec<String>,
}

/// Where the ledger stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Store {
    /// In a file, with one process.
    Sqlite,
    /// On a server, with two replicas.
    Postgres,
}

/// How this doorward is set up.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting that is on or off"
)]
struct Traits {
    ownership_tags: bool,
    restore_foreign: bool,
    restore_ours: bool,
    widen: bool,
    evictable: bool,
    /// Whether Event Grid tells of others' changes.
    events: bool,
    /// Whether doorward's clock jumps, ahead and back, while Azure's goes on.
    clock_jumps: bool,
}

impl Traits {
    fn rolled(dice: &mut Dice) -> Self {
        Self {
            ownership_tags: dice.once_in(3),
            restore_foreign: dice.once_in(2),
            restore_ours: dice.once_in(3),
            widen: dice.once_in(2),
            evictable: dice.once_in(3),
            events: !dice.once_in(3),
            clock_jumps: dice.once_in(4),
        }
    }

    fn set_up(self, setup: &mut Setup) {
        let Self {
            widen, evictable, ..
        } = self;
        setup.policy = format!(
            "
version: 1
sets: {{ ours: {{ cidrs: [20.61.10.0/27] }} }}
rules: [{{ name: ours, when: {{ address: ours }}, then: allow, for: 10m, widen: {widen}, evictable: {evictable} }}]
"
        );
        let registry = &mut setup.config["registries"][0];
        registry["grants_per_hour"] = json!(1000);
        registry["reserved_entries"] = json!(RESERVE);
        registry["restore_foreign"] = json!(self.restore_foreign);
        if self.ownership_tags {
            registry["ownership_tags"] = json!("tags");
        }
        if self.restore_ours {
            registry["drift"] = json!({ "ours_missing": "restore" });
        }
    }
}

struct Run {
    world: World,
    /// The other replica.
    replica: Option<Arc<App>>,
    traits: Traits,
    dice: Dice,
    others: Others,
    judge: Judge,
    /// How far the ledger has been read.
    read: i64,
    told: ScheduleReport,
}

/// Runs the schedule of one seed; none where PostgreSQL is wanted and not installed.
pub(crate) async fn schedule(seed: u64, store: Store) -> Option<ScheduleReport> {
    let mut dice = Dice::new(seed);
    let limit = dice.one_of(&[200, 200, 9]);
    let traits = Traits::rolled(&mut dice);
    let change = |setup: &mut Setup| traits.set_up(setup);
    let (world, replica) = match store {
        Store::Sqlite => (World::with(change).await, None),
        Store::Postgres => {
            let world = World::on(&postgres::database().await?, change).await;
            let replica = world.replica().await;
            (world, Some(replica))
        }
    };
    world
        .azure
        .edit(REGISTRY, "owner", |registry| registry.ip_rule_limit = limit);
    // What was so before doorward began is nobody's doing.
    world.azure.model(|model| model.take_journal(REGISTRY));
    let mut judge = Judge::default();
    judge.gives_back = traits.restore_foreign;
    judge.events = traits.events && !traits.clock_jumps;
    if traits.clock_jumps {
        judge.apart = APART;
    }
    let mut run = Run {
        world,
        replica,
        traits,
        dice,
        others: Others::default(),
        judge,
        read: 0,
        told: ScheduleReport::default(),
    };
    for _ in 0..STEPS {
        run.step().await;
        if !run.judge.violations.is_empty() {
            break;
        }
    }
    run.peace().await;
    Some(run.verdict())
}

/// Somebody who has a right to be let in.
fn refused(dice: &mut Dice) -> String {
    format!("20.61.10.{}", 16 + dice.roll(8))
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
        match dice.roll(13) {
            0..4 => {
                let address = refused(dice);
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
            9 if self.traits.ownership_tags && self.replica.is_none() && dice.once_in(3) => {
                self.world.lose_the_ledger().await;
                self.judge.the_ledger_is_lost(self.world.clock.now());
                self.read = 0;
                "the ledger is lost".to_owned()
            }
            9 => {
                self.restart().await;
                "a restart".to_owned()
            }
            10 => self.slow_or_failing_writes(),
            11 if self.traits.clock_jumps => self.a_clock_jumps(),
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

    /// The machine's clock is set, ahead or back.
    fn a_clock_jumps(&mut self) -> String {
        let off = self.dice.one_of(&[-90, -20, -1, 1, 20, 90]);
        let app = match &self.replica {
            Some(replica) if self.dice.once_in(2) => replica,
            _ => &self.world.app,
        };
        app.clock.put(SignedDuration::from_secs(off));
        format!("a clock is put {off} s off")
    }

    fn slow_or_failing_writes(&mut self) -> String {
        let takes = Duration::from_secs(self.dice.roll(40).into());
        let outcome = self.dice.one_of(&[
            Outcome::Succeeded,
            Outcome::Succeeded,
            Outcome::Succeeded,
            Outcome::Failed,
            Outcome::FailedButApplied,
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
                // A write takes up to 160 polls, most of what else there is to do less than 20.
                let most = self.dice.one_of(&[20, 160]);
                let polls = u32::from(self.dice.roll(most));
                if !cut::short(self.world.settle(), polls).await {
                    self.told
                        .story
                        .push(format!("  killed after {polls} polls"));
                    self.restart().await;
                }
            }
            1 => {
                let moment = self.dice.one_of(&[Moment::Before, Moment::After]);
                let call = self.dice.one_of(&[Call::PatchRegistry, Call::GetRegistry]);
                self.work_with_others_in_between(call, moment).await;
                return;
            }
            2 => self.a_writer_is_paused().await,
            3 | 4 => self.the_other_replica_works().await,
            _ => {}
        }
        self.world.settle().await;
    }

    async fn restart(&mut self) {
        self.world.restart().await;
        if self.replica.is_some() && self.dice.once_in(2) {
            self.replica = Some(self.world.replica().await);
        }
    }

    async fn the_other_replica_works(&mut self) {
        let Some(replica) = self.replica.clone() else {
            return;
        };
        if self.dice.once_in(2) {
            futures_util::join!(settle(&replica), self.world.settle());
            self.told.story.push("  both replicas work".to_owned());
        } else {
            settle(&replica).await;
            self.told.story.push("  the other replica works".to_owned());
        }
    }

    /// A replica stands still around its PATCH, its lease passes on, others write, and it wakes.
    async fn a_writer_is_paused(&mut self) {
        let Some(replica) = self.replica.clone() else {
            return;
        };
        let (call, moment) = self.dice.one_of(&[
            (Call::GetRegistry, Moment::After),
            (Call::PatchRegistry, Moment::Before),
            (Call::PatchRegistry, Moment::After),
        ]);
        let pause = self.dice.one_of(&[3, 20, 70, 200]);
        // The read right before the PATCH is not the turn's first.
        let before = match call {
            Call::GetRegistry => self.dice.roll(3),
            _ => 0,
        };
        let mut hold = self.world.azure.hold(call, moment);
        let (world, others, dice) = (&self.world, &mut self.others, &mut self.dice);
        let story = &mut self.told.story;
        let late = &mut self.judge.late;
        let meanwhile = async {
            for _ in 0..before {
                hold.reached().await;
                let next = world.azure.hold(call, moment);
                hold.release();
                hold = next;
            }
            hold.reached().await;
            if (call, moment) == (Call::PatchRegistry, Moment::Before) {
                let sent = world.azure.requests_of(call).pop().unwrap();
                let id = sent.headers.get("x-ms-correlation-request-id");
                late.extend(id.cloned());
            }
            world.jump(Duration::from_secs(pause));
            if pause > 60
                && let Some(database) = &world.database
            {
                database.leases_are_over().await;
            }
            story.push(format!(
                "  a writer stands still {pause} s, {moment:?} {call:?}"
            ));
            if dice.once_in(2) {
                story.push(format!("  {}", others.act(world, dice)));
            }
            if dice.once_in(2) {
                // What the sleeper does not know of.
                let address = refused(dice);
                world.denied(&address).await;
                story.push(format!("  {address} is refused"));
            }
            settle(&replica).await;
            hold.release();
        };
        let (mut meanwhile, mut work) = (Box::pin(meanwhile), Box::pin(world.settle()));
        tokio::select! {
            () = &mut meanwhile => work.await,
            () = &mut work => {}
        }
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
        if let Err(error) = self.world.app.ledger.verify().await {
            let broken = format!("the ledger's chain: {error}");
            self.judge.violations.push(broken);
        }
        let happened = self.world.azure.model(|model| model.take_journal(REGISTRY));
        if self.traits.events {
            for happened in &happened {
                self.event_grid_tells(happened).await;
            }
        }
        for happened in &happened {
            self.tell_of_azure(happened);
        }
        self.judge.look(happened);
        if !self.traits.clock_jumps {
            self.judge
                .nothing_is_late_in_silence(self.world.clock.now());
        }
    }

    /// Somebody else's change comes as an event.
    async fn event_grid_tells(&self, happened: &Happened) {
        let Happened::Changed { author, after, .. } = happened else {
            return;
        };
        if author.correlation.is_some() {
            return;
        }
        let at = after.last_modified_at.to_string();
        let event = json!([{
            "id": at, "topic": after.id(), "subject": after.id(), "eventTime": at,
            "eventType": "Microsoft.Resources.ResourceWriteSuccess",
            "dataVersion": "2", "metadataVersion": "1",
            "data": {
                "resourceUri": after.id(), "correlationId": "0b9d5a1c-0000-4000-8000-000000000000",
                "operationName": "Microsoft.ContainerRegistry/registries/write",
            },
        }]);
        let reply = self.world.deliver("clusters", &event.to_string()).await;
        assert_eq!(reply.status, 202, "{}", reply.text);
    }

    fn tell(&mut self, at: Timestamp, what: &LedgerEvent) {
        let more = match what {
            LedgerEvent::Granted(grant) => {
                format!("{} {} until {}", grant.id, grant.address, grant.until)
            }
            LedgerEvent::WriteIntended(write) => {
                format!("{} add {:?} remove {:?}", write.id, write.add, write.remove)
            }
            LedgerEvent::WriteSettled { write, outcome, .. } => format!("{write} {outcome:?}"),
            LedgerEvent::Opened { grant, .. } => grant.to_string(),
            LedgerEvent::Ended { grant, ending } => format!("{grant} {ending:?}"),
            LedgerEvent::Alerted(alert) => format!("{} {:?}", alert.code, alert.address),
            LedgerEvent::PossiblyOverwritten(told) => format!("{told:?}"),
            LedgerEvent::RegistryChanged { at, .. } => format!("{at:?}"),
            LedgerEvent::RegistrySeen {
                seen,
                base_of,
                asked,
                ..
            } => format!("{asked:?} base of {base_of:?}: {seen:?}"),
            LedgerEvent::Denied(_)
            | LedgerEvent::Decided { .. }
            | LedgerEvent::Delivered { .. } => return,
            _ => String::new(),
        };
        self.told
            .story
            .push(format!("    {at} {} {more}", what.kind()));
    }

    fn tell_of_azure(&mut self, happened: &Happened) {
        self.told.story.push(match happened {
            Happened::Read { at, author, shown } => {
                format!(
                    "      Azure: {at} {:?} was shown {:?}",
                    author.correlation,
                    shown.entries()
                )
            }
            Happened::Changed {
                author,
                before,
                after,
            } => format!(
                "      Azure: {} {:?} made {:?} ({:?}) of {:?}",
                after.last_modified_at,
                author.correlation,
                after.entries(),
                after.network_rules.default_action,
                before.entries(),
            ),
        });
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
        for app in self.replica.iter().chain([&self.world.app]) {
            app.clock.put(SignedDuration::ZERO);
        }
        let began = self.world.clock.now();
        for half_minutes in 1..=60 {
            self.world.jump(Duration::from_secs(30));
            if half_minutes == LOOKED_AT {
                for address in LATECOMERS {
                    self.world.denied(address).await;
                }
            }
            self.world.settle().await;
            if let Some(replica) = &self.replica {
                settle(replica).await;
            }
            self.judge_it().await;
            let now = self.world.clock.now();
            if now.duration_since(began) >= SignedDuration::try_from(PEACE).unwrap() {
                let bound = if self.traits.ownership_tags {
                    BOUND_BY_OWNERSHIP_TAGS
                } else {
                    BOUND
                };
                self.judge.nothing_outlives_its_end(now, bound);
                self.judge.at_peace = true;
            }
            if half_minutes == LOOKED_AT + 4 {
                self.nobody_waits_in_vain();
            }
            if !self.judge.violations.is_empty() {
                return;
            }
        }
    }

    /// Whoever is granted gets in, and so does whoever was refused last, where the list has room.
    fn nobody_waits_in_vain(&mut self) {
        let now = self.world.clock.now();
        let registry = self.world.azure.registry(REGISTRY).unwrap();
        let room = registry.ip_rule_limit.saturating_sub(RESERVE);
        let mut wait: Vec<Ipv4Addr> = self.world.app.ledger.read(|state| {
            let grants = state.grants.values();
            let wait = grants.filter(|it| it.stage != Stage::CoveredByExisting && !it.is_over(now));
            wait.map(|it| it.grant.address.get()).collect()
        });
        if registry.entries().len() < room {
            wait.extend(LATECOMERS.map(|address| address.parse::<Ipv4Addr>().unwrap()));
        }
        self.judge.nobody_waits_in_vain(&registry, wait.into_iter());
    }

    /// What was begun is over, and what was to be told was told.
    fn all_came_to_its_end(&mut self) {
        // An event is known to fall into a gap by its time: where clocks are off, it may be missed.
        if self.traits.events && !self.traits.clock_jumps {
            self.judge.all_was_told();
        }
        self.judge.what_is_called_open_stood();
        let violations = &mut self.judge.violations;
        self.world.app.ledger.read(|state| {
            for standing in state.grants.values() {
                violations.push(format!("a grant never ends: {standing:?}"));
            }
            for (_, denied) in state.undecided.values() {
                violations.push(format!("a denial has no verdict: {denied:?}"));
            }
            for registry in state.registries.values() {
                if let Some((_, write)) = &registry.unsettled {
                    violations.push(format!("write {} is never settled", write.id));
                }
            }
        });
    }

    fn verdict(mut self) -> ScheduleReport {
        // One that was broken off has not come to its end.
        if self.judge.violations.is_empty() {
            self.all_came_to_its_end();
        }
        let violations = &mut self.judge.violations;
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
        self.told.alarms = self.judge.alarms();
        self.told.violations = self.judge.violations;
        self.told
    }
}
