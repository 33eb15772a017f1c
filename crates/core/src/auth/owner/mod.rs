//! Whose job a CI job is, as its token's claims say. A provider issues tokens to all its customers,
//! so claims say whose jobs are heard only if one of them names an owner that no pattern leaves open.

use super::proof::ClaimIs;
use crate::policy::Glob;

/// A provider of tokens for CI jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// <https://docs.github.com/actions/reference/security/oidc>.
    GitHub,
    /// <https://docs.gitlab.com/ci/secrets/id_token_authentication/>.
    GitLab,
    /// <https://learn.microsoft.com/azure/devops/pipelines/release/configure-workload-identity>.
    AzureDevOps,
}

/// Where the owner stands in a claim.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// The whole value is the owner, or belongs to one owner: a name or an id.
    Whole,
    /// The first segment of a path with more behind it: `contoso/api`.
    Path,
    /// The same, or the owner alone.
    PathOrOwner,
    /// Behind one of these beginnings.
    After(&'static [(&'static str, Form)]),
}

/// `sub` as GitHub writes it, the usual one first, then those that an organisation can choose.
const GITHUB_SUBJECTS: &[(&str, Form)] = &[
    ("repo:", Form::Path),
    ("repository:", Form::Path),
    ("repository_owner:", Form::Whole),
    ("repository_owner_id:", Form::Whole),
    ("repository_id:", Form::Whole),
];
const GITLAB_SUBJECTS: &[(&str, Form)] = &[("project_path:", Form::Path)];
const AZURE_DEVOPS_SUBJECTS: &[(&str, Form)] = &[("p://", Form::Path), ("sc://", Form::Path)];
const AZURE_DEVOPS_REPOSITORIES: &[(&str, Form)] = &[
    ("https://dev.azure.com/", Form::Path),
    ("https://github.com/", Form::Path),
];

/// The claims that name an owner. `job_workflow_ref` is none: it names a workflow's owner, and
/// anybody's job may call a public workflow.
const GITHUB: &[(&str, Form)] = &[
    ("repository", Form::Path),
    ("repository_owner", Form::Whole),
    ("repository_id", Form::Whole),
    ("repository_owner_id", Form::Whole),
    ("enterprise", Form::Whole),
    ("enterprise_id", Form::Whole),
    ("workflow_ref", Form::Path),
    ("sub", Form::After(GITHUB_SUBJECTS)),
];
const GITLAB: &[(&str, Form)] = &[
    ("project_path", Form::Path),
    ("namespace_path", Form::PathOrOwner),
    ("project_id", Form::Whole),
    ("namespace_id", Form::Whole),
    ("sub", Form::After(GITLAB_SUBJECTS)),
];
const AZURE_DEVOPS: &[(&str, Form)] = &[
    ("sub", Form::After(AZURE_DEVOPS_SUBJECTS)),
    ("org_id", Form::Whole),
    ("prj_id", Form::Whole),
    ("def_id", Form::Whole),
    ("rpo_id", Form::Whole),
    ("rpo_uri", Form::After(AZURE_DEVOPS_REPOSITORIES)),
];

impl Provider {
    /// Every provider by its name in a configuration.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("github", Self::GitHub),
        ("gitlab", Self::GitLab),
        ("azure_devops", Self::AzureDevOps),
    ];

    fn forms(self) -> &'static [(&'static str, Form)] {
        match self {
            Self::GitHub => GITHUB,
            Self::GitLab => GITLAB,
            Self::AzureDevOps => AZURE_DEVOPS,
        }
    }

    /// The claims that can name an owner.
    pub fn owner_claims(self) -> impl Iterator<Item = &'static str> {
        self.forms().iter().map(|(name, _)| *name)
    }

    /// How an owner is named, for messages.
    pub fn example(self) -> &'static str {
        match self {
            Self::GitHub => {
                "`repository: contoso/api`, `repository_owner: contoso` or `sub: \"repo:contoso/*:*\"`"
            }
            Self::GitLab => "`project_path: contoso/api` or `namespace_path: contoso`",
            Self::AzureDevOps => "`sub: \"p://contoso/project/pipeline\"` or `org_id`",
        }
    }

    /// Whether every token that has these claims is of a job whose owner they name.
    pub fn names_owner(self, claims: &[ClaimIs]) -> bool {
        claims.iter().any(|claim| {
            let forms = self.forms().iter();
            let mut forms = forms.filter(|(name, _)| *name == claim.name);
            let named = |form: Form| claim.any.iter().all(|glob| form.is_named_by(glob));
            !claim.any.is_empty() && forms.any(|(_, form)| named(*form))
        })
    }
}

/// Whether the claims name an owner, whoever of the providers issued the token.
pub fn is_named(claims: &[ClaimIs]) -> bool {
    let mut providers = Provider::NAMES.iter();
    providers.any(|(_, provider)| provider.names_owner(claims))
}

impl Form {
    fn is_named_by(self, glob: &Glob) -> bool {
        self.holds(glob.fixed_beginning(), glob.literal().is_some())
    }

    /// Whether a value that begins with `fixed`, and with `whole` ends there, names an owner.
    fn holds(self, fixed: &str, whole: bool) -> bool {
        match self {
            Self::Whole => whole && is_owner(fixed),
            Self::Path => fixed
                .split_once('/')
                .is_some_and(|(owner, rest)| is_owner(owner) && !leads_back(rest)),
            Self::PathOrOwner => Self::Path.holds(fixed, whole) || Self::Whole.holds(fixed, whole),
            Self::After(beginnings) => beginnings.iter().any(|(beginning, form)| {
                let rest = fixed.strip_prefix(beginning);
                rest.is_some_and(|rest| match form.divided(rest) {
                    Some(owner) => form.holds(owner, true),
                    None => form.holds(rest, whole),
                })
            }),
        }
    }

    /// Where a name stands among other parts of a subject, only that name.
    fn divided(self, rest: &str) -> Option<&str> {
        let is_name = matches!(self, Self::Whole);
        rest.split_once(':')
            .filter(|_| is_name)
            .map(|(name, _)| name)
    }
}

/// Whether a text can be an owner's name or id: nothing in it divides, and it does not stand for
/// another place.
fn is_owner(text: &str) -> bool {
    let good = |letter: char| letter.is_ascii_alphanumeric() || "-_.@ ".contains(letter);
    text.chars().all(good) && text.chars().any(|letter| letter.is_ascii_alphanumeric())
}

/// Whether a path has segments that a reader could take for the way back out of its owner.
fn leads_back(path: &str) -> bool {
    path.split('/').any(|segment| matches!(segment, "." | ".."))
}

#[cfg(test)]
mod tests;
