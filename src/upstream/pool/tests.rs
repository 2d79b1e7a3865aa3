//! How pools behave, seen from a request.

use std::{
    collections::HashMap,
    io,
    sync::{
        Mutex as StdMutex,
        atomic::{AtomicBool, AtomicUsize},
    },
};

use async_trait::async_trait;
use pingora::{
    connectors::{ConnectorOptions, TransportConnector},
    tls::{PrivateKeyDer, RootCertStore, ServerConfig, TlsAcceptor, WebPkiClientVerifier},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::upstream::tls::tests::Files;

/// The configuration of a pool with these URLs and weights.
pub fn config(endpoints: &[(&str, usize)]) -> PoolConfig {
    let endpoint = |(url, weight): &(&str, usize)| EndpointConfig {
        url: url.parse().unwrap(),
        weight: *weight,
    };
    PoolConfig {
        name: "test".into(),
        endpoints: endpoints.iter().map(endpoint).collect(),
        balance: Balance::default(),
        health: None,
        outlier: OutlierConfig::default(),
        tls: UpstreamTls::default(),
        http: HttpVersion::default(),
        timeouts: Timeouts::default(),
        dns_refresh: Duration::secs(30),
    }
}

/// A pool of `n` addresses 10.0.0.0:80, 10.0.0.1:80 and so on.
fn pool(n: usize, change: impl FnOnce(&mut PoolConfig)) -> Arc<Pool> {
    let urls: Vec<String> = (0..n).map(|i| format!("http://10.0.0.{i}")).collect();
    let endpoints: Vec<(&str, usize)> = urls.iter().map(|url| (url.as_str(), 1)).collect();
    let mut config = config(&endpoints);
    change(&mut config);
    Pool::new(config).unwrap()
}

fn at(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n], 80))
}

/// Selects and reports at once that it went well or not; returns which one it was.
fn ask(pool: &Pool, works: impl Fn(SocketAddr) -> bool) -> SocketAddr {
    let chosen = pool.select(0, &[], false).expect("one is usable");
    match works(chosen.address()) {
        true => chosen.succeeded(time::Duration::from_millis(100)),
        false => chosen.failed(),
    }
    chosen.address()
}

/// Fails requests to this one until it is ejected; panics if it never is.
fn eject(pool: &Pool, address: SocketAddr) {
    for _ in 0..100 {
        ask(pool, |a| a != address);
        if ejected(pool).contains(&address) {
            return;
        }
    }
    panic!("{address} was not ejected");
}

fn ejected(pool: &Pool) -> Vec<SocketAddr> {
    let status = pool.status();
    let ejected = status.iter().filter(|s| s.ejected);
    ejected.map(|s| s.address).collect()
}

fn counts(pool: &Pool, n: usize) -> HashMap<SocketAddr, usize> {
    let mut counts = HashMap::new();
    for _ in 0..n {
        *counts.entry(ask(pool, |_| true)).or_default() += 1;
    }
    counts
}

#[test]
fn round_robin_keeps_the_weights_exactly() {
    let pool = pool(3, |c| c.endpoints[1].weight = 2);
    let counts = counts(&pool, 400);
    assert_eq!(
        (counts[&at(0)], counts[&at(1)], counts[&at(2)]),
        (100, 200, 100)
    );
}

#[test]
fn the_share_of_an_ejected_endpoint_falls_to_all_others_alike() {
    let pool = pool(4, |_| ());
    eject(&pool, at(1));
    let counts = counts(&pool, 300);
    assert_eq!(counts.get(&at(1)), None);
    assert_eq!(
        (counts[&at(0)], counts[&at(2)], counts[&at(3)]),
        (100, 100, 100)
    );
}

#[test]
fn least_busy_picks_the_idle_one_and_counts_what_is_under_way() {
    let pool = pool(3, |c| c.balance = Balance::LeastBusy);
    let first = pool.select(0, &[], false).unwrap();
    let second = pool.select(0, &[], false).unwrap();
    let third = pool.select(0, &[], false).unwrap();
    let mut all = [first.address(), second.address(), third.address()];
    all.sort();
    assert_eq!(all, [at(0), at(1), at(2)]);
    let idle = second.address();
    drop(second);
    let again = pool.select(0, &[], false).unwrap();
    assert_eq!(again.address(), idle);
    drop((first, third, again));
    assert!(pool.status().iter().all(|s| s.in_flight == 0));
}

#[test]
fn least_busy_fills_by_weight() {
    let pool = pool(2, |c| {
        c.balance = Balance::LeastBusy;
        c.endpoints[0].weight = 3;
    });
    let held: Vec<Chosen> = (0..40)
        .map(|_| pool.select(0, &[], false).unwrap())
        .collect();
    let first = held.iter().filter(|c| c.address() == at(0)).count();
    assert_eq!(first, 30);
}

#[test]
fn requests_are_counted_also_when_the_holder_panics() {
    let pool = pool(1, |_| ());
    let chosen = pool.select(0, &[], false).unwrap();
    assert_eq!(pool.status()[0].in_flight, 1);
    let panicking = std::thread::spawn(move || {
        let _held = chosen;
        panic!("on purpose");
    });
    assert!(panicking.join().is_err());
    assert_eq!(pool.status()[0].in_flight, 0);
}

#[test]
fn latency_avoids_the_slow_one_and_tries_it_again_later() {
    let pool = pool(2, |c| c.balance = Balance::Latency);
    let answer = |address| if address == at(0) { 3_000 } else { 100 };
    let run = |n: usize| {
        let mut slow = 0;
        for _ in 0..n {
            let chosen = pool.select(0, &[], false).unwrap();
            slow += usize::from(chosen.address() == at(0));
            chosen.succeeded(time::Duration::from_millis(answer(chosen.address())));
            pool.members.clock.skip(time::Duration::from_millis(100));
        }
        slow
    };
    assert_eq!(run(50), 1, "one request learns that it is slow");
    pool.members.clock.skip(time::Duration::from_secs(60));
    assert!(run(1_000) <= 30);
}

#[test]
fn latency_takes_load_into_account() {
    let pool = pool(2, |c| c.balance = Balance::Latency);
    for chosen in [&[at(1)], &[at(0)]].map(|tried| pool.select(0, tried, false).unwrap()) {
        let ms = if chosen.address() == at(0) { 100 } else { 250 };
        chosen.succeeded(time::Duration::from_millis(ms));
    }
    let held: Vec<SocketAddr> = (0..4)
        .map(|_| pool.select(0, &[], false).unwrap())
        .collect::<Vec<_>>()
        .iter()
        .map(Chosen::address)
        .collect();
    assert_eq!(held, [at(0), at(0), at(1), at(0)]);
}

#[test]
fn a_consistent_hash_is_stable_and_moves_few_keys_when_one_leaves() {
    let before = pool(5, |c| c.balance = Balance::ConsistentHash);
    let after = pool(4, |c| c.balance = Balance::ConsistentHash);
    let place = |pool: &Pool, key| pool.select(key, &[], false).unwrap().address();
    let (mut moved, mut on_last) = (0, 0);
    for n in 0..2_000 {
        let key = hash(&n);
        let old = place(&before, key);
        assert_eq!(place(&before, key), old);
        on_last += usize::from(old == at(4));
        moved += usize::from(place(&after, key) != old);
    }
    assert_eq!(moved, on_last, "only keys of the one that left");
    assert!(
        (200..700).contains(&on_last),
        "{on_last} of 2000 on one of five"
    );
}

#[test]
fn a_consistent_hash_moves_only_the_keys_of_an_ejected_endpoint() {
    let pool = pool(4, |c| c.balance = Balance::ConsistentHash);
    let place = |key| pool.select(key, &[], false).unwrap().address();
    let keys: Vec<u64> = (0..200).map(|n| hash(&n)).collect();
    let before: Vec<SocketAddr> = keys.iter().map(|&key| place(key)).collect();
    for _ in 0..5 {
        pool.select(keys[0], &[], false).unwrap().failed();
    }
    assert_eq!(ejected(&pool), [before[0]]);
    for (key, old) in keys.iter().zip(&before) {
        assert_eq!(place(*key) == *old, *old != before[0]);
    }
    pool.members.clock.skip(time::Duration::from_secs(11));
    assert_eq!(
        keys.iter().map(|&key| place(key)).collect::<Vec<_>>(),
        before
    );
}

#[test]
fn addresses_that_were_tried_are_not_chosen_again() {
    for balance in [
        Balance::RoundRobin,
        Balance::LeastBusy,
        Balance::ConsistentHash,
        Balance::Latency,
    ] {
        let pool = pool(4, |c| c.balance = balance);
        for key in 0..50 {
            let mut tried = Vec::new();
            while let Some(chosen) = pool.select(key, &tried, true) {
                assert!(!tried.contains(&chosen.address()));
                assert!(pool.untried(&tried));
                tried.push(chosen.address());
            }
            assert_eq!(tried.len(), 4, "{balance:?}");
            assert!(!pool.untried(&tried));
        }
    }
}

#[test]
fn an_ejected_endpoint_is_asked_again_after_its_time_and_rests_longer_the_next_time() {
    let pool = pool(2, |_| ());
    let skip = |seconds| pool.members.clock.skip(time::Duration::from_secs(seconds));
    eject(&pool, at(1));
    assert_eq!(counts(&pool, 10).get(&at(1)), None);
    skip(11);
    assert_eq!(counts(&pool, 10)[&at(1)], 5);
    eject(&pool, at(1));
    skip(11);
    assert_eq!(ejected(&pool), [at(1)]);
    skip(10);
    assert_eq!(ejected(&pool), []);
    // Two windows of good service take both doublings back.
    for _ in 0..3 {
        skip(31);
        counts(&pool, 2);
    }
    eject(&pool, at(1));
    skip(11);
    assert_eq!(ejected(&pool), []);
}

#[test]
fn no_more_than_the_allowed_share_is_ejected() {
    for (n, percent, most) in [
        (1, 50, 0),
        (2, 50, 1),
        (3, 50, 1),
        (4, 50, 2),
        (3, 100, 3),
        (3, 0, 0),
    ] {
        let pool = pool(n, |c| c.outlier.max_ejected_percent = percent);
        for _ in 0..50 {
            if let Some(chosen) = pool.select(0, &[], true) {
                chosen.failed();
            }
        }
        assert_eq!(ejected(&pool).len(), most, "{percent}% of {n}");
    }
}

#[test]
fn late_failures_of_an_ejected_endpoint_do_not_make_its_rest_longer() {
    let pool = pool(2, |_| ());
    let under_way: Vec<Chosen> = (0..20)
        .map(|_| pool.select(0, &[at(0)], false).unwrap())
        .collect();
    eject(&pool, at(1));
    under_way[..10].iter().for_each(Chosen::failed);
    pool.members.clock.skip(time::Duration::from_secs(11));
    assert_eq!(ejected(&pool), []);
    under_way[10..].iter().for_each(Chosen::failed);
    assert_eq!(ejected(&pool), []);
    eject(&pool, at(1));
    pool.members.clock.skip(time::Duration::from_secs(21));
    assert_eq!(ejected(&pool), [], "the second rest lasts 20 s");
}

#[test]
fn the_last_resort_asks_an_ejected_endpoint_when_no_better_one_is_left() {
    let pool = pool(2, |c| c.outlier.max_ejected_percent = 100);
    eject(&pool, at(1));
    for _ in 0..10 {
        assert_eq!(pool.select(0, &[], true).unwrap().address(), at(0));
    }
    assert!(pool.select(0, &[at(0)], false).is_none());
    assert!(!pool.untried(&[at(0)]));
    assert_eq!(pool.select(0, &[at(0)], true).unwrap().address(), at(1));
    assert!(pool.select(0, &[at(0), at(1)], true).is_none());
}

#[test]
fn a_broken_setting_is_refused_with_its_name() {
    let mut missing = config(&[("https://a.test", 1)]);
    missing.tls.ca = Some("/no/such/ca.pem".into());
    let error = Pool::new(missing).err().unwrap();
    assert!(error.contains("/no/such/ca.pem"), "{error}");

    let mut name = config(&[("https://a.test", 1)]);
    name.tls.server_name = Some("not a name".into());
    let error = Pool::new(name).err().unwrap();
    assert!(error.contains("not a name"), "{error}");
}

#[test]
fn a_pool_matches_its_configuration_until_a_certificate_file_changes() {
    let files = Files::new();
    let authority = || {
        let made = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
        files.put("ca.pem", &made.cert.pem())
    };
    let mut config = config(&[("https://10.0.0.1", 1)]);
    config.tls.ca = Some(authority());
    let pool = Pool::new(config.clone()).unwrap();
    assert!(pool.matches(&config));
    let mut other = config.clone();
    other.balance = Balance::Latency;
    assert!(!pool.matches(&other));
    authority();
    assert!(!pool.matches(&config));
}

/// Answers look-ups from a table that the test changes.
#[derive(Default)]
struct Names(StdMutex<HashMap<String, Vec<SocketAddr>>>);

impl Names {
    fn set(&self, host: &str, addresses: &[SocketAddr]) {
        let mut names = self.0.lock().unwrap();
        names.insert(host.into(), addresses.to_vec());
    }

    fn forget(&self) {
        self.0.lock().unwrap().clear();
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str, _port: u16) -> io::Result<Vec<SocketAddr>> {
        let names = self.0.lock().unwrap();
        let found = names.get(host).cloned();
        found.ok_or_else(|| io::Error::other("no such host"))
    }
}

fn named(names: &Arc<Names>, endpoints: &[(&str, usize)]) -> Arc<Pool> {
    Pool::with_resolver(config(endpoints), names.clone()).unwrap()
}

#[tokio::test]
async fn a_changed_dns_answer_takes_effect_and_leaves_live_requests_alone() {
    let names = Arc::new(Names::default());
    let pool = named(&names, &[("http://a.test", 1)]);
    assert!(pool.select(0, &[], true).is_none());
    assert!(pool.resolve_error().unwrap().contains("not looked up yet"));

    names.set("a.test", &[at(1), at(2)]);
    pool.resolve().await;
    assert!(pool.resolve_error().is_none());
    let live = pool.select(0, &[at(2)], false).unwrap();
    let kept = pool.select(0, &[at(1)], false).unwrap();
    kept.succeeded(time::Duration::from_millis(500));

    names.set("a.test", &[at(2), at(3)]);
    pool.resolve().await;
    let status = pool.status();
    let addresses: Vec<SocketAddr> = status.iter().map(|s| s.address).collect();
    assert_eq!(addresses, [at(2), at(3)]);
    assert_eq!(
        status[0].in_flight, 1,
        "the state of one that stays is kept"
    );
    assert!(status[0].ewma_ms > 400.0);
    assert_eq!(live.peer()._address.to_string(), at(1).to_string());
    live.failed();

    names.set("a.test", &[at(1)]);
    pool.resolve().await;
    assert_eq!(
        pool.status()[0].in_flight,
        1,
        "one that comes back is known"
    );
    drop(live);
    assert_eq!(pool.status()[0].in_flight, 0);
}

#[tokio::test]
async fn when_dns_fails_the_last_good_addresses_stay() {
    let names = Arc::new(Names::default());
    let pool = named(&names, &[("http://a.test", 1)]);
    pool.resolve().await;
    let error = pool.resolve_error().unwrap();
    assert!(
        error.contains("a.test") && error.contains("no such host"),
        "{error}"
    );

    names.set("a.test", &[at(1)]);
    pool.resolve().await;
    names.forget();
    pool.resolve().await;
    assert_eq!(pool.select(0, &[], false).unwrap().address(), at(1));
    names.set("a.test", &[]);
    pool.resolve().await;
    assert_eq!(pool.select(0, &[], false).unwrap().address(), at(1));
    assert!(pool.resolve_error().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_go_on_while_members_change() {
    for balance in [
        Balance::RoundRobin,
        Balance::LeastBusy,
        Balance::ConsistentHash,
        Balance::Latency,
    ] {
        let names = Arc::new(Names::default());
        let mut config = config(&[("http://a.test", 1)]);
        config.balance = balance;
        config.health = Some(health(None));
        let pool = Pool::with_resolver(config, names.clone()).unwrap();
        names.set("a.test", &[at(0), at(1)]);
        pool.resolve().await;
        let asking = pool.clone();
        let requests = tokio::task::spawn_blocking(move || {
            for key in 0..3_000 {
                let chosen = asking.select(key, &[], false).expect("never without one");
                chosen.succeeded(time::Duration::from_millis(key % 7));
            }
        });
        for n in 0..200 {
            names.set("a.test", &[at(n), at(n + 1)][..usize::from(n % 3 != 0) + 1]);
            pool.resolve().await;
        }
        requests.await.unwrap();
        assert!(pool.status().iter().all(|s| s.in_flight == 0));
    }
}

#[tokio::test]
async fn ejections_outlive_a_new_look_up() {
    let names = Arc::new(Names::default());
    let pool = named(&names, &[("http://a.test", 1)]);
    names.set("a.test", &[at(1), at(2)]);
    pool.resolve().await;
    eject(&pool, at(1));
    names.set("a.test", &[at(1), at(2), at(3)]);
    pool.resolve().await;
    assert_eq!(ejected(&pool), [at(1)]);
}

#[tokio::test]
async fn a_literal_address_works_at_once_beside_a_name() {
    let names = Arc::new(Names::default());
    let pool = named(&names, &[("http://10.0.0.1", 1), ("http://a.test", 1)]);
    assert_eq!(pool.select(0, &[], false).unwrap().address(), at(1));
    names.set("a.test", &[at(2), at(3)]);
    pool.resolve().await;
    let counts = counts(&pool, 40);
    assert_eq!(
        (counts[&at(1)], counts[&at(2)], counts[&at(3)]),
        (20, 10, 10)
    );
}

#[tokio::test]
async fn names_that_share_an_address_are_asked_in_turn_under_their_own_names() {
    let names = Arc::new(Names::default());
    let pool = named(&names, &[("https://a.test", 1), ("https://b.test", 1)]);
    let address = SocketAddr::from(([10, 0, 0, 1], 443));
    names.set("a.test", &[address]);
    names.set("b.test", &[address]);
    pool.resolve().await;
    let asked: Vec<(String, String)> = (0..4)
        .map(|_| pool.select(0, &[], false).unwrap())
        .map(|chosen| (chosen.url().host.clone(), chosen.peer().sni.clone()))
        .collect();
    let (a, b) = ("a.test".to_owned(), "b.test".to_owned());
    let (a, b) = ((a.clone(), a), (b.clone(), b));
    assert_eq!(asked, [a.clone(), b.clone(), a, b]);
    assert_eq!(pool.status()[0].weight, 2);
}

#[tokio::test]
async fn running_resolves_at_once_and_ends_with_its_pool() {
    let names = Arc::new(Names::default());
    names.set("a.test", &[at(1)]);
    let mut config = config(&[("http://a.test", 1)]);
    config.dns_refresh = Duration::millis(20);
    let pool = Pool::with_resolver(config, names.clone()).unwrap();
    let running = tokio::spawn(pool.clone().run());
    pool.ready(time::Duration::from_secs(5)).await;
    assert_eq!(pool.select(0, &[], false).unwrap().address(), at(1));
    names.set("a.test", &[at(2)]);
    until(|| pool.status()[0].address == at(2)).await;
    drop(pool);
    let ended = tokio::time::timeout(time::Duration::from_secs(5), running);
    ended.await.unwrap().unwrap();
}

/// Waits for a state that is to come soon.
async fn until(state: impl Fn() -> bool) {
    let waiting = async {
        while !state() {
            tokio::time::sleep(time::Duration::from_millis(5)).await;
        }
    };
    let limit = time::Duration::from_secs(5);
    tokio::time::timeout(limit, waiting).await.expect("in time");
}

fn health(http: Option<&str>) -> HealthConfig {
    HealthConfig {
        http: http.map(str::to_owned),
        interval: Duration::millis(50),
        timeout: Duration::millis(200),
        unhealthy_after: 2,
        healthy_after: 1,
    }
}

/// A pool of two local addresses, the listener of the first one, and the second one's address.
async fn checked(http: Option<&str>) -> (Arc<Pool>, TcpListener, SocketAddr) {
    let alive = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = dead.local_addr().unwrap();
    let urls = [alive.local_addr().unwrap(), dead].map(|a| format!("http://{a}"));
    let mut config = config(&[(&urls[0], 1), (&urls[1], 1)]);
    config.health = Some(health(http));
    (Pool::new(config).unwrap(), alive, dead)
}

fn healthy(pool: &Pool, address: SocketAddr) -> bool {
    let status = pool.status();
    status.iter().any(|s| s.address == address && s.healthy)
}

#[tokio::test]
async fn a_health_check_takes_a_dead_endpoint_out_and_puts_it_back() {
    let (pool, alive, dead) = checked(None).await;
    pool.check().await;
    assert!(healthy(&pool, dead), "one failure is not enough");
    pool.check().await;
    assert!(!healthy(&pool, dead));
    let alive = alive.local_addr().unwrap();
    for _ in 0..10 {
        assert_eq!(pool.select(0, &[], true).unwrap().address(), alive);
    }
    assert!(pool.select(0, &[alive], false).is_none());
    assert_eq!(pool.select(0, &[alive], true).unwrap().address(), dead);

    let _back = TcpListener::bind(dead).await.unwrap();
    pool.check().await;
    assert!(healthy(&pool, dead));
    assert!(pool.select(0, &[alive], false).is_some());
}

#[tokio::test]
async fn running_checks_the_health_and_tells_when_it_is_ready() {
    let (pool, _alive, dead) = checked(None).await;
    let running = tokio::spawn(pool.clone().run());
    pool.ready(time::Duration::from_secs(5)).await;
    assert!(pool.progress.borrow().checked);
    until(|| !healthy(&pool, dead)).await;
    drop(pool);
    let ended = tokio::time::timeout(time::Duration::from_secs(5), running);
    ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_http_check_asks_for_the_path_and_wants_a_good_status() {
    let (pool, alive, _) = checked(Some("/health?deep=1")).await;
    let address = alive.local_addr().unwrap();
    let good = Arc::new(AtomicBool::new(true));
    let asked = Arc::new(StdMutex::new(String::new()));
    let (status, request) = (good.clone(), asked.clone());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = alive.accept().await {
            let mut buffer = [0; 1024];
            let n = stream.read(&mut buffer).await.unwrap();
            *request.lock().unwrap() = String::from_utf8_lossy(&buffer[..n]).into_owned();
            let status = if status.load(Relaxed) {
                "204 None"
            } else {
                "503 Down"
            };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    pool.check().await;
    assert!(healthy(&pool, address));
    let request = asked.lock().unwrap().to_lowercase();
    assert!(
        request.starts_with("get /health?deep=1 http/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains(&format!("\r\nhost: {address}\r\n")),
        "{request}"
    );

    good.store(false, Relaxed);
    pool.check().await;
    pool.check().await;
    assert!(!healthy(&pool, address));
    good.store(true, Relaxed);
    pool.check().await;
    assert!(healthy(&pool, address));
}

#[tokio::test]
async fn an_endpoint_that_accepts_but_never_answers_is_unhealthy_in_time() {
    let (pool, silent, _) = checked(Some("/")).await;
    let begun = time::Instant::now();
    pool.check().await;
    pool.check().await;
    assert!(!healthy(&pool, silent.local_addr().unwrap()));
    assert!(begun.elapsed() < time::Duration::from_secs(2));
}

#[tokio::test]
async fn a_lone_unhealthy_endpoint_is_the_last_resort() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let mut config = config(&[(&url, 1)]);
    config.health = Some(health(None));
    let pool = Pool::new(config).unwrap();
    pool.check().await;
    pool.check().await;
    assert!(pool.select(0, &[], false).is_none());
    assert!(pool.select(0, &[], true).is_some());
}

/// A TLS server for one name or address that wants a client certificate of its own authority;
/// counts the handshakes that succeed.
async fn tls_server(made: &Authority, name: &str) -> (SocketAddr, Arc<AtomicUsize>) {
    pingora::tls::install_default_crypto_provider();
    let (cert, key) = made.issue(name);
    let mut roots = RootCertStore::empty();
    roots.add(made.issuer.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder(roots.into()).build().unwrap();
    let server = ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![cert.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let counter = accepted.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                counter.fetch_add(1, Relaxed);
                let _ = stream.write_all(b"hello").await;
            }
        }
    });
    (address, accepted)
}

struct Authority {
    issuer: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let issuer = rcgen::CertifiedIssuer::self_signed(params, key).unwrap();
        Self { issuer }
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, rcgen::KeyPair) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }
}

/// Connects as a request would; the connector itself trusts nobody.
async fn connect(address: SocketAddr, tls: UpstreamTls) -> Result<(), String> {
    let mut config = config(&[(&format!("https://{address}"), 1)]);
    config.tls = tls;
    let pool = Pool::new(config)?;
    let mut options = ConnectorOptions::new(1);
    options.ca_file = Some("/dev/null".into());
    let connector = TransportConnector::new(Some(options));
    let peer = pool.select(0, &[], false).unwrap().peer();
    let stream = connector.new_stream(&*peer).await;
    let mut stream = stream.map_err(|e| e.to_string())?;
    let mut greeting = [0; 5];
    let read = stream.read_exact(&mut greeting).await;
    read.map(|_| ()).map_err(|e| e.to_string())
}

#[tokio::test]
async fn own_authorities_and_client_certificates_work_over_real_tls() {
    let (files, made) = (Files::new(), Authority::new());
    let (cert, key) = made.issue("client.test");
    let ca = Some(files.put("ca.pem", &made.issuer.pem()));
    let cert = Some(files.put("cert.pem", &cert.pem()));
    let key = Some(files.put("key.pem", &key.serialize_pem()));
    let full = UpstreamTls {
        ca: ca.clone(),
        cert,
        key,
        server_name: None,
    };
    let (by_address, accepted) = tls_server(&made, "127.0.0.1").await;
    connect(by_address, full.clone()).await.unwrap();
    assert_eq!(accepted.load(Relaxed), 1);

    let no_client = UpstreamTls {
        ca,
        ..UpstreamTls::default()
    };
    assert!(connect(by_address, no_client).await.is_err());
    let no_authority = UpstreamTls {
        ca: None,
        ..full.clone()
    };
    assert!(connect(by_address, no_authority).await.is_err());

    let (by_name, _) = tls_server(&made, "inner.test").await;
    assert!(connect(by_name, full.clone()).await.is_err(), "wrong name");
    let renamed = UpstreamTls {
        server_name: Some("inner.test".into()),
        ..full
    };
    connect(by_name, renamed).await.unwrap();
}
