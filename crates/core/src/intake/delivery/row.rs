//! Reads a plain record of which only its status, or the registry's own sentence in it, is of
//! interest, without making a document of it.

use super::flat;
use super::flat::Object;
use super::reports::{Context, Finding, Reports};
use crate::intake::denial::{Attribution, Denial, Kind, Service};
use crate::intake::extract;
use crate::intake::extract::candidates::Class;
use crate::intake::extract::event_time;
use crate::intake::extract::message::quoted;
use crate::intake::extract::plain;
use crate::intake::extract::plain::Refusal;
use crate::intake::extract::record;
use crate::intake::extract::record::{Fields, Leaf, Named};
use crate::intake::extract::result_fields;
use crate::intake::report::Evidence;
use jiff::Timestamp;

/// A record's text, where it begins in the batch, and what was hit in it.
#[derive(Clone, Copy)]
pub(super) struct Piece<'p> {
    pub text: &'p str,
    pub from: usize,
    pub hits: &'p [(usize, Class)],
}

impl Piece<'_> {
    /// Where in the record those of a class are.
    fn hits(&self, class: Class) -> impl Iterator<Item = usize> {
        let found = self.hits.iter().filter(move |(_, of)| *of == class);
        found.map(|(at, _)| at.saturating_sub(self.from))
    }

    /// Where in the record letters are, or could be hidden.
    fn words(&self) -> impl Iterator<Item = usize> {
        self.hits(Class::Word).chain(self.hits(Class::Bracket))
    }

    pub(super) fn is_hit(&self, class: Class) -> bool {
        self.hits.iter().any(|(_, of)| *of == class)
    }
}

/// Reports what a record tells of, if anything. `None` if it is not as plain as that, so that it has to be read as a document.
pub(super) fn read(piece: &Piece<'_>, reports: &mut Reports) -> Option<()> {
    if piece.is_hit(Class::Document)
        || !piece
            .hits(Class::Status)
            .all(|at| alone(piece.text.as_bytes(), at))
    {
        return None;
    }
    let text = piece.text;
    let Object { top, properties } = flat::read(text)?;
    // An object in the record that could be a record itself is looked at first; those of Kubernetes are
    // none.
    let record = ["callerIpAddress", "category", "Type"];
    let known = |named: &Named<'_>| {
        let mut names = record.iter();
        let event =
            matches!(&named.value, Leaf::Said(said) if said == "Warning" || said == "Normal");
        names.any(|known| known.eq_ignore_ascii_case(named.name))
            && !(event && named.name.eq_ignore_ascii_case("Type"))
    };
    let over = top.iter().chain(&properties).any(tells_of_end);
    if over || twice(&top) || twice(&properties) || properties.iter().any(known) {
        return None;
    }
    let said = if piece.words().next().is_some() {
        Some(sentence(piece, &top, &properties)?)
    } else {
        None
    };
    let fields = Fields::flat(top, properties);
    let about = record::about(&fields);
    let finding = match (said, about) {
        (Some((mut denial, at)), about) => {
            // What does not bear it out is looked at as a document.
            if about.is_some() && !record::bears_out(&fields, &denial) {
                return None;
            }
            let mut about = about.unwrap_or_default();
            about.at = at.or(about.at);
            if denial.registry.is_some() && denial.registry == about.login_server {
                denial.attribution = Some(Attribution::Stated);
            }
            denial.resource.clone_from(&about.resource_id);
            Some(Finding {
                denial,
                evidence: Evidence::Message,
                about,
                import: extract::speaks_of_import(text),
            })
        }
        (None, Some(about)) => record::refusal(&fields, &about).map(|denial| Finding {
            denial,
            evidence: Evidence::Status403,
            about,
            // As in full reading: a status alone says nothing of an import.
            import: false,
        }),
        (None, None) => None,
    };
    if let Some(finding) = finding {
        reports.add(finding, &Context::default());
    }
    Some(())
}

/// The denial that the registry's own sentence tells of, if all that was hit stands in it; and when
/// what is nearest around it says that it was written.
fn sentence(
    piece: &Piece<'_>,
    top: &[Named<'_>],
    properties: &[Named<'_>],
) -> Option<(Denial, Option<Timestamp>)> {
    let first = piece.words().next()?;
    let holds = |named: &&Named<'_>| holds(named, first);
    let (inside, said) = match properties.iter().find(holds) {
        Some(said) => (true, said),
        None => (false, top.iter().find(holds)?),
    };
    let elsewhere = !piece.words().all(|at| self::holds(said, at));
    if elsewhere || quoted::is_query_name(said.name) || !result_fields::is_result(said.name) {
        return None;
    }
    let inner = event_time::of_named(properties).filter(|_| inside);
    let at = inner.or_else(|| event_time::of_named(top));
    let Leaf::Said(text) = &said.value else {
        return None;
    };
    let Refusal { ip, image } = plain::refusal(text)?;
    let denial = Denial {
        kind: Kind::Denied,
        service: Service::Acr,
        ip: Some(ip),
        registry: None,
        repository: None,
        reference: None,
        resource: None,
        attribution: None,
    };
    if let Some(image) = image {
        let denial = Denial {
            registry: Some(image.registry.to_owned()),
            repository: Some(image.repository.to_owned()),
            reference: image.reference.map(str::to_owned),
            attribution: Some(Attribution::Stated),
            ..denial
        };
        return Some((denial, at));
    }
    let registry = if inside {
        plain::registry_beside(said, &[&[properties], &[top]])
    } else {
        plain::registry_beside(said, &[&[top, properties]])
    };
    let registry = registry.ok()?;
    let denial = Denial {
        registry: registry.map(|(host, _)| host.to_owned()),
        attribution: registry.map(|(_, grade)| grade),
        ..denial
    };
    Some((denial, at))
}

/// Whether a field says that what the record tells of is over, which may be no denial then.
fn tells_of_end(named: &Named<'_>) -> bool {
    matches!(&named.value, Leaf::Said(said) if quoted::is_over(named.name, said))
}

/// Whether a string stands at a place of its record.
fn holds(named: &Named<'_>, at: usize) -> bool {
    matches!(named.value, Leaf::Said(_)) && (named.from..named.end).contains(&at)
}

/// Whether the 403 at `at` is all that its string or number says, or part of a longer number or word
/// in which it means nothing.
fn alone(raw: &[u8], at: usize) -> bool {
    let before = raw.get(at.saturating_sub(6)..at).unwrap_or_default();
    let after = at.checked_add(3).and_then(|end| raw.get(end));
    if after.is_some_and(|next| next.is_ascii_alphanumeric() && *next != b'u') {
        return true;
    }
    if before
        .iter()
        .any(|byte| matches!(byte, b'\\' | b'#' | b'%'))
    {
        return false;
    }
    match before.last() {
        Some(b'0'..=b'9') => true,
        Some(b'"' | b':' | b' ') => matches!(after, Some(b'"' | b',' | b'}')),
        _ => false,
    }
}

/// Whether a name is there twice, in any case: then the order says which counts. There are no more
/// names than [`flat::MOST_NAMES`], so that comparing each with each is soon done.
fn twice(names: &[Named<'_>]) -> bool {
    let mut rest = names;
    while let Some((named, others)) = rest.split_first() {
        if others
            .iter()
            .any(|other| other.name.eq_ignore_ascii_case(named.name))
        {
            return true;
        }
        rest = others;
    }
    false
}
