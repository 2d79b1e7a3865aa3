//! Starts the real binary in a directory of its own, talks with it, and reads what it writes.

use std::{
    fmt::Display,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{certs::Authority, upstream::Upstream};

pub mod client;
mod raw;

pub use client::{Answer, Ask, Client, Http, Response};
pub use raw::Raw;

/// The client key that every started gateway knows, unless the configuration has `keys`.
pub const KEY: &str = "sk-gateway-test";

/// How long a test waits for anything before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Awaits `future`; fails the test if that takes too long.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(done) => done,
        Err(_) => panic!("waited {PATIENCE:?} in vain until {what}"),
    }
}

/// Waits until `condition` holds; fails the test if it never does.
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    within(what, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// A configuration with the route `fallback` over the upstreams in this order. The providers are called `p1`, `p2` …
/// and their models `m1`, `m2` …
pub fn fallback(upstreams: &[&Upstream]) -> Value {
    let targets: Vec<String> = (1..=upstreams.len())
        .map(|n| format!("p{n}/m{n}"))
        .collect();
    let providers: serde_json::Map<String, Value> = upstreams
        .iter()
        .enumerate()
        .map(|(n, upstream)| (format!("p{}", n + 1), upstream.provider()))
        .collect();
    json!({
        "providers": providers,
        "routes": { "fallback": { "targets": targets } },
    })
}

/// A directory that is removed when dropped, unless the test fails.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new(name: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("sluicegate-it-{}-{number}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("the directory is new");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in one step and gives its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        let draft = self.0.join(format!("{name}.draft"));
        std::fs::write(&draft, text).expect("the directory is ours");
        std::fs::rename(&draft, &path).expect("the directory is ours");
        path
    }

    /// The text of a file; empty if there is none.
    pub fn read(&self, name: &str) -> String {
        std::fs::read(self.0.join(name))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// The binary under test: the one that cargo built, or another one that the environment names.
pub fn binary() -> PathBuf {
    std::env::var_os("SLUICEGATE_BIN")
        .map_or_else(|| env!("CARGO_BIN_EXE_sluicegate").into(), PathBuf::from)
}

/// A port where nobody listens. Below those that systems give to outgoing connections, so that it stays free.
pub fn free_port() -> u16 {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let start = std::process::id() as usize * 641;
    loop {
        let port = 12_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        let port = u16::try_from(port).expect("below 32000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A gateway about to be started.
pub struct Start {
    config: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    tls: bool,
    own_listen: bool,
    command: &'static str,
    taken_over: Option<(SocketAddr, SocketAddr)>,
}

impl Start {
    /// Further arguments of the command line.
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|a| (*a).to_owned()));
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Listens with TLS, too: for clients over [`Http::Tls1`] and [`Http::Tls2`].
    pub const fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Leaves the listeners to the configuration, in which `{port}` stands for a free port.
    pub const fn listens_as_configured(mut self) -> Self {
        self.own_listen = true;
        self
    }

    /// `demo` instead of `run`: without a configuration.
    pub const fn demo(mut self) -> Self {
        self.command = "demo";
        self
    }

    /// Takes the listeners over from a running gateway, which then gets `QUIT`.
    pub fn takes_over(mut self, old: &Gateway) -> Self {
        self.taken_over = Some((old.address, old.admin));
        self.args(&["--upgrade"])
    }

    /// Starts it and waits until it is ready.
    pub async fn ready(self) -> Gateway {
        let mut gateway = self.spawn();
        gateway.wait_ready().await;
        gateway
    }

    /// Starts it without waiting for anything.
    pub fn spawn(self) -> Gateway {
        let dir = Dir::new("gateway");
        let free_address = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        let (address, admin) = self
            .taken_over
            .unwrap_or_else(|| (free_address(), free_address()));
        let tls_port = self.tls.then(free_port);
        let authority = Authority::known();
        dir.write("tls.crt", &authority.cert);
        dir.write("tls.key", &authority.key);
        let mut gateway = Gateway {
            address,
            admin,
            tls: tls_port.map(|port| SocketAddr::from(([127, 0, 0, 1], port))),
            child: None,
            dir,
        };
        let mut command = Command::new(binary());
        command.arg(self.command);
        if self.command == "run" {
            let file = gateway.write_config(self.config);
            command.arg("-c").arg(file);
        }
        if !self.tls && !self.own_listen {
            command.args(["--listen", &gateway.address.to_string()]);
        }
        let log =
            |name| std::fs::File::create(gateway.dir.path().join(name)).expect("our directory");
        let child = command
            .args(["--admin", &gateway.admin.to_string()])
            .args(self.args)
            .envs(self.env)
            .stdin(Stdio::null())
            .stdout(log("stdout"))
            .stderr(log("stderr"))
            .spawn()
            .expect("the binary starts");
        gateway.child = Some(child);
        gateway
    }
}

/// A running gateway. Killed when dropped.
pub struct Gateway {
    /// Where clients connect.
    pub address: SocketAddr,
    /// Where operators connect.
    pub admin: SocketAddr,
    /// Where clients connect with TLS.
    pub tls: Option<SocketAddr>,
    child: Option<Child>,
    dir: Dir,
}

impl Gateway {
    /// Starts the binary with a configuration (YAML text, or JSON, which is YAML, too) and waits until it is ready.
    ///
    /// Without `keys` in it [`KEY`] is known; without `telemetry` the access log goes where [`Gateway::record`] finds
    /// it. `{dir}` stands for the gateway's own directory, which has `tls.crt` and `tls.key` in it, `{port}` for its port.
    pub async fn start(config: impl Display) -> Self {
        Self::with(config).ready().await
    }

    /// A start with more to say.
    pub fn with(config: impl Display) -> Start {
        Start {
            config: config.to_string(),
            args: Vec::new(),
            env: Vec::new(),
            tls: false,
            own_listen: false,
            command: "run",
            taken_over: None,
        }
    }

    /// Writes the configuration anew, with the same additions as at the start. The gateway notices by itself.
    pub fn rewrite_config(&self, config: impl Display) -> PathBuf {
        self.write_config(config.to_string())
    }

    fn write_config(&self, config: String) -> PathBuf {
        let log = self.dir.path().join("access.log");
        let additions = [
            ("keys", json!([{ "name": "test", "secret": KEY }])),
            (
                "telemetry",
                json!({ "access_log": { "path": log, "format": "json" } }),
            ),
        ];
        let listen = self.tls.map(|tls| {
            let dir = self.dir.path();
            let tls = json!({ "address": tls, "tls": { "cert": dir.join("tls.crt"), "key": dir.join("tls.key") } });
            json!([self.address, tls])
        });
        let text = if config.trim_start().starts_with('{') {
            let mut value: Value = serde_json::from_str(&config).expect("the test writes JSON");
            for (key, addition) in additions {
                if value[key].is_null() {
                    value[key] = addition;
                }
            }
            if let Some(listen) = listen {
                value["server"]["listen"] = listen;
            }
            serde_json::to_string_pretty(&value).expect("JSON")
        } else {
            let mut text = config;
            for (key, addition) in additions {
                if !text
                    .lines()
                    .any(|line| line.starts_with(&format!("{key}:")))
                {
                    text += &format!("\n{key}: {addition}\n");
                }
            }
            if let Some(listen) = listen {
                if text.lines().any(|line| line.trim_end() == "server:") {
                    text = text.replacen("server:", &format!("server:\n  listen: {listen}"), 1);
                } else {
                    text += &format!("\nserver: {{ listen: {listen} }}\n");
                }
            }
            text
        };
        let text = text
            .replace("{dir}", &self.dir.path().display().to_string())
            .replace("{port}", &self.address.port().to_string());
        self.dir.write("config.yaml", &text)
    }

    /// Waits until it says that it is ready, and takes connections.
    pub async fn wait_ready(&mut self) {
        let start = Instant::now();
        loop {
            if let Some(status) = self.exited() {
                panic!(
                    "the gateway ended at its start with {status}:\n{}",
                    self.log()
                );
            }
            let ready = self.try_operator("/readyz").await;
            if ready.is_some_and(|(status, _)| status == 200)
                && tokio::net::TcpStream::connect(self.address).await.is_ok()
            {
                return;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "the gateway is not ready:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What it wrote to standard output and standard error.
    pub fn log(&self) -> String {
        self.dir.read("stdout") + &self.dir.read("stderr")
    }

    /// Its own directory.
    pub const fn dir(&self) -> &Dir {
        &self.dir
    }

    // Clients.

    /// A connection to it.
    pub async fn connect(&self, http: Http) -> Client {
        let address = match http {
            Http::H1 | Http::H2c => self.address,
            Http::Tls1 | Http::Tls2 => self.tls.expect("started with tls()"),
        };
        Client::connect(address, http).await
    }

    /// A request over its own HTTP/1.1 connection; `ask(..).over(..)` for others.
    pub fn ask(&self, path: &str, body: impl Into<bytes::Bytes>) -> Ask<'_> {
        Ask::new(self, path, body.into())
    }

    /// A chat completion from model `fallback`.
    pub async fn chat(&self, prompt: &str) -> Answer {
        self.ask("/v1/chat/completions", client::chat("fallback", prompt))
            .whole()
            .await
    }

    /// A streamed chat completion from model `fallback`.
    pub async fn chat_stream(&self, prompt: &str) -> Response {
        self.ask(
            "/v1/chat/completions",
            client::chat_stream("fallback", prompt),
        )
        .send()
        .await
    }

    // What operators see.

    /// Asks the admin listener; nothing if it does not answer.
    pub async fn try_operator(&self, path: &str) -> Option<(u16, String)> {
        let client = Client::try_connect(self.admin, Http::H1).await?;
        let request = client::get(path, &self.admin.to_string());
        let answer = client.try_send(request).await.ok()?.whole().await;
        Some((answer.status, answer.body_text()))
    }

    /// Asks the admin listener; status and text.
    pub async fn operator(&self, path: &str) -> (u16, String) {
        let answer = within("the admin listener answers", self.try_operator(path)).await;
        answer.unwrap_or_else(|| panic!("no answer to {path}:\n{}", self.log()))
    }

    /// The sum of all series that have this name and at least these labels: `name{label="value"}`; 0 if none has.
    pub async fn metric(&self, series: &str) -> f64 {
        let (_, text) = self.operator("/metrics").await;
        let (name, labels) = split_series(series);
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let (found, value) = line.rsplit_once(' ')?;
                let (found, has) = split_series(found);
                let fits = found == name && labels.iter().all(|label| has.contains(label));
                fits.then(|| value.parse::<f64>().expect("a number"))
            })
            .sum()
    }

    /// Waits until a metric has this value.
    pub async fn metric_becomes(&self, series: &str, value: f64) {
        let what = format!("{series} becomes {value}");
        within(&what, async {
            while (self.metric(series).await - value).abs() > 1e-9 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    /// All access log records so far.
    pub fn records(&self) -> Vec<Value> {
        let text = self.dir.read("access.log");
        // The last line may be half written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).expect("each line is JSON"))
            .collect()
    }

    /// Waits for the record of a request, and checks that there is one only.
    pub async fn record(&self, request_id: &str) -> Value {
        let mut found = Vec::new();
        eventually(&format!("the record of {request_id} is written"), || {
            found = self.records();
            found.retain(|record| record["request_id"] == request_id);
            !found.is_empty()
        })
        .await;
        assert_eq!(found.len(), 1, "one record for each request: {found:#?}");
        found.remove(0)
    }

    // The process.

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("running").id()
    }

    /// Sends a signal by its name: `TERM`, `HUP`, `QUIT`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.pid().to_string()])
            .status()
            .expect("kill is everywhere");
        assert!(status.success(), "kill -s {name}");
    }

    /// Its exit status, if it has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        let child = self.child.as_mut().expect("was started");
        child.try_wait().expect("our child")
    }

    /// Waits until it ends.
    pub async fn wait_exit(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the gateway ends", || {
            status = self.exited();
            status.is_some()
        })
        .await;
        status.expect("just seen")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- log of the gateway ---\n{}", self.log());
            eprintln!(
                "--- its directory is kept: {} ---",
                self.dir.path().display()
            );
        }
    }
}

/// `name{a="b",c="d"}` in parts. No label of ours has a comma or a brace in it.
fn split_series(series: &str) -> (&str, Vec<&str>) {
    match series.split_once('{') {
        Some((name, labels)) => {
            let labels = labels
                .trim_end_matches('}')
                .split(',')
                .filter(|l| !l.is_empty());
            (name, labels.collect())
        }
        None => (series, Vec::new()),
    }
}
