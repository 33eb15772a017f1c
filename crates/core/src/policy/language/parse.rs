//! Reading a policy: files to a checked [`Policy`], or everything that is wrong with them.

use super::rule::{observe, read_rule};
use super::set_definitions::Definitions;
use super::warnings;
use crate::policy::verdict::Action;
use crate::policy::{Policy, Rule};
use crate::sets::sha256;
use crate::yaml::problem::{Problems, Sink};
use crate::yaml::{self, Item, Node};

/// A file, taken apart as far as its top.
struct Document<'a> {
    file: usize,
    rules: Vec<Item<'a>>,
    default: Option<Item<'a>>,
    observe: bool,
}

/// Reads the files of a policy, each with its name, in the order of the rules.
///
/// # Errors
/// Every mistake in every file, each with its place and what to do.
pub fn parse(files: &[(String, String)]) -> Result<Policy, Problems> {
    let mut sinks: Vec<Sink<'_>> = files
        .iter()
        .map(|(name, text)| {
            let mut sink = Sink::new(name, text);
            sink.hide_urls();
            sink
        })
        .collect();
    let nodes: Vec<Option<Node>> = files
        .iter()
        .zip(&mut sinks)
        .map(|((_, text), sink)| yaml::load(text, sink))
        .collect();
    let mut definitions = Definitions::new(&mut sinks);
    let documents: Vec<Document<'_>> = nodes
        .iter()
        .enumerate()
        .filter_map(|(file, node)| open(node.as_ref()?, file, &mut definitions))
        .collect();
    let sets = definitions.resolve();
    let rules = rules(files, &documents, &mut definitions);
    let default = default(&documents, &mut definitions).unwrap_or(Action::Ask);
    definitions.warn_of_unused();
    warnings::warn(files, &rules, definitions.sinks);
    let problems = sinks.into_iter().flat_map(|sink| sink.finish().0).collect();
    let (warnings, errors) = Problems(problems).split();
    if !errors.0.is_empty() {
        return Err(errors);
    }
    // Where the folder is does not matter.
    let name = |name: &'_ str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let parts = files
        .iter()
        .flat_map(|(path, text)| [name(path), text.clone()]);
    Ok(Policy {
        hash: sha256(parts),
        sets,
        rules,
        default,
        warnings,
    })
}

/// The top of a file. Its sets are added to the definitions.
fn open<'a>(
    node: &'a Node,
    file: usize,
    definitions: &mut Definitions<'a, '_>,
) -> Option<Document<'a>> {
    let sink = definitions.sinks.get_mut(file)?;
    let mut fields = Item::document(node).fields(sink)?;
    let help = "say which version of the language this is: `version: 1`";
    if let Some(version) = fields.need("version", help, sink)
        && version.text(sink)? != "1"
    {
        version.error(
            "this version of the language is not known",
            "write `version: 1`",
            sink,
        );
    }
    let sets = fields.take("sets");
    let rules = fields.take("rules").and_then(|rules| rules.list(sink));
    let document = Document {
        file,
        rules: rules.unwrap_or_default(),
        default: fields.take("default"),
        observe: observe(&mut fields, sink).unwrap_or_default(),
    };
    fields.finish(sink);
    if let Some(sets) = sets {
        definitions.add(file, &sets);
    }
    Some(document)
}

/// The rules of all files in their order, names unique.
fn rules<'a>(
    files: &[(String, String)],
    documents: &[Document<'a>],
    definitions: &mut Definitions<'a, '_>,
) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for document in documents {
        let file_name = files.get(document.file).map_or("", |(name, _)| name);
        for item in &document.rules {
            let Some(mut rule) = read_rule(item, (document.file, file_name), definitions) else {
                continue;
            };
            rule.observe |= document.observe;
            if let (Some(first), Some(sink)) = (
                rules.iter().find(|other| other.name == rule.name),
                definitions.sinks.get_mut(document.file),
            ) {
                let what = format!(
                    "there is another rule `{}` ({}:{})",
                    rule.name, first.file, first.place.line
                );
                let help = "give one of the two another name: verdicts call rules by theirs";
                sink.error(&rule.place, &format!("{}.name", item.path), what, help);
            }
            rules.push(rule);
        }
    }
    rules
}

/// What happens to a denial that no rule matches; one file may say it.
fn default(documents: &[Document<'_>], definitions: &mut Definitions<'_, '_>) -> Option<Action> {
    let mut default = None;
    for document in documents {
        let sink = definitions.sinks.get_mut(document.file)?;
        let Some(item) = &document.default else {
            continue;
        };
        if default.is_some() {
            let help = "keep one of the two";
            item.error(
                "another file of this policy has a `default` already",
                help,
                sink,
            );
        }
        if document.observe {
            let what = "this counts although the rules of its file are only observed";
            let help = "move `default` to a file that is in force, or take it out";
            sink.warn(item.place(), &item.path, what.to_owned(), help);
        }
        default = item.word(&Action::NAMES, sink);
        if default == Some(Action::Allow) {
            let help = "write `default: ask`, and a rule with evidence for what may open";
            item.error(
                "the default cannot allow: that would open for everybody",
                help,
                sink,
            );
        }
    }
    default
}
