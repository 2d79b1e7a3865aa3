//! The command line, as someone who has just found the binary meets it.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::harness::{Dir, Gateway, KEY, binary, client, eventually, free_port};

/// Runs the binary to its end, in the project's folder.
fn sluicegate(args: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command
        .args(args)
        .current_dir(project())
        .stdin(Stdio::null());
    command.output().expect("the binary starts")
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A program of the system, if it is there.
fn is_there(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        eprintln!("SKIPPED: {program} is not installed");
    }
    there
}

#[test]
fn help_says_what_everything_is_for() {
    let help = out(&sluicegate(&["--help"]));
    for (command, purpose) in [
        ("run", "Serve with a configuration file"),
        ("check", "Check a configuration file"),
        ("demo", "built-in demo provider"),
        ("schema", "JSON Schema"),
    ] {
        let line = help
            .lines()
            .find(|line| line.trim_start().starts_with(command));
        assert!(
            line.is_some_and(|line| line.contains(purpose)),
            "{command}: {help}"
        );
        let own = sluicegate(&[command, "--help"]);
        assert!(
            own.status.success() && out(&own).contains(purpose),
            "{command}: {}",
            out(&own)
        );
    }
    assert!(help.contains("AI gateway"), "{help}");
    let run = out(&sluicegate(&["run", "--help"]));
    for option in [
        "--config",
        "--listen",
        "--admin",
        "--upgrade",
        "conf/sluicegate.yaml",
        "127.0.0.1:8080",
        "127.0.0.1:9090",
    ] {
        assert!(run.contains(option), "{option}: {run}");
    }
    let demo = out(&sluicegate(&["demo", "--help"]));
    assert!(
        demo.contains("--listen") && demo.contains("no key, no network"),
        "{demo}"
    );
}

#[test]
fn a_wrong_command_line_is_told_with_what_was_meant() {
    let nothing = sluicegate(&[]);
    assert!(
        !nothing.status.success() && err(&nothing).contains("<COMMAND>"),
        "{}",
        err(&nothing)
    );
    for (args, words) in [
        (&["chek"][..], "'check'"),
        (&["run", "--lisen", "127.0.0.1:1"], "'--listen'"),
        (&["run", "--listen", "8080"], "invalid socket address"),
        (&["check", "extra"], "unexpected argument"),
    ] {
        let output = sluicegate(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(err(&output).contains(words), "{args:?}: {}", err(&output));
    }
}

#[test]
fn version_is_that_of_the_package() {
    let output = sluicegate(&["--version"]);
    let version = format!("sluicegate {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(out(&output), version);
}

#[test]
fn check_says_that_a_good_file_is_good() {
    for file in ["conf/sluicegate.yaml", "conf/sluicegate.full.yaml"] {
        let output = sluicegate(&["check", "-c", file]);
        assert!(output.status.success(), "{file}: {}", err(&output));
        assert!(
            out(&output).contains(&format!("{file}: good: ")),
            "{}",
            out(&output)
        );
        assert_eq!(err(&output), "", "{file}");
    }
}

#[test]
fn check_tells_every_finding_with_its_place() {
    let dir = Dir::new("check");
    let file = dir.write(
        "bad.yaml",
        "server:\n  worker: 4\n  drain: soon\nkeys:\n  - name: a\n    secret: ${SLUICEGATE_IT_NOT_SET}\n\
         providers:\n  openai: { kind: opnai }\n  local:\n    kind: openai\n    base_url: http://127.0.0.1:1/v1\n\
         routes:\n  r:\n    targets: [locl/m]\nlimits:\n  headers: 4\n",
    );
    let output = sluicegate(&["check", "-c", file.to_str().expect("a text")]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(out(&output), "");
    let text = err(&output);
    let lines: Vec<&str> = text.lines().collect();
    let expected = [
        ("2:3", "server", "did you mean `workers`?"),
        ("3:10", "server.drain", "`soon` is no duration"),
        ("6:13", "keys[0].secret", "SLUICEGATE_IT_NOT_SET"),
        ("8:19", "providers.openai.kind", "`openai`"),
        ("14:15", "routes.r.targets[0]", "did you mean `local`?"),
        ("16:12", "limits.headers", "between 8 and 256"),
    ];
    assert_eq!(lines.len(), expected.len(), "{text}");
    for (line, (place, path, words)) in lines.iter().zip(expected) {
        let start = format!("{}:{place}: {path}: ", file.display());
        assert!(
            line.starts_with(&start) && line.contains(words),
            "{line}\nexpected {start}…{words}"
        );
    }
    // `run` tells the same, and does not start.
    let run = sluicegate(&["run", "-c", file.to_str().expect("a text")]);
    assert_eq!((run.status.code(), err(&run)), (Some(1), text));

    let missing = sluicegate(&["check", "-c", "/nowhere/gateway.yaml"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        err(&missing).starts_with("/nowhere/gateway.yaml: cannot be read"),
        "{}",
        err(&missing)
    );
}

#[test]
fn check_looks_into_the_files_that_are_named() {
    let dir = Dir::new("check");
    let garbage = dir.write("garbage.pem", "no certificate");
    let garbage = garbage.display();
    for (section, words) in [
        (
            format!(
                "server: {{ listen: [{{ address: '127.0.0.1:1', tls: {{ cert: /nowhere/c, key: {garbage} }} }}] }}"
            ),
            "/nowhere/c",
        ),
        (
            format!(
                "server: {{ listen: [{{ address: '127.0.0.1:1', tls: {{ cert: {garbage}, key: {garbage} }} }}] }}"
            ),
            "garbage.pem",
        ),
        (
            format!("providers: {{ p: {{ kind: openai, api_key: k, tls: {{ ca: {garbage} }} }} }}"),
            "garbage.pem",
        ),
        (
            "keys: [{ name: a, secret: 'file:/nowhere/secret' }]".to_owned(),
            "/nowhere/secret",
        ),
    ] {
        let mut text = section.clone();
        for (key, value) in [
            ("keys", "[{ name: a, secret: sk-good-enough }]"),
            ("providers", "{ p: { kind: openai, api_key: k } }"),
        ] {
            if !section.starts_with(key) {
                text += &format!("\n{key}: {value}\n");
            }
        }
        let file = dir.write("config.yaml", &text);
        let output = sluicegate(&["check", "-c", file.to_str().expect("a text")]);
        assert_eq!(output.status.code(), Some(1), "{text}: {}", out(&output));
        assert!(
            err(&output).contains(words) && err(&output).contains("config.yaml"),
            "{}",
            err(&output)
        );
        assert!(!err(&output).contains("panicked"), "{}", err(&output));
    }
}

#[test]
fn check_touches_nothing() {
    let dir = Dir::new("check");
    let log = dir.path().join("access.log");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let file = dir.write(
        "config.yaml",
        &format!(
            "server: {{ listen: ['{}'] }}\nkeys: [{{ name: a, secret: sk-good-enough }}]\nproviders: {{ demo: {{ kind: demo }} }}\n\
             telemetry: {{ access_log: {{ path: {}, format: json }} }}\n",
            taken.local_addr().expect("bound"),
            log.display()
        ),
    );
    let output = sluicegate(&["check", "-c", file.to_str().expect("a text")]);
    assert!(output.status.success(), "{}", err(&output));
    assert!(!log.exists());
}

#[test]
fn the_shipped_schema_is_the_one_of_this_binary() {
    let output = sluicegate(&["schema"]);
    assert!(output.status.success());
    let shipped =
        fs::read_to_string(project().join("conf/sluicegate.schema.json")).expect("it is shipped");
    assert!(
        out(&output) == shipped,
        "conf/sluicegate.schema.json is old: make schema-update"
    );
}

#[test]
fn the_configuration_for_acceptance_is_good_as_it_stands() {
    let file = project().join("../shared/acceptance/gateway.yaml");
    if !file.exists() {
        eprintln!("SKIPPED: {} is not there", file.display());
        return;
    }
    let output = sluicegate(&["check", "-c", file.to_str().expect("a text")]);
    assert!(output.status.success(), "{}", err(&output));
    assert!(
        out(&output).contains("gateway.yaml: good: "),
        "{}",
        out(&output)
    );
}

/// A process that is killed at the end of its test.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_shipped_configuration_runs_without_being_named() {
    let gateway = Gateway::with("").demo().ready().await;
    drop(gateway);
    let (listen, admin) = (free_port(), free_port());
    let mut command = Command::new(binary());
    command
        .args([
            "run",
            "--listen",
            &format!("127.0.0.1:{listen}"),
            "--admin",
            &format!("127.0.0.1:{admin}"),
        ])
        .current_dir(project())
        .env_remove("SLUICEGATE_KEY")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _running = Running(command.spawn().expect("the binary starts"));
    eventually("it listens", || {
        std::net::TcpStream::connect(("127.0.0.1", listen)).is_ok()
    })
    .await;
    for (model, key, status) in [
        ("default", "sk-local-dev", 200),
        ("split", "sk-local-dev", 200),
        ("default", KEY, 401),
    ] {
        let mut raw = crate::harness::Raw::connect(([127, 0, 0, 1], listen).into()).await;
        let body = client::chat(model, "Hi");
        let length = body.len();
        raw.send(format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {key}\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
        .await;
        assert_eq!(
            raw.answer().await.expect("an answer").status,
            status,
            "{model} {key}"
        );
    }
}

#[tokio::test]
async fn the_demo_prints_a_line_that_works() {
    let gateway = Gateway::with("").demo().ready().await;
    let mut line = String::new();
    eventually("it tells what to try", || {
        let log = gateway.log();
        let lines = log
            .lines()
            .skip_while(|line| !line.trim_start().starts_with("curl "));
        line = lines.take(2).collect::<Vec<_>>().join("\n");
        line.contains("-d ")
    })
    .await;
    assert!(line.contains(&gateway.address.to_string()), "{line}");
    assert!(
        gateway
            .log()
            .contains(&format!("http://{}/metrics", gateway.admin)),
        "{}",
        gateway.log()
    );
    // Any key, or none, in every dialect.
    for (path, key) in [
        ("/v1/chat/completions", ""),
        ("/v1/messages", "Bearer anything"),
        ("/v1/responses", "Bearer anything"),
        ("/v1beta/models/demo/demo:generateContent", ""),
    ] {
        let body = serde_json::json!({
            "model": "demo/demo", "max_tokens": 20, "input": "Hi",
            "messages": [{ "role": "user", "content": "Hi" }],
            "contents": [{ "role": "user", "parts": [{ "text": "Hi" }] }],
        });
        let answer = gateway
            .ask(path, body.to_string())
            .header("authorization", key)
            .whole()
            .await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body_text());
    }
    if is_there("curl") {
        let output =
            tokio::task::spawn_blocking(move || Command::new("sh").args(["-c", &line]).output());
        let output = output.await.expect("no panic").expect("a shell");
        let text = out(&output);
        assert!(
            output.status.success() && text.trim_end().ends_with("data: [DONE]"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken
        .local_addr()
        .map(|address| (taken, address.to_string()))
        .expect("bound");
    let free = format!("127.0.0.1:{}", free_port());
    for (listen, admin, key) in [
        (&taken.1, &free, "server.listen"),
        (&free, &taken.1, "admin.listen"),
    ] {
        let mut command = Command::new(binary());
        command
            .args(["run", "--listen", listen, "--admin", admin])
            .current_dir(project())
            .stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("no panic")
            .expect("it starts");
        let text = err(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            text.contains(&format!("{key} {}: Address already in use", taken.1)),
            "{text}"
        );
        assert!(!text.contains("panicked"), "{text}");
    }
}

#[tokio::test]
async fn wrk_sees_no_error_at_the_demo() {
    if !is_there("wrk") {
        return;
    }
    let gateway = Gateway::with("").demo().ready().await;
    let dir = Dir::new("wrk");
    let script: PathBuf = dir.write(
        "post.lua",
        &format!(
            "wrk.method = 'POST'\nwrk.headers['content-type'] = 'application/json'\nwrk.body = '{}'\n",
            client::chat("demo/demo", "Hi")
        ),
    );
    let url = format!("http://{}/v1/chat/completions", gateway.address);
    let output = tokio::task::spawn_blocking(move || {
        let mut command = Command::new("wrk");
        command
            .args(["-t1", "-c32", "-d2s", "--timeout", "10s", "-s"])
            .arg(script)
            .arg(url)
            .output()
    });
    let output = output.await.expect("no panic").expect("wrk runs");
    let text = out(&output);
    assert!(output.status.success(), "{text} {}", err(&output));
    assert!(
        text.contains("requests in") && !text.contains(" 0 requests in"),
        "{text}"
    );
    assert!(
        !text.contains("Socket errors") && !text.contains("Non-2xx"),
        "{text}"
    );
    let refused = gateway
        .metric(r#"sluicegate_requests_total{outcome="refused"}"#)
        .await;
    assert_eq!(refused, 0.0);
    gateway
        .metric_becomes("sluicegate_open_connections", 0.0)
        .await;
}

#[test]
fn models_are_listed_and_imported() {
    let listed = sluicegate(&["models", "list", "anthropic"]);
    assert!(listed.status.success(), "{}", err(&listed));
    let text = out(&listed);
    assert!(
        text.contains("anthropic/claude") && !text.contains("openai/"),
        "{text}"
    );

    let dir = Dir::new("models");
    let map = dir.write(
        "map.json",
        r#"{
            "sample_spec": { "mode": "chat" },
            "acme-1": {
                "litellm_provider": "acme", "mode": "chat", "max_input_tokens": 1000, "max_output_tokens": 100,
                "input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07
            },
            "broken": { "litellm_provider": "acme" }
        }"#,
    );
    let folder = dir.path().join("imported");
    let imported = sluicegate(&[
        "models",
        "import",
        map.to_str().expect("UTF-8"),
        "--out",
        folder.to_str().expect("UTF-8"),
    ]);
    assert!(imported.status.success(), "{}", err(&imported));
    assert!(
        err(&imported).contains("passed over broken"),
        "{}",
        err(&imported)
    );

    // What was written is what a configuration takes.
    let file = folder.join("acme.yaml");
    let text = fs::read_to_string(&file).expect("one file for each provider");
    assert!(text.contains("0.15") && text.contains("0.6"), "{text}");
    let config = dir.write(
        "gateway.yaml",
        &format!(
            "server: {{ anonymous: true }}\nproviders: {{ demo: {{ kind: demo }} }}\nmodels: [{}]\n",
            file.display()
        ),
    );
    let checked = sluicegate(&["check", "-c", config.to_str().expect("UTF-8")]);
    assert!(checked.status.success(), "{}", err(&checked));
}

#[test]
fn a_wrong_file_of_models_is_refused_with_its_place() {
    let dir = Dir::new("wrong-models");
    let models = dir.write("models.yaml", "provider: acme\nmodels:\n  - nam: a\n");
    let config = dir.write(
        "gateway.yaml",
        &format!(
            "server: {{ anonymous: true }}\nproviders: {{ demo: {{ kind: demo }} }}\nmodels: [{}]\n",
            models.display()
        ),
    );
    let checked = sluicegate(&["check", "-c", config.to_str().expect("UTF-8")]);
    assert!(!checked.status.success());
    let said = err(&checked);
    assert!(
        said.contains("models.yaml:3:5") && said.contains("`nam`"),
        "{said}"
    );
}
