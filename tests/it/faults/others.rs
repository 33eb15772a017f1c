//! Everybody else who writes to the registry: people in the portal, `az` that reads, appends and
//! writes back, Terraform that puts its own list in place, an admin who flips switches.

use super::dice::Dice;
use crate::world::{REGISTRY, World};
use doorward_sim::{DefaultAction, IpRule, Registry};
use serde_json::{Map, json};

/// Who they are in the journal.
const SOMEBODY: &str = "somebody else";

/// What they have in hand.
#[derive(Default)]
pub(crate) struct Others {
    /// What `az` read and has not written back.
    read: Option<Vec<IpRule>>,
}

impl Others {
    /// One of them does something; says what.
    pub(crate) fn act(&mut self, world: &World, dice: &mut Dice) -> String {
        match dice.roll(10) {
            0..5 => portal(world, dice),
            5 | 6 => self.az(world, dice),
            7 => terraform(world, dice),
            8 => flip(world, dice),
            _ => edit_tags(world, dice),
        }
    }

    /// `az acr network-rule add`: what it read stays in its hand for a while, then all of it is
    /// written back with one more.
    fn az(&mut self, world: &World, dice: &mut Dice) -> String {
        let Some(mut rules) = self.read.take() else {
            let registry = world.azure.registry(REGISTRY).unwrap();
            self.read = Some(registry.network_rules.ip_rules);
            return "az reads the list".to_owned();
        };
        let entry = foreign(dice);
        rules.retain(|rule| rule.value != entry);
        rules.push(rule(&entry));
        edit(world, |registry| registry.network_rules.ip_rules = rules);
        format!("az writes back what it read, with {entry}")
    }
}

/// A person adds or removes one entry; sometimes one that doorward might want as well.
fn portal(world: &World, dice: &mut Dice) -> String {
    let entry = if dice.once_in(6) {
        format!("20.61.10.{}", 16 + dice.roll(4))
    } else {
        foreign(dice)
    };
    let registry = world.azure.registry(REGISTRY).unwrap();
    if !registry.entries().contains(&entry.as_str()) {
        edit(world, |registry| {
            registry.network_rules.ip_rules.push(rule(&entry));
        });
        return format!("a person adds {entry}");
    }
    edit(world, |registry| registry.disallow(&entry));
    format!("a person removes {entry}")
}

/// Terraform's own list takes the place of all that stands.
fn terraform(world: &World, dice: &mut Dice) -> String {
    let rules = [
        rule("40.91.0.0/24"),
        rule(&format!("40.91.{}.0/24", 1 + dice.roll(3))),
    ];
    edit(world, |registry| {
        registry.network_rules.ip_rules = rules.to_vec();
    });
    "Terraform puts its own list in place".to_owned()
}

/// An admin opens the registry to all, or closes public access; or takes that back.
fn flip(world: &World, dice: &mut Dice) -> String {
    let action = dice.once_in(2);
    edit(world, |registry| {
        if action {
            registry.network_rules.default_action = match registry.network_rules.default_action {
                DefaultAction::Allow => DefaultAction::Deny,
                DefaultAction::Deny => DefaultAction::Allow,
            };
        } else {
            registry.public_network_access = !registry.public_network_access;
        }
    });
    if action {
        "an admin flips the default action".to_owned()
    } else {
        "an admin flips public access".to_owned()
    }
}

fn edit_tags(world: &World, dice: &mut Dice) -> String {
    let (tag, value) = (format!("team-{}", dice.roll(3)), dice.roll(9).to_string());
    let said = format!("somebody sets the tag {tag} to {value}");
    edit(world, |registry| _ = registry.tags.insert(tag, value));
    said
}

/// All switches are where doorward can work.
pub(crate) fn come_to_rest(world: &World) {
    edit(world, |registry| {
        registry.network_rules.default_action = DefaultAction::Deny;
        registry.public_network_access = true;
    });
}

fn edit(world: &World, change: impl FnOnce(&mut Registry)) {
    world.azure.edit(REGISTRY, SOMEBODY, change);
}

/// With a field that doorward knows nothing of.
fn rule(value: &str) -> IpRule {
    let mut extra = Map::new();
    extra.insert("description".to_owned(), json!("ours, not doorward's"));
    IpRule {
        value: value.to_owned(),
        extra,
    }
}

fn foreign(dice: &mut Dice) -> String {
    match dice.roll(8) {
        6 => "20.61.11.7".to_owned(),
        7 => "20.61.8.0/22".to_owned(),
        third => format!("40.90.{third}.0/24"),
    }
}
