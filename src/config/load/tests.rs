use std::path::{Path, PathBuf};

use super::*;
use crate::units::Duration;

#[path = "../../../fuzz/invariants/config.rs"]
mod invariants;

/// A configuration without fault, for one more section.
const SOUND: &str =
    "keys: [{ name: k, secret: sk-local-dev }]\nproviders: { demo: { kind: demo } }\n";

fn env(name: &str) -> Option<String> {
    match name {
        "NUMBER" => Some("12345678".to_owned()),
        "WORKERS" => Some("2".to_owned()),
        "YES" => Some("true".to_owned()),
        "EMPTY" => Some(String::new()),
        "ODD" => Some("a: [b] # \"c'\nd".to_owned()),
        "HIDDEN" => Some("hunter2-hunter2".to_owned()),
        _ => None,
    }
}

fn read(text: &str) -> Result<Config, Findings> {
    parse(text, Path::new("x.yaml"), &env)
}

fn sound(text: &str) -> Config {
    read(text).unwrap_or_else(|findings| panic!("{text}\n{findings}"))
}

/// What is found in a text, a line each.
fn found(text: &str) -> String {
    read(text).expect_err(text).to_string()
}

/// What is found in a section that follows the two lines of [`SOUND`].
fn found_after(section: &str) -> String {
    found(&format!("{SOUND}{section}"))
}

#[test]
fn each_class_of_mistake_is_found_at_its_line_and_column() {
    for (section, answer) in [
        (
            "routes:\n  a:\n    targets: [demo/m]\n    retries: 1\n",
            "x.yaml:6:5: routes.a: unknown field `retries`, expected `targets`, `retry`, `on_unsupported` or `guard`",
        ),
        (
            "routes:\n  a:\n    retry: {}\n",
            "x.yaml:4:3: routes.a: missing field `targets`",
        ),
        (
            "server:\n  workers: many\n",
            "x.yaml:4:12: server.workers: expected a whole number, found the text `many`",
        ),
        (
            "server:\n  workers: '2'\n",
            "x.yaml:4:12: server.workers: expected a whole number, found the text `2`; take the quotes away",
        ),
        (
            "server: { workers: -2 }\n",
            "x.yaml:3:20: server.workers: expected a whole number from 0 up, found `-2`",
        ),
        (
            "server: { anonymous: 1 }\n",
            "x.yaml:3:22: server.anonymous: expected `true` or `false`, found `1`",
        ),
        (
            "server: [1]\n",
            "x.yaml:3:1: server: expected a mapping, found a list",
        ),
        (
            "server:\n  listen: [nowhere]\n",
            "x.yaml:4:12: server.listen[0]: `nowhere` is no address; write it as 127.0.0.1:8080",
        ),
        (
            "server:\n  listen:\n    - address: 127.0.0.1:1\n      tls: { cert: a, kay: b }\n",
            "x.yaml:6:23: server.listen[0].tls: unknown field `kay`, expected `cert` or `key`; did you mean `key`?",
        ),
        (
            "limits: { body: 20MB5 }\n",
            "x.yaml:3:17: limits.body: `20MB5` is no size; write it as 512, 64KiB, 20MiB or 1GB",
        ),
        (
            "limits: { keepalive: -5 }\n",
            "x.yaml:3:22: limits.keepalive: expected a duration such as 20s, found `-5`",
        ),
        (
            "telemetry: { access_log: { format: jsn } }\n",
            "x.yaml:3:36: telemetry.access_log.format: unknown choice `jsn`, expected `auto`, `json`, `text` or \
             `off`; did you mean `json`?",
        ),
        (
            "telemetry: { access_log: { format: [] } }\n",
            "x.yaml:3:28: telemetry.access_log.format: expected `auto`, `json`, `text` or `off`, found a list",
        ),
        (
            "retry: { on: [connect, 700] }\n",
            "x.yaml:3:24: retry.on[1]: unknown class `700`, expected one of `connect`, `timeout`, `4xx`, `5xx` or a \
             status from 400 to 599",
        ),
        (
            "retry: { attempts: 17 }\n",
            "x.yaml:3:20: retry.attempts: must be between 1 and 16",
        ),
        (
            "routes:\n  a:\n    targets:\n      - dmo/m\n",
            "x.yaml:6:9: routes.a.targets[0]: no provider has the name `dmo`; did you mean `demo`?",
        ),
        (
            "server: { workers: 1, workers: 2 }\n",
            "x.yaml:3:23: server.workers: the key `workers` stands twice in this mapping, first in line 3 column 11",
        ),
        (
            "server: { workers: '${NONE}' }\n",
            "x.yaml:3:20: server.workers: the environment variable `NONE` is not set; set it, or give a default as \
             `${NONE:-default}`",
        ),
        (
            "admin: { listen: localhost:9090 }\n",
            "x.yaml:3:18: admin.listen: invalid socket address syntax",
        ),
    ] {
        assert_eq!(found_after(section), answer, "{section}");
    }
}

#[test]
fn what_is_no_yaml_is_found_at_its_place() {
    assert_eq!(
        found("server:\n  workers: 1\n  listen: [1\nkeys: []\n"),
        "x.yaml:4:5: server.listen[0]: this is no YAML: illegal placement of ':' indicator"
    );
    assert_eq!(found("[]"), "x.yaml:1:1: expected a mapping, found a list");
    assert_eq!(
        found("${NONE}").split(';').next(),
        Some("x.yaml:1:1: the environment variable `NONE` is not set")
    );
}

#[test]
fn all_mistakes_are_found_at_once_and_in_their_order() {
    let text = "\
server:
  workers: ${NONE}
  listn: [127.0.0.1:1]
keys:
  - { name: a, secret: short }
  - { nam: b, secret: sk-long-enough }
  - { name: c, secret: sk-long-enough, color: red }
providers:
  one: { kind: opnai, api_key: x }
  two: { kind: openai, http: http3, timeouts: { total: 0s }, weight: 1 }
routes:
  a: { targets: [one/m, tow/m, two/m] }
  b: { targets: [{ model: two/m }, two/m] }
limit: {}
";
    let found = found(text);
    let places: Vec<&str> = found
        .lines()
        .map(|l| l.split(": ").nth(1).unwrap())
        .collect();
    let lines: Vec<&str> = found
        .lines()
        .map(|l| l.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        places,
        [
            "server.workers",
            "server",
            "keys[0].secret",
            "keys[1]",
            "keys[2]",
            "providers.one.kind",
            "providers.two.http",
            "providers.two.timeouts.total",
            "providers.two",
            "routes.a.targets[1]",
            "routes.b.targets[0]",
            "unknown field `limit`, expected `server`, `admin`, `limits`, `keys`, `providers`, `routes`, `retry`, `models`, `on_unsupported`, `guards` or `telemetry`; did you mean `limits`?",
        ],
        "{found}"
    );
    assert_eq!(
        lines,
        [
            "x.yaml:2:12",
            "x.yaml:3:3",
            "x.yaml:5:24",
            "x.yaml:6:7",
            "x.yaml:7:40",
            "x.yaml:9:16",
            "x.yaml:10:30",
            "x.yaml:10:56",
            "x.yaml:10:62",
            "x.yaml:12:25",
            "x.yaml:13:18",
            "x.yaml:14:1",
        ],
        "{found}"
    );
}

#[test]
fn what_only_follows_from_another_mistake_is_left_out() {
    for text in [
        // The key is lost to an unset variable: not "no key is defined".
        "keys: [{ name: k, secret: '${NONE}' }]\nproviders: { demo: { kind: demo } }",
        // A misspelt key: not "missing field `kind`", nor "no provider is defined".
        "keys: [{ name: k, secret: sk-local-dev }]\nproviders: { demo: { kin: demo } }",
        "keys: [{ name: k, secret: sk-local-dev }]\nproviders: { demo: { kind: dmo } }\nroutes: { a: { targets: [demo/m] } }",
        "keys: [{ name: k, secret: sk-local-dev }]\nprovider: { demo: { kind: demo } }\nroutes: { a: { targets: [demo/m] } }",
        // The typo in `api_key`: not "needs `api_key`".
        "keys: [{ name: k, secret: sk-local-dev }]\nproviders: { o: { kind: openai, api_kee: x } }",
        "server: { anonymous: yes }\nproviders: { demo: { kind: demo } }",
        "server: { anonymus: true }\nproviders: { demo: { kind: demo } }",
        "serve: { anonymous: true }\nproviders: { demo: { kind: demo } }",
    ] {
        assert_eq!(found(text).lines().count(), 1, "{text}\n{}", found(text));
    }
}

#[test]
fn places_in_lists_count_what_was_dropped_before() {
    let found = found_after("routes: { a: { targets: [[], demo/m, {}, nil/m] } }\n");
    let places: Vec<&str> = found
        .lines()
        .map(|l| l.split(": ").nth(1).unwrap())
        .collect();
    assert_eq!(
        places,
        [
            "routes.a.targets[0]",
            "routes.a.targets[2]",
            "routes.a.targets[3]"
        ]
    );
}

#[test]
fn thousands_of_mistakes_are_cut_short() {
    let text = format!("keys: [{}]", "x, ".repeat(5000));
    assert_eq!(found(&text).lines().count(), MOST_FINDINGS);
}

#[test]
fn an_empty_file_says_what_is_needed() {
    let found = found("# nothing here\n");
    assert!(found.contains("no provider is defined"), "{found}");
    assert!(found.contains("no key is defined"), "{found}");
}

#[test]
fn a_section_whose_members_are_all_commented_out_has_its_defaults() {
    let config = sound(&format!(
        "{SOUND}server:\n  # workers: 2\nroutes:\nretry:\n"
    ));
    assert_eq!(config.server, Default::default());
    assert_eq!(config.retry, Default::default());
    let found = found("keys: [{ name: k, secret: sk-local-dev }]\nproviders:\n  demo:\n");
    assert_eq!(found, "x.yaml:3:3: providers.demo: missing field `kind`");
}

#[test]
fn variables_fit_numbers_and_texts_alike() {
    let text = "\
server:
  workers: ${WORKERS}
  anonymous: ${YES}
  drain: ${WORKERS}
limits: { headers: '${HEADERS:-64}', body: \"${BODY:-4096}\", keepalive: '${KEEP:-9s}' }
keys:
  - name: ${YES}
    secret: ${NUMBER}
providers:
  o:
    kind: ${KIND:-openai}
    api_key: ${NUMBER}
    stream_usage: ${YES}
    outlier: { error_ratio: '${RATIO:-0.25}' }
routes:
  r:
    targets: [{ model: o/m, weight: '${WORKERS}' }]
    retry: { on: ['${ON:-429}'] }
";
    let config = sound(text);
    assert_eq!(config.server.workers, 2);
    assert!(config.server.anonymous);
    assert_eq!(config.server.drain, Duration::secs(2));
    assert_eq!(config.limits.headers, 64);
    assert_eq!(config.limits.body.0, 4096);
    assert_eq!(config.limits.keepalive, Duration::secs(9));
    assert_eq!(config.keys[0].name, "true");
    assert_eq!(config.keys[0].secret.as_ref().unwrap().expose(), "12345678");
    let provider = &config.providers["o"];
    assert_eq!(provider.api_key.as_ref().unwrap().expose(), "12345678");
    assert_eq!(provider.stream_usage, Some(true));
    assert_eq!(provider.outlier.error_ratio, 0.25);
    assert_eq!(config.routes["r"].targets[0].weight(), Some(2));
    assert_eq!(
        config.routes["r"].retry.as_ref().unwrap().on,
        [crate::routing::RetryOn::Status(429)]
    );
}

#[test]
fn the_value_of_a_variable_cannot_change_the_structure() {
    let config = sound(&format!(
        "{SOUND}server: {{ upgrade_socket: '${{ODD}}' }}\n"
    ));
    assert_eq!(config.server.upgrade_socket, "a: [b] # \"c'\nd");
}

#[test]
fn the_value_of_a_variable_is_never_shown() {
    let text = "\
server: { workers: '${HIDDEN}', listen: ['${HIDDEN}'], drain: '${HIDDEN}', trusted_proxies: ['x${HIDDEN}'] }
keys: [{ name: k, secret: sk-local-dev }]
providers: { o: { kind: '${HIDDEN}', base_url: '${HIDDEN}', http: '${HIDDEN}', api_key: ['${HIDDEN}'] } }
routes: { r: { targets: ['${HIDDEN}'] } }
admin: { listen: '${HIDDEN}' }
";
    let found = found(text);
    assert_eq!(found.lines().count(), 10, "{found}");
    assert!(!found.contains("hunter2"), "{found}");
    assert!(
        found.contains("routes.r.targets[0]: `${HIDDEN}` is no target"),
        "{found}"
    );
}

#[test]
fn an_empty_variable_in_a_secret_is_found() {
    let text =
        "server: { anonymous: true }\nproviders: { o: { kind: openai, api_key: '${EMPTY}' } }";
    assert_eq!(
        found(text),
        "x.yaml:2:42: providers.o.api_key: the key is empty (is a variable not set?)"
    );
}

#[test]
fn secrets_may_stand_in_files() {
    let folder = scratch("secrets");
    std::fs::write(folder.join("key"), "sk-from-a-file\n").unwrap();
    std::fs::write(folder.join("huge"), "x".repeat(70_000)).unwrap();
    let absolute = folder.join("key").display().to_string();
    let text = format!(
        "keys: [{{ name: 'file:key', secret: file:key }}]\n\
         providers:\n  o: {{ kind: openai, api_keys: [\"file:{absolute}\", '${{FILE:-file:key}}'], headers: {{ x-a: file:key }} }}\n"
    );
    let path = folder.join("x.yaml");
    std::fs::write(&path, &text).unwrap();
    let loaded = load(&path).unwrap();
    let config = loaded.config;
    let provider = &config.providers["o"];
    // Names are no secrets, so they are taken as they are.
    assert_eq!(config.keys[0].name, "file:key");
    assert_eq!(
        config.keys[0].secret.as_ref().unwrap().expose(),
        "sk-from-a-file"
    );
    assert_eq!(provider.headers["x-a"].expose(), "sk-from-a-file");
    for key in &provider.api_keys {
        assert_eq!(key.expose(), "sk-from-a-file");
    }

    let text = "server: { anonymous: true }\nproviders:\n  o: { kind: openai, api_keys: [file:none, file:., file:huge] }\n";
    let findings = parse(text, &path, &env).unwrap_err();
    let told: Vec<(usize, usize, &str)> = findings
        .0
        .iter()
        .map(|f| (f.line, f.column, f.message.as_str()))
        .collect();
    let none = "cannot read the secret from file `none`: No such file or directory (os error 2)";
    assert_eq!(
        told,
        [
            (3, 33, none),
            (
                3,
                44,
                "cannot read the secret from file `.`: it is no regular file"
            ),
            (
                3,
                52,
                "cannot read the secret from file `huge`: it is larger than 64 KiB"
            ),
        ]
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn aliases_and_merge_keys_save_writing() {
    let config = sound(
        "\
server: { anonymous: true }
providers:
  a: &a { kind: openai, api_key: sk-a, timeouts: { connect: 1s } }
  b: { <<: *a, api_key: sk-b }
",
    );
    let (a, b) = (&config.providers["a"], &config.providers["b"]);
    assert_eq!(a.timeouts, b.timeouts);
    assert_eq!(b.api_key.as_ref().unwrap().expose(), "sk-b");
}

#[test]
fn a_finding_is_one_line_whatever_it_quotes() {
    let found = found_after("server: { listen: [\"a\\nb\\e[31m\"], \"x\\ny\": 1 }\n");
    assert_eq!(found.lines().count(), 2, "{found}");
    assert!(!found.contains('\u{1b}'));
    let found = found_after(&format!("server: {{ workers: {} }}\n", "x".repeat(5000)));
    assert!(found.len() < 1200);
}

#[test]
fn a_file_that_is_not_there_or_no_text_or_too_large_is_a_finding() {
    let folder = scratch("unreadable");
    let path = folder.join("x.yaml");
    let told = || load(&path).unwrap_err().to_string();
    assert!(told().ends_with("x.yaml: cannot be read: No such file or directory (os error 2)"));
    std::fs::write(&path, b"a: 1\nb: \xff\n").unwrap();
    assert!(told().ends_with("x.yaml: is no UTF-8 text (line 2)"));
    std::fs::write(&path, " ".repeat((4 << 20) + 1)).unwrap();
    assert!(told().ends_with("is larger than 4 MiB, the most for a configuration"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_hash_of_a_file_is_the_beginning_of_its_sha_256() {
    let folder = scratch("hash");
    let path = folder.join("x.yaml");
    std::fs::write(&path, SOUND).unwrap();
    let digest = Sha256::digest(SOUND);
    let expected = u64::from_be_bytes(digest[..8].try_into().unwrap());
    assert_eq!(load(&path).unwrap().text_hash, expected);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_demo_configuration_has_no_problem() {
    let problems = Config::demo().check();
    assert!(problems.0.is_empty(), "{problems:?}");
}

#[test]
fn every_shipped_configuration_is_sound_without_any_variable() {
    for name in ["sluicegate.yaml", "sluicegate.full.yaml"] {
        let path = root().join("conf").join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let config = parse(&text, &path, &|_| None);
        config.unwrap_or_else(|findings| panic!("{findings}"));
    }
}

#[test]
fn the_full_configuration_shows_the_defaults() {
    let shown = sound(include_str!("../../../conf/sluicegate.full.yaml"));
    let plain = sound(
        "\
server: { anonymous: true }
providers: { pool: { kind: openai, base_url: 'http://x', health: { http: /health } } }
",
    );
    let (pool, bare) = (&shown.providers["pool"], &plain.providers["pool"]);
    assert_eq!(shown.server, crate::config::ServerConfig::default());
    assert_eq!(shown.admin, plain.admin);
    assert_eq!(shown.limits, plain.limits);
    assert_eq!(shown.retry, plain.retry);
    assert_eq!(shown.telemetry, plain.telemetry);
    assert_eq!(pool.balance, bare.balance);
    assert_eq!(pool.health, bare.health);
    assert_eq!(pool.outlier, bare.outlier);
    assert_eq!(pool.tls, bare.tls);
    assert_eq!(pool.http, bare.http);
    assert_eq!(pool.timeouts, bare.timeouts);
    assert_eq!(pool.asks_stream_usage(), bare.asks_stream_usage());
    assert_eq!(pool.dns_refresh, bare.dns_refresh);
}

#[test]
fn the_configuration_of_the_acceptance_tests_is_sound() {
    let shared = std::env::var_os("SLUICEGATE_SHARED")
        .map_or_else(|| root().join("../shared"), PathBuf::from);
    let path = shared.join("acceptance/gateway.yaml");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return;
    };
    let config = parse(&text, &path, &|_| None).unwrap_or_else(|findings| panic!("{findings}"));
    assert_eq!(config.providers["pool"].endpoints[0].url.host, "127.0.0.1");
    assert_eq!(
        config.keys[0].secret.as_ref().unwrap().expose(),
        "sk-gateway-test"
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in proptest::prelude::any::<String>()) {
        invariants::check(&text);
    }

    #[test]
    fn no_bytes_make_the_loader_panic(bytes in proptest::collection::vec(0_u8..128, 0..200)) {
        invariants::check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn nothing_like_a_configuration_makes_the_loader_panic(
        text in "((server|keys|providers|routes|a|<<): ?|[ \n]{1,4}|- |[\\[\\]{},'\"|>&*!#:?-]|&a |\\*a|\\$\\{A(:-)?\\}?|kind: demo|0x1|~){0,40}"
    ) {
        invariants::check(&text);
    }

    #[test]
    fn a_sound_configuration_with_one_edit_is_read_or_refused_with_places(
        at in 0_usize..2000, length in 0_usize..20, put in ".{0,3}"
    ) {
        let text = include_str!("../../../conf/sluicegate.yaml");
        let cut = |n: usize| (n.min(text.len())..=text.len()).find(|n| text.is_char_boundary(*n)).unwrap();
        let text = format!("{}{put}{}", &text[..cut(at)], &text[cut(at + length)..]);
        invariants::check(&text);
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A folder of this test's own.
fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("sluicegate-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
