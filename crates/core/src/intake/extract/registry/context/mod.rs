//! Which registry refused, and what was asked of it, by what stands around the message.
//!
//! The nearest context speaks: the request right before the message, then its line, then the lines
//! above it, then the whole text if that names one registry only. What stays ambiguous is `None`.

mod line;

use super::host_reference;
use super::host_reference::Mention;
use super::import;
use super::import::targets;
use super::preceding_lines::Free;
use super::request_url;
use super::{name_owner, served};
use crate::intake::denial::Attribution;
use crate::intake::extract::message::phrase::Phrase;
use crate::intake::extract::message::positions;
use crate::intake::extract::text::lines;
use crate::intake::extract::text::lines::{LINE, Line};
use crate::intake::extract::text::page::Page;
use crate::intake::extract::text::window;
use regex::Regex;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// What the surroundings of a message say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::intake::extract) struct Place {
    pub registry: Option<String>,
    pub repository: Option<String>,
    pub reference: Option<String>,
    pub resource: Option<String>,
    /// The request was a login or a token's, so that no repository is missing.
    pub login: bool,
    /// How it is known that this registry refused.
    pub attribution: Option<Attribution>,
}

impl Place {
    /// The same, where it names a registry, known in this way.
    pub(in crate::intake::extract) fn graded(self, attribution: Attribution) -> Self {
        let attribution = self.registry.as_ref().map(|_| attribution);
        Self {
            attribution,
            ..self
        }
    }
}

/// A text with the places that matter in it.
pub(in crate::intake::extract) struct Scene<'t> {
    pub text: &'t str,
    pub phrases: &'t [Phrase],
    pub mentions: Vec<Mention>,
    /// By registry: what is asked of it anywhere in the text, successes aside.
    pub(in crate::intake::extract) asked: BTreeMap<String, Asked>,
    /// The line of each message.
    pub(in crate::intake::extract) lines: Vec<Line>,
    /// Where the text speaks of an import between registries.
    pub(in crate::intake::extract) imports: Vec<positions::Place>,
    /// Where the text has the ARM ids of registries.
    pub(in crate::intake::extract) ids: Vec<positions::Place>,
    /// Where each mention is settled, if it is: that registry has served.
    settled: Vec<Option<usize>>,
    /// How many registries are named that have not served.
    pub(in crate::intake::extract) unsettled: usize,
    /// The first mentions that messages may be about which name no registry themselves.
    pub(in crate::intake::extract) free: OnceCell<Free>,
}

/// Repositories with their references.
pub(in crate::intake::extract) type Asked = BTreeMap<String, BTreeSet<String>>;

const CUSTOM_HOSTS: usize = 64;

/// How often the text is gone over for what matters in it, and how many steps each mention takes.
const PASSES: usize = 5;

/// How often more, where it names any registry.
const NAMED_PASSES: usize = 4;
const MENTION: usize = 1200;

/// How many lines above an error the image is looked for that its step named.
const STEP_LINES: usize = 16;

impl<'t> Scene<'t> {
    pub(in crate::intake::extract) fn new(page: &Page<'t>, phrases: &'t [Phrase]) -> Self {
        let text = page.text;
        page.work.charge(text.len().saturating_mul(PASSES));
        let mut scene = Self {
            text,
            phrases,
            mentions: host_reference::all(text),
            asked: BTreeMap::new(),
            lines: lines::of(text, phrases),
            imports: Vec::new(),
            ids: Vec::new(),
            settled: Vec::new(),
            unsettled: 0,
            free: OnceCell::new(),
        };
        if !phrases.is_empty() {
            scene.imports = import::places(text);
            scene.ids = import::ids(text);
        }
        let hosts = scene.custom_hosts();
        scene
            .mentions
            .extend(request_url::mentions_of(text, &hosts));
        scene.mentions.sort_by_key(|mention| mention.start);
        let mentioned = scene.mentions.len();
        page.work.charge(mentioned.saturating_mul(MENTION));
        let hosted = hosts.len().div_euclid(8).saturating_mul(text.len());
        page.work.charge(hosted);
        if mentioned > 0 {
            page.work.charge(text.len().saturating_mul(NAMED_PASSES));
        }
        scene.settled = served::settled(text, &scene.mentions);
        scene.asked = scene.asked_anywhere();
        scene.unsettled = scene.count_unsettled();
        scene
    }

    pub(in crate::intake::extract) fn count_unsettled(&self) -> usize {
        let named = self.mentions.iter().zip(&self.settled);
        let open = named.filter(|(_, settled)| settled.is_none());
        let registries: BTreeSet<&String> = open
            .filter_map(|(mention, _)| mention.registry.as_ref())
            .collect();
        registries.len()
    }

    pub(in crate::intake::extract) fn asked_anywhere(&self) -> BTreeMap<String, Asked> {
        let mut anywhere: BTreeMap<String, Asked> = BTreeMap::new();
        for mention in &self.mentions {
            let Some(registry) = &mention.registry else {
                continue;
            };
            let asked = anywhere.entry(registry.clone()).or_default();
            if let Some(repository) = &mention.repository
                && !self.is_settled(mention)
            {
                let references = asked.entry(repository.clone()).or_default();
                references.extend(mention.reference.clone());
            }
        }
        anywhere
    }

    /// Custom domains that the messages' own frames or lines name.
    pub(in crate::intake::extract) fn custom_hosts(&self) -> Vec<String> {
        let mut hosts: Vec<String> = Vec::new();
        for (index, phrase) in self.phrases.iter().enumerate() {
            let host = match request_url::url_host(self.text, self.end_before(index), phrase.start)
            {
                Some((from, to)) => self.text.get(from..to),
                None => self.named_above(index),
            };
            if let Some(host) = host.filter(|host| !request_url::foreign(host))
                && !hosts.iter().any(|known| known == host)
            {
                hosts.push(host.to_owned());
                if hosts.len() >= CUSTOM_HOSTS {
                    break;
                }
            }
        }
        hosts
    }

    /// A custom domain named between the message before and this one, if no registry's own is.
    pub(in crate::intake::extract) fn named_above(&self, index: usize) -> Option<&'t str> {
        let phrase = self.phrases.get(index)?;
        let line = self.line(index)?;
        let from = self
            .end_before(index)
            .max(phrase.start.saturating_sub(2048));
        if self
            .within(from.min(line.from), phrase.start)
            .next()
            .is_some()
        {
            return None;
        }
        let above = window::between(self.text, from, phrase.start, 2048);
        let (from, to) = request_url::named_host(above)?;
        window::last(above, 1536).get(from..to)
    }

    pub(in crate::intake::extract) fn end_before(&self, index: usize) -> usize {
        let before = index
            .checked_sub(1)
            .and_then(|index| self.phrases.get(index));
        before.map_or(0, |phrase| phrase.end)
    }

    /// The mentions that begin in a range.
    pub(in crate::intake::extract) fn within(
        &self,
        from: usize,
        to: usize,
    ) -> impl DoubleEndedIterator<Item = &Mention> + Clone {
        let first = self
            .mentions
            .partition_point(|mention| mention.start < from);
        let last = self.mentions.partition_point(|mention| mention.start < to);
        self.mentions.get(first..last).unwrap_or_default().iter()
    }

    /// The line that the message `index` stands on.
    pub(in crate::intake::extract) fn line(&self, index: usize) -> Option<Line> {
        self.lines.get(index).copied()
    }

    /// Whether what a mention asks for was given.
    pub(in crate::intake::extract) fn is_settled(&self, mention: &Mention) -> bool {
        self.settled_at(mention).is_some()
    }

    pub(in crate::intake::extract) fn settled_at(&self, mention: &Mention) -> Option<usize> {
        let at = self
            .mentions
            .partition_point(|other| other.start < mention.start);
        self.settled.get(at).copied().flatten()
    }

    /// Whether a mention before the message at `start` was settled when the message came.
    pub(in crate::intake::extract) fn is_settled_before(
        &self,
        mention: &Mention,
        start: usize,
    ) -> bool {
        self.settled_at(mention).is_some_and(|at| at <= start)
    }

    /// What the surroundings of the message `index` say.
    pub(in crate::intake::extract) fn place(&self, index: usize) -> Place {
        let Some(phrase) = self.phrases.get(index) else {
            return Place::default();
        };
        let Some(line) = self.line(index) else {
            return Place::default();
        };
        let from = line.from.max(self.end_before(index));
        let to = match self.phrases.get(index.saturating_add(1)) {
            Some(next) if next.start < line.to => phrase.end,
            _ => line.to,
        };
        let import = self.import(phrase);
        let arm_id = self.arm_id(from, to);
        let mut place = match self.request(index) {
            Some(request) if request.registry.is_some() => {
                self.asked_at(request, from, to).graded(Attribution::Stated)
            }
            _ if import && self.source().is_some() => self.by_source(from, to),
            _ => self
                .by_line(phrase, from, to)
                .unwrap_or_else(|| self.guess(index, Line { from, to })),
        };
        if import
            && place
                .registry
                .as_ref()
                .is_some_and(|registry| targets(arm_id.as_deref(), registry))
        {
            place = Place::default();
        }
        place.resource = arm_id.filter(|_| !import);
        place
    }

    /// What the source of an import says: that on the message's own line states it.
    pub(in crate::intake::extract) fn by_source(&self, from: usize, to: usize) -> Place {
        let Some(source) = self.source() else {
            return Place::default();
        };
        let grade = if (from..to).contains(&source.start) {
            Attribution::Stated
        } else {
            Attribution::Inferred
        };
        self.asked_at(source, source.start, source.end)
            .graded(grade)
    }

    /// What other lines than the message's own say.
    pub(in crate::intake::extract) fn guess(&self, index: usize, line: Line) -> Place {
        self.by_other_lines(index, line)
            .graded(Attribution::Inferred)
    }

    /// The mention in the request right before the message.
    pub(in crate::intake::extract) fn request(&self, index: usize) -> Option<&Mention> {
        let start = self.phrases.get(index)?.start;
        let (from, to) = request_url::url_host(self.text, self.end_before(index), start)?;
        self.within(from, to.max(from.saturating_add(1))).next()
    }

    /// The place of a message whose registry is that of `named`, with what its line asks of it.
    pub(in crate::intake::extract) fn asked_at(
        &self,
        named: &Mention,
        from: usize,
        to: usize,
    ) -> Place {
        let registry = named.registry.clone();
        let of_registry =
            |mention: &&Mention| mention.registry == registry && mention.repository.is_some();
        let on_line: Vec<&Mention> = self.within(from, to).filter(of_registry).collect();
        let repository = named
            .repository
            .clone()
            .or_else(|| self.one_repository(&on_line));
        let mut login = repository.is_none() && (named.url && named.data || self.login(from, to));
        let above = (login && named.url && !named.data)
            .then(|| self.image_above(named, from, to))
            .flatten();
        let repository = repository.or_else(|| above.and_then(|image| image.repository.clone()));
        login &= repository.is_none();
        let mut place = Place {
            registry,
            repository,
            login,
            ..Place::default()
        };
        if place.repository.is_none() && on_line.is_empty() && !login {
            place.repository = self
                .anywhere(&place)
                .and_then(|asked| one(asked.keys()))
                .cloned();
        }
        if let Some(request) = self.asked_for_token(named, from) {
            place.reference.clone_from(&request.reference);
            return place;
        }
        place.reference = named
            .reference
            .clone()
            .filter(|_| named.repository.is_some())
            .or_else(|| above.and_then(|image| image.reference.clone()))
            .or_else(|| {
                let same = |mention: &&&Mention| mention.repository == place.repository;
                let on_line: BTreeSet<&String> = on_line
                    .iter()
                    .filter(same)
                    .filter_map(|mention| mention.reference.as_ref())
                    .collect();
                match on_line.len() {
                    0 => {
                        let references = self.anywhere(&place)?.get(place.repository.as_ref()?)?;
                        one(references).cloned()
                    }
                    _ => one(on_line).cloned(),
                }
            });
        place
    }

    pub(in crate::intake::extract) fn anywhere(&self, place: &Place) -> Option<&Asked> {
        self.asked.get(place.registry.as_ref()?)
    }

    /// The repository that these mentions ask for: the only one, or that of the last clause.
    pub(in crate::intake::extract) fn one_repository(
        &self,
        mentions: &[&Mention],
    ) -> Option<String> {
        let last = mentions.last()?;
        let clause = self.clause(last);
        let latest: BTreeSet<&String> = mentions
            .iter()
            .filter(|mention| mention.start >= clause)
            .filter_map(|mention| mention.repository.as_ref())
            .collect();
        one(latest).cloned()
    }

    /// Where the clause begins that a mention stands in.
    pub(in crate::intake::extract) fn clause(&self, mention: &Mention) -> usize {
        let before = window::between(self.text, 0, mention.start, 1024).as_bytes();
        let ends = |from: usize| match before.get(from..).unwrap_or_default() {
            [b'\n', ..] | [b';' | b'.' | b'?' | b'!', b' ', ..] => true,
            rest => rest.starts_with(b"], [") || rest.starts_with(b" | "),
        };
        let end = (0..before.len()).rev().find(|from| ends(*from));
        mention
            .start
            .saturating_sub(end.map_or(before.len(), |at| before.len().saturating_sub(at)))
    }

    /// Whether the line, or the one above it, is about a login or a token.
    pub(in crate::intake::extract) fn login(&self, from: usize, to: usize) -> bool {
        static LOGIN: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r"(?i)\blog(?:ging)?[ -]?in(?:to)?\b|registry secret|docker credentials|refresh.token|token exchange|/oauth2/").ok()
        });
        let above = window::between(self.text, 0, from, 200);
        let above = above
            .trim_end_matches('\n')
            .rsplit_once('\n')
            .map_or(above, |(_, line)| line);
        let line = window::between(self.text, from, to, LINE);
        LOGIN
            .as_ref()
            .is_some_and(|login| login.is_match(line) || login.is_match(above))
    }
}

/// The only item, if there is exactly one.
pub(in crate::intake::extract) fn one<T>(items: impl IntoIterator<Item = T>) -> Option<T> {
    let mut items = items.into_iter();
    let first = items.next()?;
    items.next().is_none().then_some(first)
}
