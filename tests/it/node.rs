//! Packages of npm, in folders of their own below `target`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Long enough for a slow machine; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_mins(8);

/// A folder called `name` with these packages in its `node_modules`, made if it is missing; or why there is
/// none.
pub(crate) async fn with(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let marker = folder.join("packages");
    let wanted = packages.join(" ");
    if fs::read_to_string(&marker).is_ok_and(|there| there == wanted) {
        return Ok(folder);
    }
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let mut install = Command::new("npm");
    install
        .args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--no-save",
        ])
        .args(["--fetch-retries", "1", "--prefix"])
        .arg(&folder)
        .args(packages);
    let ended = install.kill_on_drop(true).stdin(Stdio::null()).output();
    let output = tokio::time::timeout(PATIENCE, ended).await;
    let output = output.map_err(|_| "npm took too long".to_owned())?;
    let output = output.map_err(|error| format!("npm cannot be run: {error}"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(why.lines().last().unwrap_or("npm failed").to_owned());
    }
    fs::write(&marker, wanted).map_err(|error| error.to_string())?;
    Ok(folder)
}
