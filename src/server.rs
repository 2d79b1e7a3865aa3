//! Listeners, background work, signals: from a configuration to a running process, and to its end.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use pingora::{
    apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream, ServerApp},
    connectors::{ConnectorOptions, http::Connector},
    listeners::{ListenerConfig, tls::TlsSettings},
    protocols::{Stream, http::ServerSession, l4::stream::L4BufferSettings},
    proxy::HttpProxy,
    server::{
        ListenFds, RunArgs, Server, ShutdownSignal, ShutdownSignalWatch, ShutdownWatch,
        configuration::{Opt, ServerConf},
    },
    services::listening::Service,
};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
    sync::{Notify, mpsc},
};

use crate::{
    admin::{self, Admin},
    config::{
        Config, ListenConfig, ListenTls, ServerConfig,
        snapshot::{Live, Source},
    },
    demo,
    limits::{
        address::{Addresses, Open},
        head,
    },
    proxy::Gateway,
    telemetry::metrics::METRICS,
    upstream::{UpstreamTls, tls::Certificates},
};

/// How long the first look-ups and health checks may hold up readiness.
const FIRST_LOOK: Duration = Duration::from_secs(5);

/// Pingora reads 64 KiB ahead on each connection, which every idle stream would pay for, and its HTTP parser has a buffer
/// of its own. What is written waits for 1,460 bytes by default, and a small answer with its head is a little more.
const BUFFERS: L4BufferSettings = L4BufferSettings {
    read: Some(0),
    write: Some(2048),
};

/// For waits of Pingora's that are ended in another way; in seconds.
const NEVER: u64 = 30 * 24 * 3600;

/// How long after a change of the file it is read: editors write in several steps.
const SETTLE: Duration = Duration::from_millis(100);

/// A gateway that is set up and not yet running.
pub struct Process {
    live: Arc<Live>,
    runtime: Runtime,
    draining: Arc<AtomicBool>,
    listening: Arc<Notify>,
    /// Told when a new process takes over: it needs the admin address.
    handed_over: Arc<Notify>,
    upgrade: bool,
}

impl Process {
    /// Builds everything that can fail: certificates, the demo provider, the admin listener.
    ///
    /// # Errors
    /// With a text for the operator.
    pub fn prepare(config: Config, source: Source, upgrade: bool) -> Result<Self, String> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("housekeeping")
            .enable_all()
            .build()
            .map_err(|error| format!("no runtime: {error}"))?;
        let demo = config
            .has_demo()
            .then(|| start_demo(&runtime))
            .transpose()
            .map_err(|error| format!("the demo provider cannot listen: {error}"))?;
        let admin_address = config.admin.listen;
        let live = Live::start(config, source, demo, runtime.handle().clone())?;
        let process = Self {
            live,
            runtime,
            draining: Arc::default(),
            listening: Arc::default(),
            handed_over: Arc::default(),
            upgrade,
        };
        process.start_admin(admin_address)?;
        Ok(process)
    }

    /// The running configuration.
    pub const fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Serves until a signal ends the process: SIGTERM drains, SIGQUIT hands the listeners over, SIGINT stops at once.
    ///
    /// # Errors
    /// With a text for the operator, if a listener cannot be set up.
    pub fn run(self) -> Result<(), String> {
        let snapshot = self.live.get();
        let server_config = &snapshot.config.server;
        if !self.upgrade {
            check_addresses(server_config)?;
        }
        let conf = server_conf(server_config);
        let options = Opt {
            upgrade: self.upgrade,
            ..Opt::default()
        };
        let mut server = Server::new_with_opt_and_conf(options, conf);
        server.bootstrap();
        let service = self.service(&server.configuration, &snapshot.config)?;
        server.add_service(service);
        self.watch_file();
        self.watch_hangup();
        let signals = Signals {
            live: self.live.clone(),
            draining: self.draining.clone(),
            handed_over: self.handed_over.clone(),
        };
        drop(snapshot);
        server.run(RunArgs {
            shutdown_signal: Box::new(signals),
        });
        self.live.get().access_log.flush();
        Ok(())
    }

    fn service(&self, conf: &Arc<ServerConf>, config: &Config) -> Result<Announced, String> {
        let addresses: Arc<Addresses> = Arc::default();
        let connector = Connector::new(Some(ConnectorOptions::from_server_conf(conf)));
        let gateway = Gateway::new(
            connector,
            self.live.clone(),
            addresses.clone(),
            self.draining.clone(),
        );
        let mut proxy = HttpProxy::new(gateway, conf.clone());
        proxy.handle_init_modules();
        let mut options = HttpServerOptions::default();
        options.h2c = true;
        options.h2_idle_timeout = Some(config.limits.keepalive.get());
        proxy.server_options = Some(options);
        proxy.h2_options = Some(h2_options(config));
        let front = Front {
            http: Arc::new(Http {
                proxy: Arc::new(proxy),
                live: self.live.clone(),
            }),
            addresses,
            live: self.live.clone(),
        };
        let mut service = Service::new("gateway".to_owned(), front);
        for listener in &config.server.listen {
            let endpoint = ListenerConfig::tcp(listener.address.to_string()).l4_buffer(BUFFERS);
            let endpoint = match &listener.tls {
                None => endpoint,
                Some(tls) => endpoint.tls(tls_settings(tls)?),
            };
            service.add_listener(endpoint);
        }
        let address = |l: &ListenConfig| l.address.to_string();
        Ok(Announced {
            service,
            addresses: config.server.listen.iter().map(address).collect(),
            listening: self.listening.clone(),
        })
    }

    fn start_admin(&self, address: SocketAddr) -> Result<(), String> {
        let ready: Arc<AtomicBool> = Arc::default();
        let admin = Admin {
            live: self.live.clone(),
            draining: self.draining.clone(),
            ready: ready.clone(),
        };
        let live = self.live.clone();
        let listening = self.listening.clone();
        self.runtime.spawn(async move {
            live.ready(FIRST_LOOK).await;
            listening.notified().await;
            ready.store(true, Ordering::Relaxed);
        });
        let handed_over = self.handed_over.clone();
        let stop = async move { handed_over.notified().await };
        let listener = self
            .runtime
            .block_on(tokio::net::TcpListener::bind(address));
        match listener {
            Ok(listener) => {
                self.runtime.spawn(admin::serve(admin, listener, stop));
            }
            // The old process still has the address; it goes when it has handed over.
            Err(_) if self.upgrade => {
                self.runtime.spawn(async move {
                    loop {
                        tokio::time::sleep(Duration::from_millis(200)).await;
                        if let Ok(listener) = tokio::net::TcpListener::bind(address).await {
                            return admin::serve(admin, listener, stop).await;
                        }
                    }
                });
            }
            Err(error) => return Err(format!("admin.listen {address}: {error}")),
        }
        Ok(())
    }

    /// Reloads the configuration when its file changes. The folder is watched, since editors and Kubernetes replace
    /// files instead of writing into them.
    fn watch_file(&self) {
        let Some(path) = self.live.file().cloned() else {
            return;
        };
        let (changed, mut changes) = mpsc::channel::<()>(1);
        // Kubernetes swaps a link named `..data`; other files of the folder are not ours.
        let name = path.file_name().map(ToOwned::to_owned);
        let is_ours = move |path: &PathBuf| {
            let file = path.file_name();
            file == name.as_deref() || file.is_some_and(|file| file == "..data")
        };
        let notice = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|e| !e.kind.is_access() && e.paths.iter().any(&is_ours)) {
                // One notice is enough.
                let _ = changed.try_send(());
            }
        };
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => ".".into(),
        };
        let watcher = notify::recommended_watcher(notice).and_then(|mut watcher| {
            notify::Watcher::watch(&mut watcher, &folder, notify::RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        let watcher = match watcher {
            Ok(watcher) => watcher,
            Err(error) => {
                log::warn!(
                    "{} is not watched ({error}); send SIGHUP after changes",
                    path.display()
                );
                return;
            }
        };
        let live = self.live.clone();
        self.runtime.spawn(async move {
            let _watcher = watcher;
            while changes.recv().await.is_some() {
                tokio::time::sleep(SETTLE).await;
                while changes.try_recv().is_ok() {}
                reload(&live, false).await;
            }
        });
    }

    fn watch_hangup(&self) {
        let live = self.live.clone();
        self.runtime.spawn(async move {
            let Ok(mut hangup) = signal(SignalKind::hangup()) else {
                return;
            };
            while hangup.recv().await.is_some() {
                live.get().access_log.reopen();
                reload(&live, true).await;
            }
        });
    }
}

async fn reload(live: &Arc<Live>, always: bool) {
    let live = live.clone();
    // Reads files and certificates.
    let _ = tokio::task::spawn_blocking(move || live.reload(always)).await;
}

/// Whether every address is free: Pingora tries again for half a minute, and then panics.
fn check_addresses(config: &ServerConfig) -> Result<(), String> {
    for ListenConfig { address, .. } in &config.listen {
        std::net::TcpListener::bind(address)
            .map_err(|error| format!("server.listen {address}: {error}"))?;
    }
    Ok(())
}

/// Whether the certificate and the key of a listener can be used.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn check_certificate(tls: &ListenTls) -> Result<(), String> {
    // Pingora reads them in the thread of the service, and panics there.
    Certificates::read(&UpstreamTls {
        cert: Some(tls.cert.clone()),
        key: Some(tls.key.clone()),
        ..UpstreamTls::default()
    })
    .map(|_| ())
    .map_err(|why| format!("server.listen: {why}"))
}

fn tls_settings(tls: &ListenTls) -> Result<TlsSettings, String> {
    check_certificate(tls)?;
    let mut settings = TlsSettings::intermediate(&tls.cert, &tls.key)
        .map_err(|error| format!("{} or {}: {error}", tls.cert, tls.key))?;
    settings.enable_h2();
    Ok(settings)
}

fn start_demo(runtime: &Runtime) -> std::io::Result<SocketAddr> {
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    runtime.spawn(demo::serve(listener, std::future::pending()));
    Ok(address)
}

fn server_conf(config: &ServerConfig) -> ServerConf {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    ServerConf {
        threads: Some(config.workers)
            .filter(|n| *n > 0)
            .unwrap_or_else(cores),
        upgrade_sock: config.upgrade_socket.clone(),
        upstream_keepalive_pool_size: 256,
        // `Signals` ends the process by itself, when nothing runs any more or the time to drain is over.
        grace_period_seconds: Some(NEVER),
        graceful_shutdown_timeout_seconds: Some(1),
        ..ServerConf::default()
    }
}

fn h2_options(config: &Config) -> pingora::protocols::http::v2::server::H2Options {
    let mut options = pingora::protocols::http::v2::server::default_h2_options();
    // The 64 KiB that HTTP/2 begins with would stop large prompts after each round trip.
    options
        .initial_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .max_concurrent_streams(config.limits.http2_streams)
        .max_header_list_size(u32::try_from(config.limits.header.0).unwrap_or(u32::MAX));
    options
}

/// The listeners, and word of it once all of them listen, which Pingora keeps to itself.
struct Announced {
    service: Service<Front>,
    addresses: Vec<String>,
    listening: Arc<Notify>,
}

#[async_trait]
impl pingora::services::Service for Announced {
    async fn start_service(
        &mut self,
        fds: Option<ListenFds>,
        shutdown: ShutdownWatch,
        per_fd: usize,
    ) {
        let table = fds.clone();
        let addresses = std::mem::take(&mut self.addresses);
        let listen = |table: &ListenFds| {
            let table = table.lock();
            addresses.iter().all(|a| table.get(a).is_some())
        };
        let announce = async {
            while !table.as_ref().is_none_or(listen) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            self.listening.notify_one();
        };
        tokio::join!(self.service.start_service(fds, shutdown, per_fd), announce);
    }

    fn name(&self) -> &str {
        self.service.name()
    }

    fn listen_addresses(&self) -> Option<Vec<String>> {
        self.service.listen_addresses()
    }
}

/// Every connection: counted for its address, then served.
struct Front {
    http: Arc<Http>,
    addresses: Arc<Addresses>,
    live: Arc<Live>,
}

#[async_trait]
impl ServerApp for Front {
    async fn process_new(
        self: &Arc<Self>,
        mut stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let peer = stream
            .get_socket_digest()
            .and_then(|digest| Some(digest.peer_addr()?.as_inet()?.ip().to_canonical()));
        let limit = self.live.peek().config.limits.connections_per_address;
        let _permit = match peer {
            None => None,
            Some(peer) => match self.addresses.admit(peer, Open::Connections, limit) {
                Some(permit) => Some(permit),
                None => {
                    METRICS
                        .refused
                        .with_label_values(&[Open::Connections.name()])
                        .inc();
                    return None;
                }
            },
        };
        let _open = OpenConnection::new();
        // Pingora looks for the preface of HTTP/2 first, and waits for so many bytes for ever.
        let mut preface = [0; 24];
        let limit = self.live.peek().config.limits.header_timeout.get();
        match tokio::time::timeout(limit, stream.try_peek(&mut preface)).await {
            Ok(Ok(_)) => self.http.process_new(stream, shutdown).await,
            Ok(Err(_)) | Err(_) => None,
        }
    }

    async fn cleanup(&self) {
        self.http.cleanup().await;
    }
}

/// One more in the gauge of connections, until dropped.
struct OpenConnection;

impl OpenConnection {
    fn new() -> Self {
        METRICS.open_connections.inc();
        Self
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        METRICS.open_connections.dec();
    }
}

/// Every request: under a deadline for its head, then proxied.
struct Http {
    proxy: Arc<HttpProxy<Gateway>>,
    live: Arc<Live>,
}

#[async_trait]
impl HttpServerApp for Http {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        if session.is_http2() {
            return self.proxy.process_new_http(session, shutdown).await;
        }
        // What a client sends early is its next request; without this it would count as a client that left.
        session.set_pipelining_enabled(true);
        let limit = {
            let snapshot = self.live.peek();
            let limits = &snapshot.config.limits;
            session.set_read_timeout(Some(limits.header_timeout.get()));
            if session.get_keepalive().is_some_and(|seconds| seconds > 0) {
                session.set_keepalive(Some(limits.keepalive.get().as_secs().max(1)));
            }
            limits.header_timeout.get() + limits.keepalive.get()
        };
        head::within(limit, self.proxy.process_new_http(session, shutdown)).await
    }

    async fn http_cleanup(&self) {
        self.proxy.http_cleanup().await;
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        self.proxy.server_options()
    }

    fn h2_options(&self) -> Option<pingora::protocols::http::v2::server::H2Options> {
        self.proxy.h2_options()
    }
}

/// Waits for the signal that ends the process, and drains it first.
#[derive(Clone)]
struct Signals {
    live: Arc<Live>,
    draining: Arc<AtomicBool>,
    handed_over: Arc<Notify>,
}

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let stream = |kind| signal(kind).expect("signals can be caught on Unix");
        let mut terminate = stream(SignalKind::terminate());
        let mut quit = stream(SignalKind::quit());
        let mut interrupt = stream(SignalKind::interrupt());
        tokio::select! {
            _ = terminate.recv() => {
                log::info!("SIGTERM: draining");
                self.draining.store(true, Ordering::Relaxed);
                tokio::select! {
                    () = self.idle() => {}
                    _ = terminate.recv() => log::warn!("second SIGTERM: stopping at once"),
                    _ = interrupt.recv() => log::warn!("SIGINT: stopping at once"),
                }
                self.exit()
            }
            _ = quit.recv() => {
                log::info!("SIGQUIT: handing the listeners over");
                self.handed_over.notify_one();
                let this = self.clone();
                // Pingora would sleep for the whole drain time even when nothing runs any more.
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(6)).await;
                    this.draining.store(true, Ordering::Relaxed);
                    this.idle().await;
                    this.exit();
                });
                ShutdownSignal::GracefulUpgrade
            }
            _ = interrupt.recv() => {
                log::info!("SIGINT: stopping at once");
                self.exit()
            }
        }
    }
}

impl Signals {
    /// Waits until no request runs, at most as long as the configuration says.
    async fn idle(&self) {
        let end = Instant::now() + self.live.get().config.server.drain.get();
        loop {
            let open = METRICS.open_requests.get();
            if open == 0 {
                log::info!("drained");
                return;
            }
            if Instant::now() >= end {
                log::warn!("{open} requests were still running when the time to drain ended");
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn exit(&self) -> ! {
        self.live.get().access_log.flush();
        std::process::exit(0)
    }
}
