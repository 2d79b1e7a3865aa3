//! Clean streams under guards: nothing is held that need not be.

use serde_json::json;

use super::guards;
use crate::{
    conversion::Speaks,
    harness::{Response, within},
    upstream::{Gate, Kind, Reply},
};

const NATIVE: [(Speaks, Kind, usize); 4] = [
    (Speaks::Chat, Kind::Openai, 1),
    (Speaks::Responses, Kind::Openai, 3),
    (Speaks::Messages, Kind::Anthropic, 3),
    (Speaks::Generate, Kind::Gemini, 1),
];

const WORDS: [&str; 20] = [
    " The", " river", " runs", " by", " the", " old", " mill,", " where", " women", " went",
    " with", " their", " corn", " and", " talk;", " these", " days", " it", " makes", " light.",
];

/// A thousand words that are clean. `to` may become `token`, and so waits for the next one.
fn tokens(late: usize) -> Vec<String> {
    let word = |n: usize| match n % WORDS.len() {
        10 if late > 0 => " to",
        at => WORDS[at],
    };
    (0..1000).map(|n| word(n).to_owned()).collect()
}

/// How many of the words have come, judging by all letters so far.
async fn letters(response: &mut Response, got: &mut String, speaks: Speaks) {
    let event = response.event().await.expect("the stream goes on");
    let value: serde_json::Value = serde_json::from_str(&event.data).unwrap_or_default();
    let at = match speaks {
        Speaks::Messages => "/delta/text",
        Speaks::Responses => "/delta",
        Speaks::Generate => "/candidates/0/content/parts/0/text",
        _ => "/choices/0/delta/content",
    };
    *got += value
        .pointer(at)
        .and_then(|v| v.as_str())
        .unwrap_or_default();
}

/// Every word comes before the upstream sends the one that is `late` further.
async fn flows(profile: serde_json::Value, late: usize) {
    for (speaks, kind, lifecycle) in NATIVE {
        let gate = Gate::new();
        let tokens = tokens(late);
        let reply = Reply::tokens(tokens.clone()).stepped(lifecycle, &gate);
        let (_upstream, gateway) = super::behind(kind, reply, guards(profile.clone())).await;
        let ask = speaks.ask(&gateway, "p/m", true, json!({}));
        let ask = if speaks == Speaks::Generate {
            gateway.ask(
                &speaks.path("p%2Fm", true),
                speaks.request("p/m", true).to_string(),
            )
        } else {
            ask
        };
        for _ in 0..=late {
            gate.open();
        }
        let mut response = ask.send().await;
        let mut got = String::new();
        let mut wanted = String::new();
        for token in &tokens {
            wanted += token;
            let word = format!("{speaks:?}: {token:?} comes");
            within(&word, async {
                while got.len() < wanted.len() {
                    letters(&mut response, &mut got, speaks).await;
                }
            })
            .await;
            gate.open();
        }
        assert_eq!(got, wanted, "{speaks:?}");
        gate.open_for_good();
        assert!(response.whole().await.says_done(), "{speaks:?}");
    }
}

#[tokio::test]
async fn a_clean_stream_waits_for_nothing_under_the_default_profile() {
    flows(json!({ "answers": { "own": "observe" } }), 0).await;
}

#[tokio::test]
async fn a_clean_stream_waits_for_one_word_where_addresses_are_masked() {
    flows(
        json!({ "answers": { "own": "observe", "EMAIL": "mask" } }),
        1,
    )
    .await;
}
