//! What the objects around a text name beside it: the registry and the image of the same record.
//!
//! What says so by its name (`loginServer`, `registry`, `image` beside `error`) states it; whatever else
//! names a registry is nearby. The image of whoever logs says nothing (`whose`).

use super::host_reference;
use super::host_reference::Mention;
use super::name_owner;
use super::name_owner::Role;
use super::{request_url, served};
use crate::intake::denial::{Attribution, Denial};
use crate::intake::document::Value;
use crate::intake::extract::event_time;
use crate::intake::extract::message::quoted;
use crate::intake::extract::text::said::Word;
use crate::intake::extract::text::unescape;
use crate::intake::work::WorkBudget;
use jiff::Timestamp;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

/// How much is looked through for the registry that a record names elsewhere than beside its message.
const ELSEWHERE: usize = 1 << 20;

/// The most pairs of a name and a value that are one record.
const PAIRS: usize = 128;

/// The value that was come from, and what is named beside it.
type Last<'v> = (Option<&'v Value<'v>>, Option<Rc<Named>>);

/// An object or array around the value being read.
pub(in crate::intake::extract) struct Around<'v> {
    pub value: &'v Value<'v>,
    /// What is named in it, but for the value that was come from: the last that was asked for, for each
    /// way of asking.
    last: [Option<Last<'v>>; 4],
    /// When it was written, as its own fields say.
    at: OnceCell<Option<Timestamp>>,
}

impl<'v> Around<'v> {
    pub(in crate::intake::extract) fn of(value: &'v Value<'v>) -> Self {
        Self {
            value,
            last: [const { None }; 4],
            at: OnceCell::new(),
        }
    }

    /// When it was written, as its own fields say.
    pub(in crate::intake::extract) fn at(&self) -> Option<Timestamp> {
        *self.at.get_or_init(|| event_time::of_record(self.value))
    }
}

/// What is named beside a text. Where several are named, none is.
#[derive(Debug)]
pub(in crate::intake::extract) struct Named {
    pub registry: Option<String>,
    pub repository: Option<String>,
    pub reference: Option<String>,
    pub grade: Attribution,
}

/// Where a field stands, seen from a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::intake::extract) enum Reach {
    /// Right beside it.
    ShadowPolicy,
    /// Right beside it, in a record that a shipper wrote.
    Shipped,
    /// Further away.
    Away,
}

/// What is known of the text beside which a field stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::intake::extract) struct Said {
    /// Whether its field is what a shipper calls the line that it ships.
    pub is_line: bool,
    /// Where the field stands.
    pub reach: Reach,
    /// Whether the field stands around several records.
    pub of_items: bool,
}

/// How far a field of this name says that its registry refused; `None` if it says nothing of that.
pub(in crate::intake::extract) fn grade(
    name: &str,
    direct: bool,
    said: Said,
) -> Option<Attribution> {
    let near = said.reach != Reach::Away && direct;
    let shipped = said.reach == Reach::Shipped;
    match name_owner::role(name) {
        Role::Logger => None,
        Role::Registry if !said.of_items => Some(Attribution::Stated),
        Role::Request if near => Some(Attribution::Stated),
        Role::Image if near && said.is_line && shipped => None,
        Role::Image if near && !said.is_line && !shipped => Some(Attribution::Stated),
        Role::Registry | Role::Request | Role::Image | Role::Nearby => Some(Attribution::Inferred),
    }
}

/// Completes a denial whose message stands in the field `key` by what the objects around it name, the
/// nearest that names any registry; not if it names several. Other items of an array are other records, and
/// say nothing about this one.
pub(in crate::intake::extract) fn complete<'v>(
    denial: &mut Denial,
    key: &str,
    above: &mut [Around<'v>],
    looker: &mut Looker<'_>,
) {
    let mut inner: Option<&'v Value<'v>> = None;
    let mut said = Said {
        is_line: name_owner::is_line(key),
        reach: Reach::ShadowPolicy,
        of_items: false,
    };
    for around in above.iter_mut().rev() {
        let value = around.value;
        let named = looker.named(around, inner, said);
        let is_list = value.is_array();
        said.of_items |= is_list && beside(value).is_empty();
        if !is_list {
            said.reach = Reach::Away;
        }
        inner = Some(value);
        if let Some(named) = named {
            named.settle(denial);
            return;
        }
    }
}

impl Named {
    /// Takes over what is named, if that is one registry.
    fn settle(&self, denial: &mut Denial) {
        let stated = self.grade == Attribution::Stated;
        let Some(registry) = &self.registry else {
            return;
        };
        let other = denial
            .registry
            .as_ref()
            .is_some_and(|known| known != registry);
        if other {
            if !stated || denial.names_registry_surely() {
                return;
            }
            // What states it stands against a guess.
            (denial.registry, denial.repository, denial.reference) = (None, None, None);
        }
        if stated || denial.registry.is_none() {
            denial.attribution = Some(self.grade);
        }
        denial.registry = Some(registry.clone());
        if denial.repository.is_none() {
            denial.repository.clone_from(&self.repository);
            denial.reference.clone_from(&self.reference);
        }
    }
}

/// Looks around, at every string once.
pub(in crate::intake::extract) struct Looker<'w> {
    work: &'w WorkBudget,
    /// How much may still be looked through.
    left: usize,
    /// What strings name, by where they are; those that name nothing too.
    strings: HashMap<usize, Rc<[Mention]>>,
    nothing: Rc<[Mention]>,
}

impl<'w> Looker<'w> {
    pub(in crate::intake::extract) fn new(work: &'w WorkBudget) -> Self {
        Self {
            work,
            left: ELSEWHERE,
            strings: HashMap::new(),
            nothing: Rc::new([]),
        }
    }

    /// A looker into a document within this one, for which no more is left.
    pub(in crate::intake::extract) fn within(&self) -> Self {
        Self {
            left: self.left,
            ..Self::new(self.work)
        }
    }

    /// Takes over what a looker into a document within this one has left.
    pub(in crate::intake::extract) fn after(&mut self, inner: &Looker<'_>) {
        self.left = inner.left;
    }

    /// What `around` names but for `inner`, from which one comes; `None` if it names no registry.
    pub(in crate::intake::extract) fn named<'v>(
        &mut self,
        around: &mut Around<'v>,
        inner: Option<&'v Value<'v>>,
        mut said: Said,
    ) -> Option<Rc<Named>> {
        self.work.charge(1);
        let way = usize::from(said.is_line) | usize::from(said.of_items) << 1;
        let last = around.last.get(way).and_then(Option::as_ref);
        if let Some((known, named)) = last
            && same(*known, inner)
        {
            return named.clone();
        }
        let mut fields = beside(around.value);
        fields.retain(|(_, field)| !inner.is_some_and(|inner| holds(inner, field)));
        // Who wrote the record matters for images only.
        let image = |(name, _): &(&str, &Value<'_>)| name_owner::speaks_of_image(name);
        let shipped = |(name, _): &(&str, &Value<'_>)| name_owner::is_shippers(name);
        if said.reach == Reach::ShadowPolicy
            && self.take(fields.len())
            && fields.iter().any(image)
            && fields.iter().any(shipped)
        {
            said.reach = Reach::Shipped;
        }
        let mut mentions = Vec::new();
        for (key, field) in fields {
            self.collect((key, field), true, said, &mut mentions);
        }
        // What was looked through in part may name another one in the rest.
        let whole = self.left > 0;
        let named = summary(&mentions).filter(|_| whole).map(Rc::new);
        if let Some(last) = around.last.get_mut(way) {
            *last = Some((inner, named.clone()));
        }
        named
    }

    /// Whether so much may still be looked at.
    fn take(&mut self, steps: usize) -> bool {
        self.work.charge(steps);
        let left = self.left.checked_sub(steps);
        self.left = left.unwrap_or_default();
        left.is_some()
    }

    /// The registries that the strings of a field name, as far as may be looked.
    fn collect(
        &mut self,
        (key, value): (&str, &Value<'_>),
        direct: bool,
        said: Said,
        named: &mut Vec<(Mention, Attribution)>,
    ) {
        const NODE: usize = 16;
        if self.left == 0 || quoted::is_query_name(key) {
            return;
        }
        match value {
            Value::String(text) => {
                if !self.take(NODE) {
                    return;
                }
                let mentions = self.named_by(key, text);
                if mentions.is_empty() {
                    return;
                }
                if let Some(grade) = grade(key, direct, said) {
                    named.extend(mentions.iter().map(|mention| (mention.clone(), grade)));
                }
            }
            Value::Array(_) | Value::Object(_) if grade(key, direct, said).is_none() => {}
            Value::Array(items) => {
                let inside = Said {
                    of_items: true,
                    ..said
                };
                for item in items {
                    if !self.take(1) {
                        return;
                    }
                    let field = pair(item).unwrap_or((key, item));
                    self.collect(field, false, inside, named);
                }
            }
            Value::Object(fields) => {
                for (key, field) in fields.iter() {
                    if !self.take(1) {
                        return;
                    }
                    self.collect((key, field), false, said, named);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The registries that one string names: by their own domain anywhere in it, by a custom domain
    /// where its key says that it is an image or a registry.
    fn named_by(&mut self, key: &str, text: &str) -> Rc<[Mention]> {
        let place = text.as_ptr().addr();
        if let Some(known) = self.strings.get(&place) {
            return Rc::clone(known);
        }
        if !self.take(text.len()) {
            return Rc::clone(&self.nothing);
        }
        let named: Rc<[Mention]> = if may_name(key, text) {
            let mut named = named_by(key, text, self.work);
            named.retain(|mention| mention.registry.is_some());
            named.into()
        } else {
            Rc::clone(&self.nothing)
        };
        self.strings.insert(place, Rc::clone(&named));
        named
    }
}

fn same(one: Option<&Value<'_>>, other: Option<&Value<'_>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => std::ptr::eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// What all of these name together; `None` if there are none. What is stated counts before what is near.
fn summary(named: &[(Mention, Attribution)]) -> Option<Named> {
    if named.is_empty() {
        return None;
    }
    let stated = named.iter().any(|(_, grade)| *grade == Attribution::Stated);
    let grade = if stated {
        Attribution::Stated
    } else {
        Attribution::Inferred
    };
    let mentions = || {
        named
            .iter()
            .filter(|(_, of)| *of == grade)
            .map(|(mention, _)| mention)
    };
    let registry = only(mentions().map(|mention| mention.registry.as_ref()));
    let images = || mentions().filter(|mention| mention.repository.is_some());
    let repository = only(images().map(|image| image.repository.as_ref()));
    let reference =
        only(images().map(|image| image.reference.as_ref())).filter(|_| repository.is_some());
    Some(Named {
        registry,
        repository,
        reference,
        grade,
    })
}

/// The fields of a record. Pairs of a name and a value are fields as well: so Azure Batch and
/// OpenTelemetry write records.
fn beside<'v, 't>(value: &'v Value<'t>) -> Vec<(&'v str, &'v Value<'t>)> {
    match value {
        Value::Object(fields) => fields.iter().collect(),
        Value::Array(_) => pairs(value).unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// The pairs of a name and a value that an array is.
pub(in crate::intake::extract) fn pairs<'v, 't>(
    value: &'v Value<'t>,
) -> Option<Vec<(&'v str, &'v Value<'t>)>> {
    let items = value.as_array().filter(|items| items.len() <= PAIRS)?;
    items.iter().map(pair).collect()
}

/// The name and the value of an object that is a pair of them.
pub(in crate::intake::extract) fn pair<'v, 't>(
    item: &'v Value<'t>,
) -> Option<(&'v str, &'v Value<'t>)> {
    let fields = item.as_object().filter(|fields| fields.len() == 2)?;
    let name = fields.get("name").or_else(|| fields.get("key"))?;
    Some((name.as_str()?, fields.get("value")?))
}

/// Whether `field` is the value that was come from, or the one of the pair that it is.
fn holds(inner: &Value<'_>, field: &Value<'_>) -> bool {
    std::ptr::eq(inner, field)
        || inner
            .get("value")
            .is_some_and(|value| std::ptr::eq(value, field))
}

/// The value that all of these are, if there is any.
fn only<'m>(mut values: impl Iterator<Item = Option<&'m String>>) -> Option<String> {
    let first = values.next()??;
    values
        .all(|value| value == Some(first))
        .then(|| first.clone())
}

/// Whether a text can name a registry: its domain stands in it, or what may hide it, or its key says so.
fn may_name(key: &str, text: &str) -> bool {
    const DOMAIN: Word = Word::new("azurecr", 1);
    let hides = |byte: u8| {
        matches!(byte, b'\\' | b'%' | b'&' | b'#' | b'[' | b'^')
            || !byte.is_ascii()
            || byte.is_ascii_control()
    };
    DOMAIN.is_in(text) || text.bytes().any(hides) || names_image(key)
}

fn named_by(key: &str, text: &str, work: &WorkBudget) -> Vec<Mention> {
    let text = unescape::clean(text, work);
    work.charge(text.len());
    let mut own = host_reference::all(&text);
    // What a text tells as served says nothing of who refused.
    let served = served::settled(&text, &own);
    let mut served = served.iter();
    own.retain(|_| served.next().is_none_or(Option::is_none));
    if !own.is_empty() || !names_image(key) {
        return own;
    }
    let line = format!("image {text}");
    let host = request_url::named_host(&line);
    host.map(|(from, to)| host_reference::custom_domain(&line, from, to))
        .into_iter()
        .collect()
}

/// Whether what goes by this name is an image or a registry.
pub(in crate::intake::extract) fn names_image(key: &str) -> bool {
    const KEYS: &[&str] = &[
        "image",
        "registry",
        "loginserver",
        "login_server",
        "registryserver",
        "registry_server",
        "imagename",
        "image_name",
    ];
    KEYS.iter().any(|known| key.eq_ignore_ascii_case(known))
}
