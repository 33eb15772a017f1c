//! Whether a rule can never decide because another one holds wherever it does. What is said here is
//! certain; of many rules that nothing reaches, nothing is said.

use crate::auth::proof::ClaimIs;
use crate::policy::{Glob, Rule, When};
use crate::sets::{AddressSet, Kind};
use std::sync::Arc;

/// Whether `wide` matches every denial that `narrow` matches, as far as the rules alone can tell.
pub(in crate::policy) fn includes(wide: &Rule, narrow: &Rule) -> bool {
    let as_fresh = match (wide.fresh, narrow.fresh) {
        (None, _) => true,
        (Some(wide), Some(narrow)) => narrow <= wide,
        (Some(_), None) => false,
    };
    as_fresh && conditions(&wide.when, &narrow.when)
}

fn conditions(wide: &When, narrow: &When) -> bool {
    let When {
        address,
        registry,
        repository,
        reference,
        source,
        claims,
        kind,
        identity,
        user_agent,
        hours,
        seen,
        attribution,
    } = wide;
    all_in(&narrow.address, address, is_part)
        && all_in(&narrow.registry, registry, glob)
        && all_in(&narrow.repository, repository, glob)
        && all_in(&narrow.reference, reference, glob)
        && all_in(&narrow.source, source, |one, other| one == other)
        && claims.iter().all(|wanted| demands(&narrow.claims, wanted))
        && all_in(&narrow.kind, kind, |one, other| one == other)
        && all_in(&narrow.identity, identity, glob)
        && all_in(&narrow.user_agent, user_agent, glob)
        && all_in(&narrow.hours, hours, |one, other| one == other)
        && all_in(&narrow.seen, seen, |one, other| other.includes(one))
        && all_in(&narrow.attribution, attribution, |one, other| one == other)
}

/// Whether each of the values of a condition lies in one of another rule's; a condition that is not
/// there holds for everything.
fn all_in<T>(narrow: &[T], wide: &[T], within: impl Fn(&T, &T) -> bool) -> bool {
    let in_one = |one: &T| wide.iter().any(|other| within(one, other));
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(in_one))
}

/// Whether a set lies in another, whatever is loaded.
fn is_part(part: &Arc<AddressSet>, whole: &Arc<AddressSet>) -> bool {
    if Arc::ptr_eq(part, whole) {
        return true;
    }
    if !whole.except.is_empty() {
        return false;
    }
    match (&part.kind, &whole.kind) {
        (Kind::Cidrs { ranges: one, .. }, Kind::Cidrs { ranges: other, .. }) => one.lie_in(other),
        (Kind::External(one), Kind::External(other)) => one == other,
        (Kind::AnyOf(parts), _) => parts.iter().all(|part| is_part(part, whole)),
        (_, Kind::AnyOf(wholes)) => wholes.iter().any(|whole| is_part(part, whole)),
        (Kind::Cidrs { .. }, Kind::External(_)) | (Kind::External(_), Kind::Cidrs { .. }) => false,
    }
}

/// Whether every name that `narrow` matches is one that `wide` matches.
fn glob(narrow: &Glob, wide: &Glob) -> bool {
    wide.is_everything()
        || wide == narrow
        || narrow.literal().is_some_and(|name| wide.matches(name))
}

/// Whether a rule that demands `claims` demands at least what `wanted` does.
fn demands(claims: &[ClaimIs], wanted: &ClaimIs) -> bool {
    let mut same = claims.iter().filter(|claim| claim.name == wanted.name);
    same.any(|claim| all_in(&claim.any, &wanted.any, glob))
}
