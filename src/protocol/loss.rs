//! What a target cannot do of what a client asks: told before the call, never lost in silence.

/// Collects what an encoder could not express.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses(Vec<Loss>);

/// One thing that a target cannot do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The parameter or feature, in the words of the client's request: `logprobs`, `messages[2].content[0]`, `tools[1]`.
    pub what: String,
    /// Why not, for the developer: `the Anthropic API has no log probabilities`.
    pub why: &'static str,
    /// Whether the answer does not depend on it: a mark for a cache, an id for records. Hints are dropped with a
    /// warning; everything else is an error unless the operator chose `on_unsupported: drop`.
    pub hint: bool,
}

impl Losses {
    /// Notes something that changes the answer.
    pub fn cannot(&mut self, what: impl Into<String>, why: &'static str) {
        self.add(what.into(), why, false);
    }

    /// Notes something that does not change the answer.
    pub fn hint(&mut self, what: impl Into<String>, why: &'static str) {
        self.add(what.into(), why, true);
    }

    /// Notes a top-level member that the target does not know: nothing if it says nothing or what is so anyway, a hint
    /// if no answer depends on it. `value` is its JSON.
    pub fn member(&mut self, name: &str, value: &str, why: &'static str) {
        let says_nothing = match value.trim() {
            "null" | "[]" | "{}" => true,
            "1" => name == "n" || name == "best_of",
            "0" => matches!(
                name,
                "top_logprobs" | "frequency_penalty" | "presence_penalty"
            ),
            "true" => name == "parallel_tool_calls",
            "false" => matches!(
                name,
                "logprobs" | "store" | "background" | "stream" | "echo"
            ),
            "\"auto\"" | "\"default\"" => name == "service_tier",
            "\"disabled\"" => name == "truncation",
            "\"medium\"" => name == "verbosity",
            _ => name == "stream_options",
        };
        if says_nothing {
            return;
        }
        let is_hint = matches!(
            name,
            "store"
                | "user"
                | "metadata"
                | "service_tier"
                | "safety_identifier"
                | "prompt_cache_key"
                | "prompt_cache_retention"
                | "prompt_cache_options"
                | "include"
                | "include_obfuscation"
        );
        self.add(name.to_owned(), why, is_hint);
    }

    fn add(&mut self, what: String, why: &'static str, hint: bool) {
        if !self.0.iter().any(|loss| loss.what == what) {
            self.0.push(Loss { what, why, hint });
        }
    }

    /// All of them, in the order of the request.
    pub fn all(&self) -> &[Loss] {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first that changes the answer.
    pub fn fatal(&self) -> Option<&Loss> {
        self.0.iter().find(|loss| !loss.hint)
    }
}
