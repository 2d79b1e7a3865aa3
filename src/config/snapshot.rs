//! The running state that a configuration stands for, and the swap from one to the next.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;

use super::{Config, load, models, rules};
use crate::{
    auth::Keys,
    guard::settings::Guards,
    provider::Upstream,
    routing::table::Table,
    telemetry::{access_log::AccessLog, metrics::METRICS},
};

/// Everything that requests read. Built whole from a configuration and never changed; a request keeps the one that it
/// began with.
pub struct Snapshot {
    /// The configuration.
    pub config: Config,
    /// Keys.
    pub keys: Keys,
    /// Routes and providers.
    pub table: Table,
    /// The guards.
    pub guards: Guards,
    /// The access log.
    pub access_log: Arc<AccessLog>,
}

/// The running snapshot, and the way to the next one.
pub struct Live {
    current: ArcSwap<Snapshot>,
    source: Source,
    /// What the file said when it was last applied; also keeps reloads from running side by side.
    applied: Mutex<Option<Config>>,
    /// Why the file was refused when it was last read: the same is not told again when something else in its folder
    /// changes, such as the log that tells it.
    refused: Mutex<Option<String>>,
    demo: Option<SocketAddr>,
    runtime: Handle,
}

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file, which can be read again.
    File(PathBuf),
    /// `sluicegate demo`.
    BuiltIn,
}

/// What a reload did.
#[derive(Debug)]
pub enum Reload {
    /// The new configuration serves.
    Applied,
    /// The file says what it said before.
    Unchanged,
    /// The new configuration is wrong; the old one serves on.
    Refused(String),
}

impl Live {
    /// Starts the first snapshot.
    ///
    /// # Errors
    /// With a text for the operator: what is wrong with certificates or the access log.
    pub fn start(
        config: Config,
        source: Source,
        demo: Option<SocketAddr>,
        runtime: Handle,
    ) -> Result<Arc<Self>, String> {
        let snapshot = build(config, None, demo, &runtime)?;
        let live = Arc::new(Self {
            current: ArcSwap::from_pointee(snapshot),
            source,
            applied: Mutex::new(None),
            refused: Mutex::new(None),
            demo,
            runtime,
        });
        note_applied();
        Ok(live)
    }

    /// The running snapshot, to keep for the length of a request.
    pub fn get(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// The running snapshot, for a quick look.
    pub fn peek(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.current.load()
    }

    /// The file that is watched, if there is one.
    pub const fn file(&self) -> Option<&PathBuf> {
        match &self.source {
            Source::File(path) => Some(path),
            Source::BuiltIn => None,
        }
    }

    /// Waits until the upstreams of the running snapshot are resolved and checked once, at most for `limit`.
    pub async fn ready(&self, limit: Duration) {
        let snapshot = self.get();
        for upstream in snapshot.table.providers().values() {
            upstream.pool.ready(limit).await;
        }
    }

    /// Reads the file again, builds the new state beside the running one, and swaps it whole or not at all. Blocks on
    /// files; `always` builds even if nothing changed, for certificates.
    pub fn reload(&self, always: bool) -> Reload {
        let Source::File(path) = &self.source else {
            return Reload::Unchanged;
        };
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = match load::load(path) {
            Err(findings) => Reload::Refused(findings.to_string()),
            Ok(loaded) if !always && applied.as_ref() == Some(&loaded.config) => Reload::Unchanged,
            Ok(loaded) => {
                let old = self.get();
                warn_of_restarts(applied.as_ref().unwrap_or(&old.config), &loaded.config);
                match build(loaded.config.clone(), Some(&old), self.demo, &self.runtime) {
                    Ok(new) => {
                        self.current.store(Arc::new(new));
                        *applied = Some(loaded.config);
                        Reload::Applied
                    }
                    Err(why) => Reload::Refused(why),
                }
            }
        };
        let refusal = match &outcome {
            Reload::Refused(why) => Some(why.clone()),
            Reload::Applied | Reload::Unchanged => None,
        };
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let known = !always && refusal.is_some() && *refused == refusal;
        *refused = refusal;
        if known {
            return outcome;
        }
        let label = match &outcome {
            Reload::Applied => {
                note_applied();
                log::info!("configuration {} applied", path.display());
                "applied"
            }
            Reload::Unchanged => {
                METRICS.config_stale.set(0);
                "unchanged"
            }
            Reload::Refused(why) => {
                METRICS.config_stale.set(1);
                log::error!(
                    "configuration {} refused, the last good one serves on:\n{why}",
                    path.display()
                );
                "refused"
            }
        };
        METRICS.reloads.with_label_values(&[label]).inc();
        outcome
    }

    /// Remembers what the file said when the first snapshot was built.
    pub fn applied(&self, config: Config) {
        *self.applied.lock().unwrap_or_else(PoisonError::into_inner) = Some(config);
    }
}

fn note_applied() {
    METRICS.config_stale.set(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    METRICS
        .config_applied
        .set(now.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX)));
}

/// Builds a snapshot; upstreams that are still what their section says are taken over from `old`.
fn build(
    config: Config,
    old: Option<&Snapshot>,
    demo: Option<SocketAddr>,
    runtime: &Handle,
) -> Result<Snapshot, String> {
    if config.has_demo() && demo.is_none() {
        return Err(
            "a provider of `kind: demo` was added; it starts with the gateway only, so restart it"
                .into(),
        );
    }
    let mut providers = std::collections::BTreeMap::new();
    for (name, section) in &config.providers {
        let kept = old
            .and_then(|old| old.table.providers().get(name))
            .filter(|upstream| upstream.is_current(section));
        let upstream = match kept {
            Some(upstream) => upstream.clone(),
            None => Upstream::start(name, section, demo, runtime)
                .map_err(|why| format!("providers.{name}: {why}"))?,
        };
        providers.insert(name.clone(), upstream);
    }
    let mut catalogue = models::builtin().clone();
    for path in &config.models {
        let file = models::load(std::path::Path::new(path))
            .map_err(|findings| format!("models: {findings}"))?;
        let mut problems = crate::problem::Problems::default();
        let place = crate::problem::Place::default();
        catalogue.add(file, &place, &mut problems);
        if let Some((place, what)) = problems.0.first() {
            return Err(format!("models: {path}: {place}: {what}"));
        }
    }
    let guards = build_guards(&config, old)?;
    let access_log = match old {
        Some(old) if *old.access_log.config() == config.telemetry.access_log => {
            old.access_log.clone()
        }
        _ => AccessLog::open(config.telemetry.access_log.clone())
            .map_err(|error| format!("telemetry.access_log: {error}"))?,
    };
    Ok(Snapshot {
        keys: Keys::new(&config.keys, config.server.anonymous),
        table: Table::new(
            &config.routes,
            providers,
            &config.retry,
            Arc::new(catalogue),
            config.on_unsupported,
        ),
        guards,
        access_log,
        config,
    })
}

fn build_guards(config: &Config, old: Option<&Snapshot>) -> Result<Guards, String> {
    let mut more = Vec::new();
    for path in &config.guards.rules {
        let file = rules::load(std::path::Path::new(path))
            .map_err(|findings| format!("guards.rules: {findings}"))?;
        more.push(file);
    }
    Guards::build(
        &config.guards,
        rules::builtin(),
        rules::waf(),
        more,
        &config.named_guards(),
        old.map(|old| &old.guards),
    )
}

/// Listeners and threads are fixed at the start; an operator who changes them is told.
fn warn_of_restarts(old: &Config, new: &Config) {
    let fixed = [
        ("server.listen", old.server.listen != new.server.listen),
        ("server.workers", old.server.workers != new.server.workers),
        (
            "server.upgrade_socket",
            old.server.upgrade_socket != new.server.upgrade_socket,
        ),
        ("admin.listen", old.admin.listen != new.admin.listen),
        (
            "limits.http2_streams",
            old.limits.http2_streams != new.limits.http2_streams,
        ),
    ];
    for (key, _) in fixed.into_iter().filter(|(_, changed)| *changed) {
        log::warn!("{key} was changed; it takes effect at the next start");
    }
}
