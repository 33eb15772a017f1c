//! Checking what is to be written, and writing it: all of it or nothing, and never over anything.

use super::{Answers, Failure, wrong};
use anyhow::{Context, anyhow};
use aws_lc_rs::rand;
use doorward_core::policy;
use doorward_core::policy::testing::cases;
use doorward_core::sets::Sets;
use doorward_core::yaml::problem::Problems;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

type Files = [(&'static str, String)];

/// Whether the files say what they are to say: what was given may not fit.
pub(super) fn check(dir: &Path, files: &Files) -> Result<(), Failure> {
    let text = |wanted: &str| {
        let found = files.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, text)| text.as_str()).unwrap_or_default()
    };
    let unfit = |problems: Problems| wrong(&format!("what was given does not fit:\n\n{problems}"));
    crate::config::parse("doorward.yaml", text("doorward.yaml"), dir).map_err(unfit)?;
    let name = "policies/10-start.yaml";
    let policy = policy::parse(&[(name.to_owned(), text(name).to_owned())]).map_err(unfit)?;
    let name = "policies/10-start.cases.yaml";
    for case in cases::parse(name, text(name), &policy).map_err(unfit)? {
        let outcome = case.run(&policy, &Sets::default());
        if let Some(wrong_answer) = outcome.wrong.first() {
            let what = format!(
                "the policy would not answer as it is to ({}): {wrong_answer}",
                case.name
            );
            return Err(wrong(&what));
        }
    }
    Ok(())
}

/// Writes them, and the keys beside them.
pub(super) fn write(dir: &Path, answers: &Answers, files: &Files) -> Result<(), Failure> {
    let secrets = secrets(answers);
    let names = files.iter().map(|(name, _)| PathBuf::from(name));
    let all = names.chain(secrets.iter().map(|name| Path::new("secrets").join(name)));
    for name in all {
        let path = dir.join(name);
        if path.symlink_metadata().is_ok() {
            let what = format!(
                "`{}` exists, and nothing is overwritten: give another `--dir`, or remove it",
                path.display()
            );
            return Err(wrong(&what));
        }
    }
    let made = std::fs::create_dir_all(dir.join("policies"));
    made.with_context(|| format!("`{}` cannot be made", dir.join("policies").display()))?;
    let folder = dir.join("secrets");
    let made = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder);
    made.with_context(|| format!("`{}` cannot be made", folder.display()))?;
    for name in secrets {
        let text = if name == ".gitignore" {
            "*\n".to_owned()
        } else {
            key()?
        };
        create(&folder.join(name), &text, 0o600)?;
    }
    for (name, text) in files {
        create(&dir.join(name), text, 0o644)?;
    }
    Ok(())
}

/// The files with secrets.
fn secrets(answers: &Answers) -> Vec<String> {
    let mut names = vec![".gitignore".to_owned(), "link-key".to_owned()];
    if answers.from.has_key() {
        names.push(format!("{}-key", answers.from.source()));
    }
    names
}

/// A key that nobody can guess.
fn key() -> Result<String, Failure> {
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes).map_err(|_| anyhow!("the system gives no random bytes"))?;
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.filter_map(|digit| char::from_digit(u32::from(digit), 16));
    Ok(digits.collect())
}

fn create(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(mode).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    Ok(written.with_context(|| format!("`{}` cannot be written", path.display()))?)
}
