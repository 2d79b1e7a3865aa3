use std::{sync::LazyLock, time::Instant};

use super::*;

static WAF: LazyLock<Waf> = LazyLock::new(|| {
    let files = crate::config::rules::waf();
    let rules = files
        .iter()
        .flat_map(|f| f.rules.iter().map(|r| (f.group.as_str(), r)));
    let databases = Databases::new(Databases::usual_folder());
    Waf::compile(rules, Settings::default(), &databases).unwrap_or_else(|bad| panic!("{}", bad[0]))
});

fn head(path: &str, headers: &[(&str, &str)]) -> Verdict {
    let mut all: Vec<(&str, &[u8])> = vec![("host", b"gw.example.org")];
    all.extend(headers.iter().map(|(n, v)| (*n, v.as_bytes())));
    WAF.head(&Head {
        method: "GET",
        path_and_query: path,
        headers: &all,
    })
}

fn json(body: &str) -> Verdict {
    WAF.body("application/json", body.as_bytes())
}

#[test]
fn the_examples_of_all_rules_hold() {
    assert_eq!(WAF.check_examples(), Vec::<String>::new());
}

#[test]
fn a_question_about_injection_passes_and_the_same_text_in_metadata_does_not() {
    let asked =
        r#"{"model":"m","messages":[{"role":"user","content":"why does ' or 1=1-- work?"}]}"#;
    assert_eq!(json(asked).score, 0);
    let hidden = r#"{"model":"m","metadata":{"a":"x' or 1=1-- "},"messages":[]}"#;
    assert!(json(hidden).score >= 5);
    let wholly = r#"{"note":"x' or 1=1-- "}"#;
    assert!(json(wholly).score >= 5);
}

#[test]
fn tool_schemas_arguments_and_results_are_prompts() {
    let body = r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":
        {"name":"sh","arguments":"{\"c\":\"cat /etc/passwd; id\"}"}}]},{"role":"tool","tool_call_id":"c","content":"<script>x()</script>"}],
        "tools":[{"type":"function","function":{"name":"sh","description":"; rm -rf /","parameters":{"properties":{"$where":
        {"type":"string","pattern":"' or 1=1","enum":["../../x"],"default":"${jndi:ldap://x}"}}}}}]}"#;
    assert_eq!(json(body), Verdict::default());
}

#[test]
fn a_picture_is_fetched_from_the_public_network_only() {
    let body = |url: &str| {
        json(&format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"{url}"}}}}]}}]}}"#
        ))
    };
    assert_eq!(body("https://cdn.example.org/a.png").score, 0);
    assert_eq!(body("data:image/png;base64,iVBORw0KGgo=").score, 0);
    for url in [
        "http://169.254.169.254/x",
        "http://[::ffff:7f00:1]/",
        "file:///x",
        "http://0x7f.1/",
        "localhost:80/x",
    ] {
        assert!(body(url).score >= 5, "{url}");
    }
}

#[test]
fn odd_framing_is_seen() {
    assert!(
        WAF.head(&Head {
            method: "GET",
            path_and_query: "/",
            headers: &[]
        })
        .score
            >= 5
    );
    assert!(head("/", &[("content-length", "3"), ("content-length", "4")]).score >= 5);
    assert!(
        head(
            "/",
            &[("content-length", "3"), ("transfer-encoding", "chunked")]
        )
        .score
            >= 5
    );
    assert!(head("/?jsessionid=1", &[("referer", "https://other.example/")]).score >= 5);
    assert_eq!(
        head("/?jsessionid=1", &[("referer", "https://gw.example.org/a")]).score,
        0
    );
}

#[test]
fn a_verdict_counts_each_rule_once() {
    let one = head("/?a=<script>", &[]);
    let both = one.clone().merge(one.clone());
    assert_eq!(both, one);
}

#[test]
fn hostile_bodies_are_bounded_and_said_to_be_capped() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200_000), "]".repeat(200_000));
    assert!(json(&deep).capped);
    let wide = format!(
        "{{{}\"z\":1}}",
        (0..100_000)
            .map(|n| format!("\"k{n}\":\"v{n}\","))
            .collect::<String>()
    );
    assert!(json(&wide).capped);
    let list = format!("{{\"a\":[{}1]}}", "\"x' or 1=1\",".repeat(100_000));
    assert!(json(&list).capped);
    let began = Instant::now();
    assert!(
        WAF.body("text/plain", &b"%27 union /* $(".repeat(1_400_000))
            .capped
    );
    assert!(began.elapsed().as_secs() < 10);
}

#[test]
fn no_bytes_make_it_panic() {
    let mut random = fastrand::Rng::with_seed(7);
    let pieces = [
        "%", "%u00", "\\u{", "&#x", "&lt", "'", "\"", "/*", "*/!", "http://", "[::", "0x", "../",
        "\u{e9}", "\u{ff1c}", "{\"a\":", "]", "--", "\0", "\u{2}", "\u{1e}", "a", "=", "&", "(",
        "select ", "\u{2460}", "%c0", "%e0%80", "${", "$IFS", "`", "\\",
    ];
    for _ in 0..3000 {
        let text: String = (0..random.usize(1..24))
            .map(|_| pieces[random.usize(..pieces.len())])
            .collect();
        let _ = head(
            &format!("/{text}?{text}={text}"),
            &[("cookie", &text), ("x-a", &text), ("referer", &text)],
        );
        for kind in [
            "application/json",
            "application/xml",
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=a",
        ] {
            let _ = WAF.body(kind, text.as_bytes());
            let _ = WAF.body(
                kind,
                format!("{{\"{}\":\"\\u00{text}\"}}", text.escape_default()).as_bytes(),
            );
        }
    }
}
