//! The policy folder: its policy, and the files that its sets name.

use super::{LoadError, read_text};
use doorward_core::policy::testing::cases;
use doorward_core::policy::testing::cases::Case;
use doorward_core::policy::{self, Policy};
use doorward_core::sets::sources::geo::Geo;
use doorward_core::sets::sources::service_tags::ServiceTags;
use doorward_core::sets::sources::{cidr_list, github_meta};
use doorward_core::sets::{
    Answer, External, Loaded, MetaFrom, Ranges, Sets, TagsFrom, WIDEST_OWNED,
};
use doorward_core::yaml::problem::Problems;
use ipnet::IpNet;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Reads the policy: every `*.yaml` and `*.yml` of the folder in the order of their names, but for
/// `*.cases.yaml`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_policies(folder: &Path) -> Result<Policy, LoadError> {
    let texts = texts(folder, |name| !is_cases(name))?;
    let mut policy = policy::parse(&texts)?;
    if texts.is_empty() {
        let what = format!(
            "there is no policy in this folder (`*.yaml`): every denial is answered with `{}`",
            policy.default
        );
        let help = "write a policy, or name another folder";
        policy
            .warnings
            .0
            .push(LoadError::warning(folder, what, help));
    }
    Ok(policy)
}

/// Reads the cases of a policy: every `*.cases.yaml` and `*.cases.yml` of its folder.
///
/// # Errors
/// Everything that is wrong with them.
pub fn load_cases(folder: &Path, policy: &Policy) -> Result<Vec<Case>, LoadError> {
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    for (name, text) in texts(folder, is_cases)? {
        match cases::parse(&name, &text, policy) {
            Ok(cases) => all.extend(cases),
            Err(found) => problems.extend(found.0),
        }
    }
    if problems.is_empty() {
        Ok(all)
    } else {
        Err(Problems(problems).into())
    }
}

/// Whether a YAML file of this name holds cases, not policy.
fn is_cases(name: &str) -> bool {
    name.contains(".cases.")
}

/// The wanted YAML files of a folder in the order of their names, each with its text.
fn texts(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<(String, String)>, LoadError> {
    let help = "create the folder, or name another under `policies` in the configuration";
    let unreadable = |error: std::io::Error| LoadError::unreadable(folder, &error, help);
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let yaml = [".yaml", ".yml"].iter().any(|end| name.ends_with(end));
        if yaml && !name.starts_with('.') && wanted(&name) {
            paths.push(path);
        }
    }
    paths.sort();
    let read = paths
        .into_iter()
        .map(|path| Ok((path.display().to_string(), read(folder, &path)?)));
    read.collect()
}

/// How the files of a policy folder look from outside: name, length and time of the last change of each.
pub type Fingerprint = Vec<(PathBuf, u64, Option<SystemTime>)>;

/// Looks at the files of a folder without reading them. What cannot be looked at is left out.
pub fn fingerprint(folder: &Path) -> Fingerprint {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Fingerprint = paths
        .filter_map(|path| {
            let about = std::fs::metadata(&path)
                .ok()
                .filter(std::fs::Metadata::is_file)?;
            Some((path, about.len(), about.modified().ok()))
        })
        .collect();
    found.sort();
    found
}

fn read(folder: &Path, path: &Path) -> Result<String, LoadError> {
    stays(folder, path)?;
    read_text(path).map_err(|error| LoadError::unreadable(path, &error, ""))
}

/// Refuses a symbolic link that leads out of the policy folder: what is wrong with a file is told line by
/// line, and who may write policies may not read everything that doorward can. (Links within it are how
/// Kubernetes mounts a folder.)
fn stays(folder: &Path, path: &Path) -> Result<(), LoadError> {
    let real = |path: &Path| path.canonicalize().ok();
    match (real(folder), real(path)) {
        (Some(folder), Some(real)) if !real.starts_with(&folder) => {
            let what =
                "this is a symbolic link that leads out of the policy folder, and is not followed";
            let help = "put the file itself into the folder";
            Err(LoadError::about(path, what.to_owned(), help))
        }
        // What is not there is told by whoever reads it.
        _ => Ok(()),
    }
}

/// Loads the addresses of one set that stands in a file of the policy folder. A set that comes over
/// the network is not for this to load, and has no addresses here.
///
/// # Errors
/// A file that cannot be read, and every wrong line in it.
pub fn load_file(folder: &Path, external: &External) -> Result<Answer, LoadError> {
    Files::new(folder).load(external)
}

/// Loads every set of a policy that stands in a file.
///
/// # Errors
/// Every file that cannot be read, every wrong line, and addresses too wide to be evidence.
pub fn load_files(policy: &Policy, folder: &Path, now: Timestamp) -> Result<Sets, LoadError> {
    let mut files = Files::new(folder);
    let mut sets = Sets::default();
    let mut problems = Problems::default();
    let evidence = policy.evidence();
    for external in policy.needs() {
        if !external.in_file() {
            continue;
        }
        let loaded = files.load(&external);
        let checked = loaded.and_then(|answer| {
            if evidence.contains(&external) {
                narrow_enough(folder, &external, &answer.networks)?;
            }
            Ok(answer)
        });
        match checked {
            Ok(answer) => {
                let ranges = Ranges::new(answer.networks);
                let loaded = Loaded::new(ranges, now, answer.change_number);
                sets = sets.with_loaded(external, loaded);
            }
            Err(LoadError::Problems(more)) => problems.0.extend(more.0),
        }
    }
    if problems.0.is_empty() {
        Ok(sets)
    } else {
        Err(problems.into())
    }
}

fn narrow_enough(folder: &Path, external: &External, networks: &[IpNet]) -> Result<(), LoadError> {
    let ranges = Ranges::new(networks.iter().copied());
    match (external, ranges.wider_than(WIDEST_OWNED)) {
        (External::CidrsFile(name), Some((start, end))) => {
            let what = format!(
                "a rule allows what this file holds, and {start} to {end} is more than a /{WIDEST_OWNED}: nobody owns that"
            );
            let help = "list the networks that are yours, or let the rule ask";
            Err(LoadError::about(&folder.join(name), what, help))
        }
        _ => Ok(()),
    }
}

/// The files of a folder; a service-tag file or a database is read once for all.
struct Files<'a> {
    folder: &'a Path,
    tags: BTreeMap<String, ServiceTags>,
    databases: BTreeMap<String, Geo>,
}

impl<'a> Files<'a> {
    fn new(folder: &'a Path) -> Self {
        Self {
            folder,
            tags: BTreeMap::new(),
            databases: BTreeMap::new(),
        }
    }

    fn load(&mut self, external: &External) -> Result<Answer, LoadError> {
        match external {
            External::CidrsFile(name) => {
                let path = self.folder.join(name);
                let name = path.display().to_string();
                Ok(cidr_list::parse(&name, &read(self.folder, &path)?)?.into())
            }
            External::ServiceTag {
                from: TagsFrom::File(file),
                tag,
            } => {
                let path = self.folder.join(file);
                let wrong = |error: &dyn ToString| LoadError::about(&path, error.to_string(), "");
                if !self.tags.contains_key(file) {
                    stays(self.folder, &path)?;
                    let help = "put Microsoft's weekly JSON there (https://www.microsoft.com/download/details.aspx?id=56519), name another under `file`, or write `source: arm`";
                    let text = read_text(&path)
                        .map_err(|error| LoadError::unreadable(&path, &error, help))?;
                    let tags = ServiceTags::parse(&text).map_err(|error| wrong(&error))?;
                    self.tags.insert(file.clone(), tags);
                }
                let Some(tags) = self.tags.get(file) else {
                    return Ok(Answer::default());
                };
                tags.answer(tag).map_err(|error| wrong(&error))
            }
            External::Geo { file, wanted } => {
                let path = self.folder.join(file);
                let wrong = |error: &dyn ToString| LoadError::about(&path, error.to_string(), "");
                if !self.databases.contains_key(file) {
                    stays(self.folder, &path)?;
                    let help = "put a country or ASN database in MaxMind's format there, or name another under `file`";
                    let bytes = std::fs::read(&path)
                        .map_err(|error| LoadError::unreadable(&path, &error, help))?;
                    let database = Geo::parse(bytes).map_err(|error| wrong(&error))?;
                    self.databases.insert(file.clone(), database);
                }
                let database = self.databases.get(file);
                let networks = database.map(|database| database.networks(wanted));
                networks
                    .transpose()
                    .map_err(|error| wrong(&error))
                    .map(|networks| networks.unwrap_or_default().into())
            }
            External::GithubMeta {
                from: MetaFrom::File(file),
                key,
            } => {
                let path = self.folder.join(file);
                github_meta::parse(&read(self.folder, &path)?, key)
                    .map(Answer::from)
                    .map_err(|error| LoadError::about(&path, error.to_string(), ""))
            }
            External::Azure(..)
            | External::ServiceTag { .. }
            | External::GithubMeta { .. }
            | External::Http(_) => Ok(Answer::default()),
        }
    }
}
