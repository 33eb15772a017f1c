//! Packages of the Python Package Index, in folders of their own below `target`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Long enough for a slow machine; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_mins(8);

/// The `bin` of a virtual environment called `name` with these packages, made if it is missing; or why
/// there is none.
pub(crate) async fn with(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let bin = folder.join("bin");
    let marker = folder.join("packages");
    let wanted = packages.join(" ");
    if fs::read_to_string(&marker).is_ok_and(|there| there == wanted) {
        return Ok(bin);
    }
    let mut make = Command::new("python3");
    run(make.args(["-m", "venv", "--clear"]).arg(&folder)).await?;
    let mut install = Command::new(bin.join("python"));
    let quietly = ["--quiet", "--disable-pip-version-check"];
    let without_patience = ["--retries", "1", "--timeout", "10"];
    install
        .args(["-m", "pip", "install"])
        .args(quietly)
        .args(without_patience)
        .args(packages);
    run(&mut install).await?;
    fs::write(&marker, wanted).map_err(|error| error.to_string())?;
    Ok(bin)
}

async fn run(command: &mut Command) -> Result<(), String> {
    let ended = command.kill_on_drop(true).stdin(Stdio::null()).output();
    let output = tokio::time::timeout(PATIENCE, ended).await;
    let output = output.map_err(|_| "Python's packages took too long".to_owned())?;
    let output = output.map_err(|error| format!("Python cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(why.lines().last().unwrap_or("pip failed").to_owned())
}
