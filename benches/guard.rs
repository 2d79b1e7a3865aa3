//! What the guard costs on one core: whole prompts, and the pieces of a stream. `cargo bench --bench guard`.

use std::sync::LazyLock;

use divan::{Bencher, black_box};
use sluicegate::{
    config::rules,
    guard::{
        Role, Text,
        profile::Profile,
        redact::{Escape, Vault},
        screen::{self, Answers},
        settings::{Guards, GuardsConfig},
        view::Sheet,
        waf::Head,
        window::Window,
    },
};

fn main() {
    divan::main();
}

fn guards(config: &str, names: &[&str]) -> Guards {
    let config: GuardsConfig = serde_json::from_str(config).expect("a constant");
    Guards::build(
        &config,
        rules::builtin(),
        rules::waf(),
        Vec::new(),
        names,
        None,
    )
    .expect("the built-in rules compile")
}

static DEFAULT: LazyLock<Guards> = LazyLock::new(|| guards("{}", &["default"]));

static STRICT: LazyLock<Guards> = LazyLock::new(|| {
    let config = r#"{"profiles":{"strict":{"answers":{"personal_data":"mask","secrets":"mask"}}}}"#;
    guards(config, &["strict"])
});

static FIREWALL: LazyLock<Guards> = LazyLock::new(|| guards(r#"{"waf":{}}"#, &[]));

fn profile(guards: &'static Guards, name: &str) -> &'static Profile {
    guards.profile(Some(name)).expect("it was built")
}

/// Honest prose, the same sentences in another order each time.
fn prose(bytes: usize) -> String {
    const SENTENCES: [&str; 8] = [
        "Could you summarise the attached meeting notes in three short paragraphs for the board? ",
        "The delivery of order 48213 was delayed by two days because of the weather in the north. ",
        "Please write a function that reads a CSV file and returns the mean of every column. ",
        "We plan to move the team from the old office to the new building on the fourth of May. ",
        "What is the difference between a mutex and a semaphore, and when would you use which? ",
        "Our customers ask for a darker theme, larger letters and a way to export their data. ",
        "Translate the following sentence into French and explain the grammar that you have used. ",
        "The recipe needs four eggs, 250 grams of flour, a little salt and half a litre of milk. ",
    ];
    let mut text = String::new();
    let mut n = 0;
    while text.len() < bytes {
        text.push_str(SENTENCES[(n * 5 + n / 8) % 8]);
        n += 1;
    }
    text.truncate(bytes);
    text
}

#[divan::bench(args = [1024, 2048, 8192, 32768])]
fn screen_of_a_prompt(bencher: Bencher, bytes: usize) {
    let profile = profile(&DEFAULT, "default");
    let text = prose(bytes);
    let texts = [Text {
        role: Role::User,
        value: &text,
    }];
    bencher.bench_local(|| screen::prompt(profile, black_box(&texts), &mut Vault::new()));
}

#[divan::bench(args = [1024, 32768])]
fn of_that_the_sheet(bencher: Bencher, bytes: usize) {
    let text = prose(bytes);
    let texts = [Text {
        role: Role::User,
        value: &text,
    }];
    bencher.bench_local(|| Sheet::new(black_box(&texts)));
}

#[divan::bench(args = [1024, 32768])]
fn of_that_the_pass_over_all_rules(bencher: Bencher, bytes: usize) {
    let profile = profile(&DEFAULT, "default");
    let text = prose(bytes);
    let texts = [Text {
        role: Role::User,
        value: &text,
    }];
    let sheet = Sheet::new(&texts);
    bencher.bench_local(|| profile.engine.scan(black_box(&texts), &sheet));
}

fn pieces(bencher: Bencher, profile: &'static Profile) {
    let text = prose(20_000);
    let vault = Vault::new();
    let mut answers = Answers::new(profile, None);
    let mut window = Window::default();
    let mut at = 0;
    bencher.bench_local(|| {
        at = (at + 20) % (text.len() - 20);
        let starts = profile.starts.as_ref();
        window.push(
            black_box(&text[at..at + 20]),
            starts,
            Some(&vault),
            Escape::None,
            &mut answers,
        )
    });
}

#[divan::bench]
fn a_piece_of_20_bytes_by_default(bencher: Bencher) {
    pieces(bencher, profile(&DEFAULT, "default"));
}

#[divan::bench]
fn a_piece_of_20_bytes_with_all_masked(bencher: Bencher) {
    pieces(bencher, profile(&STRICT, "strict"));
}

#[divan::bench]
fn the_firewall_over_a_head(bencher: Bencher) {
    let waf = FIREWALL.waf().expect("it was built");
    let headers: [(&str, &[u8]); 12] = [
        ("host", b"gateway.example.com"),
        ("user-agent", b"OpenAI/Python 2.8.1"),
        ("accept", b"application/json"),
        ("accept-encoding", b"gzip, deflate, br, zstd"),
        ("content-type", b"application/json"),
        ("content-length", b"2048"),
        ("authorization", b"Bearer sk-gateway-0123456789abcdef"),
        ("x-stainless-lang", b"python"),
        ("x-stainless-package-version", b"2.8.1"),
        ("x-stainless-os", b"Linux"),
        ("x-stainless-arch", b"x64"),
        ("x-stainless-retry-count", b"0"),
    ];
    let head = Head {
        method: "POST",
        path_and_query: "/v1/chat/completions",
        headers: &headers,
    };
    bencher.bench_local(|| waf.head(black_box(&head)));
}
