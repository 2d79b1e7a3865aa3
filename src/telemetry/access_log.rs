//! The access log: lines are collected in memory and written in batches, so that no worker waits for a disk.

use std::{
    fs::{File, OpenOptions},
    io::{IsTerminal, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{AccessLogConfig, LogFormat, metrics::METRICS, record::Record};

/// How many bytes may wait for the disk; beyond it lines are lost, and counted.
const MOST_WAITING: usize = 16 * 1024 * 1024;

/// How long a line may wait.
const BATCH: Duration = Duration::from_millis(100);

/// Where access log lines go.
pub struct AccessLog {
    config: AccessLogConfig,
    format: LogFormat,
    waiting: Mutex<Vec<u8>>,
    reopen: AtomicBool,
}

impl AccessLog {
    /// Opens the log and starts its writer thread, which ends with the last `Arc`.
    ///
    /// # Errors
    /// If the file cannot be opened for appending.
    pub fn open(config: AccessLogConfig) -> std::io::Result<Arc<Self>> {
        let mut sink = Sink::open(&config)?;
        let format = match config.format {
            LogFormat::Auto if config.path.is_none() && std::io::stdout().is_terminal() => {
                LogFormat::Text
            }
            LogFormat::Auto => LogFormat::Json,
            format => format,
        };
        let log = Arc::new(Self {
            config,
            format,
            waiting: Mutex::default(),
            reopen: AtomicBool::new(false),
        });
        let weak = Arc::downgrade(&log);
        std::thread::Builder::new()
            .name("access-log".into())
            .spawn(move || {
                while let Some(log) = weak.upgrade() {
                    log.write_to(&mut sink);
                    drop(log);
                    std::thread::sleep(BATCH);
                }
            })?;
        Ok(log)
    }

    /// What it was opened with.
    pub const fn config(&self) -> &AccessLogConfig {
        &self.config
    }

    /// Adds a line. Never blocks on a disk.
    pub fn add(&self, record: &Record) {
        let mut line = match self.format {
            LogFormat::Off => return,
            LogFormat::Text => record.text().into_bytes(),
            LogFormat::Auto | LogFormat::Json => {
                serde_json::to_vec(record).expect("a record has only texts and numbers")
            }
        };
        line.push(b'\n');
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() + line.len() > MOST_WAITING {
            METRICS.log_lost.inc();
        } else {
            waiting.extend_from_slice(&line);
        }
    }

    /// Opens the file again before the next line, for log rotation.
    pub fn reopen(&self) {
        self.reopen.store(true, Ordering::Relaxed);
    }

    /// Waits until everything that was added before is written; for the end of the process.
    pub fn flush(&self) {
        for _ in 0..50 {
            if self
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_empty()
            {
                return;
            }
            std::thread::sleep(BATCH / 5);
        }
    }

    fn write_to(&self, sink: &mut Sink) {
        if self.reopen.swap(false, Ordering::Relaxed) {
            match Sink::open(&self.config) {
                Ok(new) => *sink = new,
                Err(error) => log::error!("access log could not be opened again: {error}"),
            }
        }
        // Copied out, so that workers wait for a copy and not for the disk.
        let batch = self
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if batch.is_empty() {
            return;
        }
        if let Err(error) = sink.write_all(&batch) {
            log::error!("access log could not be written: {error}");
            METRICS
                .log_lost
                .inc_by(batch.iter().filter(|b| **b == b'\n').count() as u64);
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.drain(..batch.len());
    }
}

enum Sink {
    Stdout,
    File(File),
}

impl Sink {
    fn open(config: &AccessLogConfig) -> std::io::Result<Self> {
        match &config.path {
            _ if config.format == LogFormat::Off => Ok(Self::Stdout),
            None => Ok(Self::Stdout),
            Some(path) => OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .map(Self::File)
                .map_err(|e| std::io::Error::new(e.kind(), format!("{path}: {e}"))),
        }
    }

    fn write_all(&mut self, batch: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Stdout => {
                let mut out = std::io::stdout().lock();
                out.write_all(batch)?;
                out.flush()
            }
            Self::File(file) => file.write_all(batch),
        }
    }
}
