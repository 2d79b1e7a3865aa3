//! Load generator and mock provider of the benchmark; `../run` drives both. One thread each.

mod client;
mod measure;
mod request;
mod stream;
mod upstream;
mod wire;

use std::collections::HashMap;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use client::Target;
use tokio::task::LocalSet;

const USAGE: &str = "\
usage: load upstream --port PORT
       load request  --url URL [--key KEY] [--model MODEL] [--connections 32] [--seconds 4]
                     [--rate REQUESTS_PER_SECOND] [--pid PROXY]
       load stream   --url URL [--key KEY] [--model MODEL] [--streams 200] [--interval-us 20000]
                     [--seconds 4] [--pid PROXY]
       load hold     --url URL [--key KEY] [--model MODEL] [--streams 1000]
                     [--interval-us 10000000]

upstream answers POST /v1/chat/completions; hold keeps its streams until stdin closes.
URL is the API's base, such as http://127.0.0.1:8080/v1.";

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let outcome = Options::parse(std::env::args().skip(1)).and_then(|(command, options)| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        LocalSet::new().block_on(&runtime, run(&command, &options))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: &str, options: &Options) -> Result<(), Error> {
    match command {
        "upstream" => upstream::serve(options.required("port")?).await?,
        "request" => {
            let plan = request::Plan {
                target: options.target()?,
                connections: options.or("connections", 32)?,
                rate: options.get("rate")?,
                seconds: options.or("seconds", 4.0)?,
                pid: options.get("pid")?,
            };
            println!("{}", request::run(plan).await?);
        }
        "stream" => println!("{}", stream::run(options.streams(200, 20_000)?).await?),
        "hold" => stream::hold(options.streams(1_000, 10_000_000)?).await?,
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

/// `--name value` pairs.
struct Options(HashMap<String, String>);

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<(String, Self), Error> {
        let command = args.next().ok_or(USAGE)?;
        let mut pairs = HashMap::new();
        while let Some(arg) = args.next() {
            let name = arg.strip_prefix("--").ok_or(USAGE)?;
            pairs.insert(name.to_owned(), args.next().ok_or(USAGE)?);
        }
        Ok((command, Self(pairs)))
    }

    fn get<T: FromStr>(&self, name: &str) -> Result<Option<T>, Error> {
        let Some(text) = self.0.get(name) else {
            return Ok(None);
        };
        let value = text
            .parse()
            .map_err(|_| format!("--{name} {text}: not a value for this"))?;
        Ok(Some(value))
    }

    fn or<T: FromStr>(&self, name: &str, default: T) -> Result<T, Error> {
        Ok(self.get(name)?.unwrap_or(default))
    }

    fn required<T: FromStr>(&self, name: &str) -> Result<T, Error> {
        Ok(self
            .get(name)?
            .ok_or_else(|| format!("--{name} is missing"))?)
    }

    fn target(&self) -> Result<Target, Error> {
        let url: String = self.required("url")?;
        let key = self.or("key", "sk-bench".to_owned())?;
        let model = self.or("model", "openai/gpt-4o-mini".to_owned())?;
        Ok(Target::new(&url, &key, &model)?)
    }

    fn streams(&self, count: u64, interval_us: u64) -> Result<stream::Plan, Error> {
        Ok(stream::Plan {
            target: self.target()?,
            streams: self.or("streams", count)?,
            interval: Duration::from_micros(self.or("interval-us", interval_us)?.max(1)),
            seconds: self.or("seconds", 4.0)?,
            pid: self.get("pid")?,
        })
    }
}
