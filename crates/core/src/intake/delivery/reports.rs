//! Collects the reports of a delivery, each denial once within an event, and no more than a bound.

use super::Dimensions;
use crate::intake::denial::{Denial, Kind, Service};
use crate::intake::document::Value;
use crate::intake::extract;
use crate::intake::extract::json::Part;
use crate::intake::extract::{Found, record};
use crate::intake::report::{BadRecord, Change, Delivery, Evidence, Format, Report};
use crate::intake::work::WorkBudget;
use jiff::Timestamp;
use std::collections::HashSet;
use std::rc::Rc;

/// How many reports a delivery may hold. More are counted as passed over: a delivery of that many
/// different denials is a flood.
pub(super) const MOST: usize = 10_000;

/// What such a denial is counted as.
const BEYOND: &str = "denial beyond the bound of one delivery";

/// Azure Container Instances' code for an image that it could not pull.
pub(super) const INACCESSIBLE: &str = "InaccessibleImage";

/// What the envelope around a record says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Context {
    /// The sender's own id of the event.
    pub event_id: Option<String>,
    /// When it happened, as the envelope says.
    pub at: Option<Timestamp>,
    /// The registry that the event is about, as an ARM id.
    pub resource_id: Option<String>,
}

/// A refusal, with what shows it and what its record says beside.
pub(super) struct Finding {
    pub denial: Denial,
    pub evidence: Evidence,
    pub about: record::About,
    /// Whether the record speaks of an import between registries.
    pub import: bool,
}

/// The delivery as far as it has been read.
#[derive(Default)]
pub(super) struct Reports {
    /// The names that the source's alerts use.
    pub dimensions: Dimensions,
    /// Whether the body may speak of an image that was not accessible.
    inaccessible: bool,
    /// Whether nothing can be found in the body as it came.
    silent: bool,
    changes: Vec<Change>,
    records: usize,
    collected: Vec<Report>,
    bad: Vec<BadRecord>,
    validation_code: Option<String>,
    passed_over: Vec<(&'static str, usize)>,
    /// What may still be done for this body.
    work: Rc<WorkBudget>,
}

impl Reports {
    /// Nothing yet, of a body that may speak of an inaccessible image.
    pub(super) fn begin(
        dimensions: &Dimensions,
        inaccessible: bool,
        work: &Rc<WorkBudget>,
    ) -> Self {
        Self {
            work: Rc::clone(work),
            dimensions: dimensions.clone(),
            inaccessible,
            ..Self::default()
        }
    }

    /// Notes that there is nothing to be found in this body, but for what is encoded.
    pub(super) fn silent(&mut self) {
        self.silent = !self.inaccessible;
    }

    /// Counts work; whether any is left.
    pub(super) fn charge(&self, steps: usize) -> bool {
        self.work.charge(steps)
    }

    pub(super) fn is_silent(&self) -> bool {
        self.silent
    }

    /// Counts records.
    pub(super) fn records(&mut self, count: usize) {
        self.records = self.records.saturating_add(count);
    }

    /// Takes over records that could not be parsed.
    pub(super) fn bad(&mut self, bad: Vec<BadRecord>) {
        self.bad.extend(bad);
    }

    /// Notes a record that is not what its format asks for.
    pub(super) fn bad_record(&mut self, record: usize, error: &str) {
        self.bad.push(BadRecord {
            record,
            error: error.to_owned(),
        });
    }

    /// Notes a record that can open no door.
    pub(super) fn pass_over(&mut self, name: &'static str) {
        match self
            .passed_over
            .iter_mut()
            .find(|(known, _)| *known == name)
        {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.passed_over.push((name, 1)),
        }
    }

    /// Notes a change of a registry, within the bound of reports.
    pub(super) fn change(&mut self, change: Change) {
        if self.changes.len() < MOST {
            self.changes.push(change);
        } else {
            self.pass_over("change beyond the bound of one delivery");
        }
    }

    /// Notes the code of a subscription's validation.
    pub(super) fn validate(&mut self, code: &str) {
        self.validation_code = Some(code.to_owned());
    }

    /// Reports what a JSON value holds; returns how much that was.
    pub(super) fn value(&mut self, value: &Value<'_>, context: &Context) -> usize {
        let found = extract::json::in_value(value, &self.work);
        self.of_value(found, value, context)
    }

    /// The same of a row or an alert: only of what a service wrote as its result.
    pub(super) fn results(&mut self, value: &Value<'_>, context: &Context) -> usize {
        let found = extract::json::in_results(value, &self.work);
        self.of_value(found, value, context)
    }

    fn of_value(&mut self, found: Vec<Found>, value: &Value<'_>, context: &Context) -> usize {
        let import = !found.is_empty() && value.any_text(&extract::speaks_of_import);
        let count = self.found(found, context, import);
        let inaccessible = |text: &str| text.contains(INACCESSIBLE);
        if count == 0 && self.inaccessible && value.any_text(&inaccessible) {
            self.pass_over(crate::intake::delivery::INACCESSIBLE_IMAGE);
        }
        count
    }

    /// Reports what a text holds.
    pub(super) fn text(&mut self, text: &str, context: &Context) -> usize {
        let mut count: usize = 0;
        for part in extract::json::parts(text, &self.work) {
            let found = match part {
                Part::Text(text) => {
                    let found = extract::json::in_lines(&text, &self.work);
                    let import = !found.is_empty() && extract::speaks_of_import(&text);
                    self.found(found, context, import)
                }
                Part::Document(value) => self.document(&value, context),
            };
            count = count.saturating_add(found);
        }
        if count == 0 && self.inaccessible {
            self.pass_over(crate::intake::delivery::INACCESSIBLE_IMAGE);
        }
        count
    }

    /// Reports what a document in a text holds, an alert or an event read as such.
    fn document(&mut self, value: &Value<'_>, context: &Context) -> usize {
        if crate::intake::delivery::is_known(value) {
            let before = self.collected.len();
            // Beside text nothing says that it must be well-formed.
            crate::intake::delivery::read_record(Format::Json, (1, value), self);
            return self.collected.len().saturating_sub(before);
        }
        self.value(value, context)
    }

    fn found(&mut self, found: Vec<Found>, context: &Context, import: bool) -> usize {
        let mut seen = HashSet::new();
        let mut count: usize = 0;
        for found in found {
            if !seen.insert(found.denial.clone()) {
                continue;
            }
            count = count.saturating_add(1);
            let of_registry = found.denial.service == Service::Acr;
            let silent = found.denial.kind == Kind::Suspected && of_registry;
            let evidence = if found.row || silent {
                Evidence::Status403
            } else {
                Evidence::Message
            };
            let about = found.about.as_deref().cloned().unwrap_or_default();
            self.report(Report {
                denial: found.denial,
                evidence,
                event_id: context.event_id.clone(),
                at: found.at.or(about.at).or(context.at),
                // Of an import the envelope names the target, and the source refused.
                resource_id: about.resource_id.or_else(|| {
                    let refused = of_registry && (found.row || !import);
                    context.resource_id.clone().filter(|_| refused)
                }),
                login_server: about.login_server,
                identity: about.identity,
                user_agent: about.user_agent,
                // A status alone says nothing of an import: only its caller's name for itself could.
                import: import && of_registry && !found.row,
            });
        }
        count
    }

    /// Reports a refusal that is known by a status alone.
    pub(super) fn row(&mut self, denial: Denial, about: record::About, context: &Context) {
        let finding = Finding {
            denial,
            evidence: Evidence::Status403,
            about,
            import: false,
        };
        self.add(finding, context);
    }

    /// Reports a refusal.
    pub(super) fn add(&mut self, finding: Finding, context: &Context) {
        let Finding {
            denial,
            evidence,
            about,
            import,
        } = finding;
        self.report(Report {
            denial,
            evidence,
            event_id: context.event_id.clone(),
            at: about.at.or(context.at),
            resource_id: about.resource_id.or_else(|| context.resource_id.clone()),
            login_server: about.login_server,
            identity: about.identity,
            user_agent: about.user_agent,
            import,
        });
    }

    fn report(&mut self, report: Report) {
        if self.collected.len() < MOST {
            self.collected.push(report);
        } else {
            self.pass_over(BEYOND);
        }
    }

    /// The sender learns that there were more denials than one delivery may hold.
    fn beyond(&self) -> Option<BadRecord> {
        let (_, more) = self.passed_over.iter().find(|(what, _)| *what == BEYOND)?;
        Some(BadRecord {
            record: self.records,
            error: format!(
                "{more} more denials of this delivery were not taken: it may hold {MOST}; send them in smaller deliveries"
            ),
        })
    }

    pub(super) fn into_delivery(self, format: Format) -> Delivery {
        let beyond = self.beyond();
        let Self {
            records,
            collected,
            mut bad,
            validation_code,
            passed_over,
            changes,
            ..
        } = self;
        bad.sort_by_key(|bad| bad.record);
        bad.extend(beyond);
        Delivery {
            format,
            records,
            reports: collected,
            bad,
            validation_code,
            passed_over,
            changes,
        }
    }
}
