//! `sluicegate guard`: what a profile finds in texts and requests, told to a person or line by line.

use std::{
    io::{BufRead, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, Subcommand};
use sluicegate::{
    config::{load, rules},
    guard::{
        Role,
        profile::{OnError, Profile},
        report, scan,
        settings::{Guards, GuardsConfig},
        waf::Waf,
    },
};

/// Largest text that is read in one piece.
const MOST_BYTES: u64 = 64 << 20;

#[derive(Subcommand)]
pub enum Guard {
    /// Scan a text and explain what was found; with --jsonl one text a line
    Scan {
        #[command(flatten)]
        profile: WhichProfile,
        /// Read lines {"id","text","role"?} and write {"id","injection","reasons","findings","action"}
        #[arg(long)]
        jsonl: bool,
        /// Who speaks in the text: user, system, tool_result, document …
        #[arg(long, default_value = "user", value_parser = role)]
        role: Role,
        /// The file; standard input without it
        file: Option<PathBuf>,
    },
    /// Ask the firewall about requests, one a line: {"id","method","path","headers","body"} in, {"id","score","rules","action"} out
    Waf {
        #[command(flatten)]
        waf: WhichWaf,
        /// Lines are the only form; the flag says so
        #[arg(long)]
        jsonl: bool,
        /// The file; standard input without it
        file: Option<PathBuf>,
    },
    /// Tell how good the guard is on labelled texts and requests
    Report {
        #[command(flatten)]
        profile: WhichProfile,
        /// Lines {"text","label","family","tier","role"?}
        #[arg(long, value_name = "FILE")]
        prompts: Option<PathBuf>,
        /// Lines {"text","spans":[{"start","end","type"}]}
        #[arg(long, value_name = "FILE")]
        places: Option<PathBuf>,
        /// Lines {"method","path","headers","body","label","family"}
        #[arg(long, value_name = "FILE")]
        requests: Option<PathBuf>,
    },
}

#[derive(Args)]
pub struct WhichWaf {
    /// The configuration whose `guards.waf` is used
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The paranoia level, 1 to 4, instead of the configuration's
    #[arg(long)]
    paranoia: Option<u8>,
}

#[derive(Args)]
pub struct WhichProfile {
    /// The configuration whose profiles are used; without it there is the profile `default` alone
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The profile; by default that of `guards.profile`, or `default`
    #[arg(short, long)]
    profile: Option<String>,
}

fn role(text: &str) -> Result<Role, String> {
    let value = serde_json::Value::from(text);
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// Runs a command of `guard`.
pub fn run(command: Guard) -> Result<(), String> {
    match command {
        Guard::Scan {
            profile,
            jsonl,
            role,
            file,
        } => scan(&profile, jsonl, role, file.as_deref()),
        Guard::Waf { waf, file, .. } => {
            let waf = firewall(waf.config.as_deref(), waf.paranoia)?;
            lines(file.as_deref(), |line| {
                let row: scan::HttpRow = serde_json::from_str(line).map_err(|e| e.to_string())?;
                serde_json::to_string(&scan::http(&waf, &row)).map_err(|e| e.to_string())
            })
        }
        Guard::Report {
            profile,
            prompts,
            places,
            requests,
        } => tell(
            &profile,
            prompts.as_deref(),
            places.as_deref(),
            requests.as_deref(),
        ),
    }
}

fn tell(
    which: &WhichProfile,
    prompts: Option<&Path>,
    places: Option<&Path>,
    requests: Option<&Path>,
) -> Result<(), String> {
    let read =
        |path: &Path| std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()));
    let told = |path: &Path, why: String| format!("{}: {why}", path.display());
    if prompts.is_some() || places.is_some() {
        let (guards, name) = profile(which)?;
        let profile = guards.profile(Some(&name)).ok_or("no such profile")?;
        if let Some(path) = prompts {
            let report = report::prompts(profile, &read(path)?).map_err(|why| told(path, why))?;
            println!("{report}");
        }
        if let Some(path) = places {
            let report = report::places(profile, &read(path)?).map_err(|why| told(path, why))?;
            println!("{report}");
        }
    }
    if let Some(path) = requests {
        let waf = firewall(which.config.as_deref(), None)?;
        let report = report::requests(&waf, &read(path)?).map_err(|why| told(path, why))?;
        println!("{report}");
    }
    Ok(())
}

fn settings(config: Option<&Path>) -> Result<GuardsConfig, String> {
    Ok(match config {
        Some(path) => {
            load::load(path)
                .map_err(|findings| findings.to_string())?
                .config
                .guards
        }
        None => GuardsConfig::default(),
    })
}

fn profile(which: &WhichProfile) -> Result<(Guards, String), String> {
    let config = settings(which.config.as_deref())?;
    let name = which.profile.clone().or_else(|| config.profile.clone());
    let name = name.unwrap_or_else(|| "default".to_owned());
    let config = GuardsConfig {
        waf: None,
        ..config
    };
    Ok((guards(&config, &name)?, name))
}

fn firewall(config: Option<&Path>, paranoia: Option<u8>) -> Result<Arc<Waf>, String> {
    let mut config = settings(config)?;
    let mut settings = config.waf.take().unwrap_or_default();
    if let Some(paranoia) = paranoia {
        settings.paranoia = paranoia;
    }
    // No profile is needed for it.
    config.profile = None;
    config.waf = Some(settings);
    let guards = build(&config, &[])?;
    guards
        .waf()
        .cloned()
        .ok_or_else(|| "no firewall".to_owned())
}

fn scan(which: &WhichProfile, jsonl: bool, role: Role, file: Option<&Path>) -> Result<(), String> {
    let (guards, name) = profile(which)?;
    let profile = guards.profile(Some(&name)).ok_or("no such profile")?;
    if jsonl {
        lines(file, |line| {
            let row: scan::Row = serde_json::from_str(line).map_err(|e| e.to_string())?;
            serde_json::to_string(&scan::scan(profile, &row)).map_err(|e| e.to_string())
        })
    } else {
        let mut text = String::new();
        let read = open(file)?.take(MOST_BYTES).read_to_string(&mut text);
        read.map_err(|e| format!("the text cannot be read: {e}"))?;
        print!("{}", explain(profile, role, &text));
        Ok(())
    }
}

fn explain(profile: &Profile, role: Role, text: &str) -> String {
    let mut out = scan::explain(profile, role, text);
    if profile.config.on_error == OnError::Allow {
        out.push_str("what cannot be screened passes (on_error: allow)\n");
    }
    out
}

fn guards(config: &GuardsConfig, name: &str) -> Result<Guards, String> {
    if !config.names().any(|n| n == name) {
        return Err(format!("no guard profile has the name `{name}`"));
    }
    build(config, &[name])
}

fn build(config: &GuardsConfig, names: &[&str]) -> Result<Guards, String> {
    let mut more = Vec::new();
    for path in &config.rules {
        more.push(rules::load(Path::new(path)).map_err(|findings| findings.to_string())?);
    }
    Guards::build(config, rules::builtin(), rules::waf(), more, names, None)
}

fn open(file: Option<&Path>) -> Result<Box<dyn Read>, String> {
    Ok(match file {
        None => Box::new(std::io::stdin()),
        Some(path) => {
            let file = std::fs::File::open(path);
            Box::new(file.map_err(|e| format!("{}: {e}", path.display()))?)
        }
    })
}

/// Answers each line with one; a line that makes no sense is told with its number, and ends it.
fn lines(
    file: Option<&Path>,
    answer: impl Fn(&str) -> Result<String, String>,
) -> Result<(), String> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for (number, line) in BufReader::new(open(file)?).lines().enumerate() {
        let line = line.map_err(|e| format!("line {}: {e}", number + 1))?;
        if line.trim().is_empty() {
            continue;
        }
        let answered = answer(&line).map_err(|e| format!("line {}: {e}", number + 1))?;
        writeln!(out, "{answered}").map_err(|e| e.to_string())?;
    }
    out.flush().map_err(|e| e.to_string())
}
