//! The ledger's files: made for their owner alone, written by one process, and watched, since somebody
//! may move or replace them under the running program.

use super::StoreError;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Who may do what with a file: its owner reads and writes.
const FILE_MODE: u32 = 0o600;

/// The same for a folder.
const FOLDER_MODE: u32 = 0o700;

/// What any but the owner may do.
const OTHERS: u32 = 0o077;

/// Below this much free space somebody should act, in bytes.
const LOW: u64 = 64 << 20;

/// With less free space than this the disk counts as full, in bytes.
const FULL: u64 = 1 << 20;

/// The database, its write-ahead log and that log's index.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// Which file it is, whatever its name: device and inode.
type Identity = (u64, u64);

/// The files of an open ledger.
pub(super) struct Files {
    path: PathBuf,
    opened: [Option<Identity>; 3],
}

/// The right to write an SQLite ledger, as long as it is kept. The system lets go of it when the process
/// ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    /// The lock file holds the place, whatever database is put there; the database's own lock holds
    /// it whatever name it is opened by, and when the lock file was removed. Never closed before the
    /// database is: closing it would drop SQLite's own locks.
    _files: [File; 2],
}

/// A ledger that cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody has it.
    #[error("another doorward uses this ledger: stop it first")]
    Taken,
    /// The system does not let us.
    #[error("`{}` cannot be written: {why}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
}

impl Lock {
    /// Takes the lock of the ledger at `path`, which is made if it is missing.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        prepare(path).map_err(|why| io_error(path, why))?;
        let beside = path.with_extension("lock");
        Ok(Self {
            _files: [locked(&beside)?, locked(path)?],
        })
    }
}

fn locked(path: &Path) -> Result<File, LockError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let opened = options.mode(FILE_MODE).open(path);
    let file = opened.map_err(|why| io_error(path, why))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LockError::Taken),
        Err(TryLockError::Error(why)) => Err(io_error(path, why)),
    }
}

fn io_error(path: &Path, why: io::Error) -> LockError {
    let path = path.to_owned();
    LockError::Io { path, why }
}

/// Makes the folder and the database file if they are missing, and sees to it that the files are for
/// their owner alone: a ledger names addresses, people and hosts.
pub(super) fn prepare(path: &Path) -> io::Result<()> {
    if let Some(folder) = folder(path) {
        make_folder(folder)?;
    }
    let mut options = OpenOptions::new();
    let made = options.write(true).create_new(true).mode(FILE_MODE);
    // A file that is there is not opened: closing it would drop the locks that SQLite holds on it.
    match made.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let lock = path.with_extension("lock");
    for path in SUFFIXES
        .map(|suffix| with_suffix(path, suffix))
        .iter()
        .chain([&lock])
    {
        tighten(path);
    }
    Ok(())
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let Ok(about) = fs::metadata(folder) else {
        let mut maker = DirBuilder::new();
        return maker.recursive(true).mode(FOLDER_MODE).create(folder);
    };
    let mode = about.permissions().mode();
    if mode & OTHERS != 0 {
        tracing::warn!(
            "the ledger's folder `{}` is open to other users (mode {:03o}): `chmod 700` it",
            folder.display(),
            mode & 0o777
        );
    }
    Ok(())
}

fn tighten(path: &Path) {
    let Ok(about) = fs::metadata(path) else {
        return;
    };
    let mode = about.permissions().mode();
    if mode & OTHERS == 0 {
        return;
    }
    let name = path.display();
    match fs::set_permissions(path, fs::Permissions::from_mode(mode & !OTHERS)) {
        Ok(()) => tracing::info!("`{name}` was open to other users; now it is its owner's alone"),
        Err(error) => tracing::warn!(
            "`{name}` is open to other users, and that cannot be changed ({error}): `chmod 600` it"
        ),
    }
}

fn folder(path: &Path) -> Option<&Path> {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl Files {
    /// The files of the database at `path`, which is open.
    pub(super) fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            opened: identities(path),
        }
    }

    /// Whether what is open still stands where it was opened. What is written to a file that nobody can
    /// find is lost.
    pub(super) fn in_place(&self) -> Result<(), StoreError> {
        let now = identities(&self.path);
        let moved = |(opened, now): (&Option<Identity>, &Option<Identity>)| {
            opened.is_some() && opened != now
        };
        if self.opened.iter().zip(&now).any(moved) {
            return Err(StoreError::Replaced);
        }
        Ok(())
    }

    /// How much space is left, in bytes, if that is little.
    pub(super) fn low(&self) -> Option<u64> {
        self.free().filter(|free| *free < LOW)
    }

    /// Whether next to no space is left.
    pub(super) fn is_full(&self) -> bool {
        self.free().is_some_and(|free| free < FULL)
    }

    fn free(&self) -> Option<u64> {
        let folder = folder(&self.path).unwrap_or(Path::new("."));
        let about = rustix::fs::statvfs(folder).ok()?;
        Some(about.f_bavail.saturating_mul(about.f_frsize))
    }
}

fn identities(path: &Path) -> [Option<Identity>; 3] {
    SUFFIXES.map(|suffix| {
        let about = fs::metadata(with_suffix(path, suffix)).ok()?;
        Some((about.dev(), about.ino()))
    })
}
