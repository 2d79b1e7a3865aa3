//! The command line.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use sluicegate::{
    catalogue,
    config::{
        Config, ListenConfig,
        load::{self, Loaded},
        models, rules, schema,
        snapshot::{Live, Source},
    },
    guard::{database::Databases, examples},
    server::Process,
};

mod cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// AI gateway: one address for all model providers.
///
/// Applications change their base URL to the gateway's and keep their SDK; the gateway finds the provider, survives
/// its failures, and records what was used.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve with a configuration file; it is read again whenever it changes, and on SIGHUP
    Run {
        #[command(flatten)]
        file: File,
        #[command(flatten)]
        addresses: Addresses,
        /// Take the listeners over from a running process, which then gets SIGQUIT
        #[arg(long)]
        upgrade: bool,
    },
    /// Check a configuration file and tell everything that is wrong with it; exit status 1 if anything is
    Check {
        #[command(flatten)]
        file: File,
    },
    /// Serve with the built-in demo provider: no key, no network, model `demo/demo`
    Demo {
        #[command(flatten)]
        addresses: Addresses,
    },
    /// Print the JSON Schema of the configuration file, for editors
    Schema {
        /// That of a file of models instead
        #[arg(long)]
        models: bool,
    },
    /// What the guard finds in texts and requests
    Guard {
        #[command(subcommand)]
        command: cli::guard::Guard,
    },
    /// The catalogue of models
    Models {
        #[command(subcommand)]
        command: Models,
    },
}

#[derive(Subcommand)]
enum Models {
    /// List the models that the gateway knows by itself
    List {
        /// Only those of this provider
        provider: Option<String>,
    },
    /// Write files of models from LiteLLM's price map, one for each provider
    Import {
        /// The price map (model_prices_and_context_window.json)
        map: PathBuf,
        /// The folder to write to
        #[arg(short, long, default_value = "models", value_name = "FOLDER")]
        out: PathBuf,
    },
}

#[derive(Args)]
struct File {
    /// The configuration file
    #[arg(
        short,
        long,
        default_value = "conf/sluicegate.yaml",
        value_name = "FILE"
    )]
    config: PathBuf,
}

#[derive(Args)]
struct Addresses {
    /// Where clients connect, instead of `server.listen` (127.0.0.1:8080 if that is not set either)
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where operators connect, instead of `admin.listen` (127.0.0.1:9090 if that is not set either)
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
}

impl Addresses {
    fn apply(&self, config: &mut Config) {
        if let Some(listen) = self.listen {
            config.server.listen = vec![ListenConfig::plain(listen)];
        }
        if let Some(admin) = self.admin {
            config.admin.listen = admin;
        }
    }
}

fn main() -> ExitCode {
    // Pingora reports each stale pooled connection as an error; it is none, and is tried again.
    let quiet = "info,pingora=warn,pingora_core=warn,pingora_proxy=error,pingora_core::connectors=off,\
                 pingora_core::protocols=error,pingora_core::apps=off,pingora_core::services=error,\
                 pingora_load_balancing=warn";
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(quiet))
        // Below that it writes the heads of requests, credentials included.
        .filter_module("pingora_proxy", log::LevelFilter::Info)
        .init();
    let outcome = match Cli::parse().command {
        Command::Run {
            file,
            addresses,
            upgrade,
        } => run(&file.config, &addresses, upgrade),
        Command::Check { file } => check(&file.config),
        Command::Demo { addresses } => run_demo(&addresses),
        Command::Schema { models: false } => {
            println!("{:#}", schema::schema());
            Ok(())
        }
        Command::Schema { models: true } => {
            println!("{:#}", catalogue::schema());
            Ok(())
        }
        Command::Guard { command } => cli::guard::run(command),
        Command::Models {
            command: Models::List { provider },
        } => {
            list_models(provider.as_deref());
            Ok(())
        }
        Command::Models {
            command: Models::Import { map, out },
        } => import_models(&map, &out),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{}", why.trim_end());
            ExitCode::FAILURE
        }
    }
}

fn run(path: &Path, addresses: &Addresses, upgrade: bool) -> Result<(), String> {
    let Loaded { mut config, .. } = load::load(path).map_err(|findings| findings.to_string())?;
    let as_written = config.clone();
    addresses.apply(&mut config);
    let process = Process::prepare(config, Source::File(path.to_owned()), upgrade)?;
    process.live().applied(as_written);
    let snapshot = process.live().get();
    log::info!(
        "sluicegate {} serves {}",
        env!("CARGO_PKG_VERSION"),
        path.display()
    );
    for listener in &snapshot.config.server.listen {
        let scheme = if listener.tls.is_some() {
            "https"
        } else {
            "http"
        };
        log::info!("clients:   {scheme}://{}", listener.address);
    }
    log::info!("operators: http://{}", snapshot.config.admin.listen);
    drop(snapshot);
    process.run()
}

fn check(path: &Path) -> Result<(), String> {
    let Loaded { mut config, .. } = load::load(path).map_err(|findings| findings.to_string())?;
    let shown = format!(
        "{}: good: {} provider(s), {} route(s), {} key(s)",
        path.display(),
        config.providers.len(),
        config.routes.len(),
        config.keys.len(),
    );
    // Builds what a start would build, so that missing certificates show here; nothing listens and nothing is written.
    config.telemetry.access_log.format = sluicegate::telemetry::LogFormat::Off;
    for tls in config.server.listen.iter().filter_map(|l| l.tls.as_ref()) {
        sluicegate::server::check_certificate(tls)
            .map_err(|why| format!("{}: {why}", path.display()))?;
    }
    check_examples(&config).map_err(|why| format!("{}: {why}", path.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let nowhere = Some(SocketAddr::from(([127, 0, 0, 1], 9)));
    Live::start(config, Source::BuiltIn, nowhere, runtime.handle().clone())
        .map_err(|why| format!("{}: {why}", path.display()))?;
    println!("{shown}");
    Ok(())
}

/// Runs the examples of the operator's own rules; those of the gateway's rules run in its tests.
fn check_examples(config: &Config) -> Result<(), String> {
    let mut files = Vec::new();
    for path in &config.guards.rules {
        let file = rules::load(Path::new(path)).map_err(|f| format!("guards.rules: {f}"))?;
        files.push(file);
    }
    files.push(config.guards.own_file());
    let wrong = examples::wrong(&files, &Databases::default())
        .map_err(|bad| bad.iter().map(ToString::to_string).collect::<Vec<_>>())
        .map_err(|bad| bad.join("\n"))?;
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "examples of rules do not hold:\n  {}",
            wrong.join("\n  ")
        ))
    }
}

fn list_models(wanted: Option<&str>) {
    for (provider, model) in models::builtin().models() {
        if wanted.is_none_or(|wanted| wanted == provider) {
            let number = |n: Option<u64>| n.map_or("-".to_owned(), |n| n.to_string());
            println!(
                "{:48} context {:>8}  output {:>7}",
                format!("{provider}/{}", model.name),
                number(model.context_window),
                number(model.output_limit)
            );
        }
    }
}

fn import_models(map: &Path, out: &Path) -> Result<(), String> {
    let told = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(map).map_err(|e| told(map, e))?;
    let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    let today = catalogue::Date::at(now.map_or(0, |d| d.as_secs()));
    let imported = catalogue::import::litellm(&text, today)
        .map_err(|why| format!("{}: {why}", map.display()))?;
    std::fs::create_dir_all(out).map_err(|e| told(out, e))?;
    let mut count = 0;
    for file in &imported.files {
        // Providers' names come from the map, and become names of files.
        let sane = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let name: String = file
            .provider
            .chars()
            .map(|c| if sane(c) { c } else { '_' })
            .collect();
        let path = out.join(name + ".yaml");
        std::fs::write(&path, file.to_yaml()).map_err(|e| told(&path, e))?;
        count += file.models.len();
    }
    for (entry, why) in &imported.skipped {
        eprintln!("passed over {entry}: {why}");
    }
    for (price, entries) in &imported.left_out {
        eprintln!("left out {price} of {entries} model(s): it has no place in our files");
    }
    for entry in &imported.inexact {
        eprintln!("without prices {entry}: one of them has more than 12 places");
    }
    println!(
        "{}: {count} model(s) of {} provider(s), {} entries passed over",
        out.display(),
        imported.files.len(),
        imported.skipped.len()
    );
    Ok(())
}

fn run_demo(addresses: &Addresses) -> Result<(), String> {
    let mut config = Config::demo();
    addresses.apply(&mut config);
    let clients = config.server.listen[0].address;
    let operators = config.admin.listen;
    let process = Process::prepare(config, Source::BuiltIn, false)?;
    println!(
        "Sluicegate demo. Provider `demo`, model `demo/demo`; any API key will do.

  OpenAI SDK     base_url=\"http://{clients}/v1\"
  Anthropic SDK  base_url=\"http://{clients}\"
  Google SDK     base_url=\"http://{clients}\"
  operators      http://{operators}/metrics

Try:

  curl -N http://{clients}/v1/chat/completions -H 'content-type: application/json' \\
    -d '{{\"model\":\"demo/demo\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"Hello!\"}}]}}'

Ctrl-C ends it. One line for each request follows."
    );
    process.run()
}
