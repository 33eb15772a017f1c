//! Seeded schedules of refusals, faults, hostile writers, jumps of time and restarts; what must hold
//! holds at every step.

use crate::world::{REGISTRY, World};
use doorward::domain::ledger::What;
use doorward::sim::{Call, Fault, Outcome, Writes};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// How many schedules, and how many steps each has.
const SEEDS: u64 = 10;
const STEPS: usize = 25;

/// A small generator of numbers (xorshift), so that a seed tells the whole story again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u8) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u8::try_from(self.0 % u64::from(sides)).unwrap()
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        let place = self.roll(u8::try_from(all.len()).unwrap());
        all[usize::from(place)]
    }
}

/// What others have written, as they know it.
#[derive(Default)]
struct Others {
    entries: BTreeSet<String>,
    /// How many writes of ours there were when they last wrote.
    ours_before: usize,
}

impl Others {
    /// `az`, Terraform or a person adds or removes an entry, between two turns of ours.
    fn edit(&mut self, world: &World, dice: &mut Dice) {
        let entry = format!("40.90.{}.0/24", dice.roll(6));
        world.azure.model(|model| model.read_stale(REGISTRY, 0));
        self.ours_before = world.azure.requests_of(Call::PatchRegistry).len();
        // What is written while an operation of ours runs is inside the gap that cannot be closed.
        if world.azure.model(|model| model.is_updating(REGISTRY)) {
            return;
        }
        let was_there = self.entries.contains(&entry);
        world.azure.edit(REGISTRY, "somebody else", |registry| {
            if was_there {
                registry.disallow(&entry);
            } else {
                registry.allow(&entry);
            }
        });
        if was_there {
            self.entries.remove(&entry)
        } else {
            self.entries.insert(entry)
        };
    }

    /// Whether the last write to the list was ours.
    fn wrote_before_us(&self, world: &World) -> bool {
        world.azure.requests_of(Call::PatchRegistry).len() > self.ours_before
    }

    fn all_there(&self, world: &World) -> bool {
        let entries: BTreeSet<String> = world
            .entries()
            .into_iter()
            .filter(|entry| entry.contains('/'))
            .collect();
        entries == self.entries
    }
}

fn fault(dice: &mut Dice) -> Fault {
    match dice.roll(5) {
        0 => Fault::LostBefore,
        1 => Fault::LostAfter,
        2 => Fault::Throttled {
            retry_after: Duration::from_secs(3),
        },
        3 => Fault::Garbled,
        _ => Fault::Status {
            status: dice.one_of(&[409, 500, 503]),
            retry_after: None,
        },
    }
}

async fn step(world: &mut World, others: &mut Others, dice: &mut Dice) {
    match dice.roll(10) {
        0..3 => {
            world
                .denied(&format!("20.61.10.{}", 16 + dice.roll(4)))
                .await;
        }
        3..5 => others.edit(world, dice),
        5 => world
            .azure
            .knobs(|knobs| knobs.next(Call::PatchRegistry, fault(dice))),
        6 => world
            .azure
            .knobs(|knobs| knobs.next(Call::GetRegistry, fault(dice))),
        // A read that hides what others wrote is the gap that cannot be closed: not told here.
        7 if others.wrote_before_us(world) => {
            world.azure.model(|model| model.read_stale(REGISTRY, 1));
        }
        8 => world.restart().await,
        _ => {
            let takes = Duration::from_secs(dice.roll(40).into());
            let writes = Writes::Asynchronous {
                takes,
                retry_after: Duration::from_secs(2),
                outcome: Outcome::Succeeded,
            };
            world.azure.knobs(|knobs| {
                knobs.writes = if takes.is_zero() {
                    Writes::Immediate
                } else {
                    writes
                }
            });
        }
    }
    world.settle().await;
    let seconds = dice.one_of(&[1, 5, 40, 200]);
    world.jump(Duration::from_secs(seconds));
    world.settle().await;
}

/// One schedule, then peace: in the end nothing of ours stands, all of theirs does, and all is settled.
async fn schedule(seed: u64) {
    let mut world =
        World::with(|setup| setup.config["registries"][0]["grants_per_hour"] = json!(1000)).await;
    let (mut others, mut dice) = (
        Others::default(),
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
    );
    for number in 0..STEPS {
        step(&mut world, &mut others, &mut dice).await;
        assert!(
            others.all_there(&world),
            "seed {seed}, step {number}: others' entries are {:?}",
            world.entries()
        );
        within_what_was_granted(&world, seed).await;
    }
    world.azure.knobs(|knobs| {
        knobs.no_faults();
        knobs.writes = Writes::Immediate;
    });
    for _ in 0..30 {
        world.jump(Duration::from_mins(1));
        world.settle().await;
    }
    let ours: Vec<String> = world
        .entries()
        .into_iter()
        .filter(|entry| !entry.contains('/'))
        .collect();
    assert!(ours.is_empty(), "seed {seed}: {ours:?} outlive their ends");
    assert!(others.all_there(&world), "seed {seed}");
    world.app.ledger.read(|state| {
        assert!(
            state.grants.is_empty(),
            "seed {seed}: grants that never end: {:?}",
            state.grants
        );
        assert!(
            state
                .registries
                .values()
                .all(|registry| registry.unsettled.is_none()),
            "seed {seed}: unsettled"
        );
    });
    world.app.ledger.verify().await.unwrap();
}

/// No entry stands that was never granted.
async fn within_what_was_granted(world: &World, seed: u64) {
    let granted: BTreeSet<String> = world
        .ledger()
        .await
        .iter()
        .filter_map(|what| match what {
            What::Granted(grant) => Some(grant.address.to_string()),
            _ => None,
        })
        .collect();
    let strange = world
        .entries()
        .into_iter()
        .find(|entry| !entry.contains('/') && !granted.contains(entry));
    assert_eq!(strange, None, "seed {seed}");
}

#[tokio::test]
async fn whatever_happens_nothing_of_ours_stays_and_nothing_of_theirs_goes() {
    for seed in 1..=SEEDS {
        schedule(seed).await;
    }
}
