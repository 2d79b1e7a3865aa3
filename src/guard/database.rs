//! Compiled Hyperscan databases: kept in this process, and in a folder for the next start.
//!
//! Compiling some hundred patterns takes seconds. What was compiled is kept under the hash of the patterns, the library's
//! version and this file's format. A database is code for the matcher, so it is read from a folder only if nobody but this
//! user can write there.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use hyperscan::{BlockDatabase, BlockMode, Builder, Pattern, Patterns, Serialized};
use sha2::{Digest, Sha256};

use super::{
    engine::{BadRule, Engine},
    rule::Rule,
};

/// Changes whenever what stands in the files does.
const FORMAT: &[u8] = b"sluicegate-hyperscan-2";

/// Largest file that is read.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

type Key = [u8; 32];

/// What was compiled.
#[derive(Debug, Default)]
pub struct Databases {
    folder: Option<PathBuf>,
    engines: Mutex<Vec<(Key, Weak<Engine>)>>,
}

impl Databases {
    /// Keeps databases in a folder, too; `None` for this process alone.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            engines: Mutex::default(),
        }
    }

    /// Where databases are kept if the operator says nothing: `sluicegate` in the user's cache folder.
    pub fn usual_folder() -> Option<PathBuf> {
        let base = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
        base.is_absolute().then(|| base.join("sluicegate"))
    }

    /// The engine for rules with their groups: the one that is in use for the same rules, or a new one.
    ///
    /// # Errors
    /// Every rule that cannot be compiled.
    pub fn engine(&self, rules: &[(&str, &Rule)]) -> Result<Arc<Engine>, Vec<BadRule>> {
        let mut hash = Sha256::new();
        for (group, rule) in rules {
            // Its debug form has every field in it.
            hash.update(format!("{group}\0{rule:?}\0"));
        }
        let key: Key = hash.finalize().into();
        let find = || {
            let engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
            let found = engines.iter().find(|(k, _)| *k == key)?;
            found.1.upgrade()
        };
        if let Some(engine) = find() {
            return Ok(engine);
        }
        let engine = Arc::new(Engine::compile_with(rules.iter().copied(), self)?);
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        engines.retain(|(_, engine)| engine.strong_count() > 0);
        engines.push((key, Arc::downgrade(&engine)));
        Ok(engine)
    }

    /// Compiles expressions into a database, or reads it.
    ///
    /// # Errors
    /// The id of a pattern that cannot be compiled, where one is to blame, and why.
    pub fn database(&self, patterns: &[Pattern]) -> Result<BlockDatabase, (Option<usize>, String)> {
        let mut hash = Sha256::new();
        hash.update(FORMAT);
        hash.update(hyperscan::version().to_string());
        for pattern in patterns {
            hash.update(format!(
                "{}\0{:?}\0{:?}\0",
                pattern.expression, pattern.flags, pattern.id
            ));
        }
        let key: Key = hash.finalize().into();
        let name: String = key[..16].iter().map(|b| format!("{b:02x}")).collect();
        let file = self.folder.as_ref().map(|f| f.join(name + ".hs"));
        if let Some(database) = file.as_deref().and_then(|file| read(file, &key)) {
            return Ok(database);
        }
        let database = Patterns(patterns.to_vec())
            .build::<BlockMode>()
            .map_err(|error| {
                let blamed = blamed(&error).and_then(|n| patterns.get(n)?.id);
                (blamed, error.to_string())
            })?;
        if let Some(file) = file
            && let Err(why) = write(&file, &key, &database)
        {
            log::warn!(
                "{} cannot be written, so the next start compiles again: {why}",
                file.display()
            );
        }
        Ok(database)
    }
}

/// The expression that Hyperscan blames.
fn blamed(error: &hyperscan::Error) -> Option<usize> {
    match error {
        hyperscan::Error::Hyperscan(hyperscan::HsError::CompileError(error)) => error.expression(),
        _ => None,
    }
}

/// What stands in a file: key, digest of the rest, database.
fn read(file: &Path, key: &Key) -> Option<BlockDatabase> {
    let folder = file.parent()?;
    if !is_ours(folder) || !is_ours(file) || fs::metadata(file).ok()?.len() > MOST_BYTES {
        return None;
    }
    let bytes = fs::read(file).ok()?;
    let rest = bytes.strip_prefix(&key[..])?;
    let (digest, rest) = rest.split_at_checked(32)?;
    if Sha256::digest(rest).as_slice() != digest {
        return None;
    }
    rest.deserialize().ok()
}

fn write(file: &Path, key: &Key, database: &BlockDatabase) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    if !is_ours(folder) {
        return Err(std::io::Error::other("others can write into its folder"));
    }
    let serialized = database.serialize().map_err(std::io::Error::other)?;
    let database: &[u8] = serialized.as_ref();
    let new = file.with_extension(format!("{}.new", std::process::id()));
    let mut out = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    out.write_all(key)?;
    out.write_all(&Sha256::digest(database))?;
    out.write_all(database)?;
    drop(out);
    fs::rename(&new, file)
}

/// Whether a file or folder belongs to this process's user, and nobody else may write to it.
fn is_ours(path: &Path) -> bool {
    let (Ok(it), Ok(us)) = (fs::metadata(path), fs::metadata("/proc/self")) else {
        return false;
    };
    it.uid() == us.uid() && it.mode() & 0o022 == 0
}
