//! Checks that a match must pass before it counts: checksums, ranges, entropy, context.

use std::ops::Range;

mod address;
mod email;
mod entropy;
mod ids;
mod keccak;
mod near;
mod network;
mod numbers;
mod numbers_words;
mod person;
mod phone;
mod phone_plan;
mod phone_words;
mod secret;
mod wallet;

/// A match to confirm.
#[derive(Clone, Copy, Debug)]
pub struct Match<'a> {
    /// The whole text that it stands in.
    pub text: &'a str,
    /// Where it stands, in bytes.
    pub start: usize,
    /// Where it ends, in bytes.
    pub end: usize,
}

impl<'a> Match<'a> {
    /// What was matched.
    pub fn value(&self) -> &'a str {
        &self.text[self.start..self.end]
    }

    /// What stands before it.
    pub fn before(&self) -> &'a str {
        &self.text[..self.start]
    }

    /// What stands behind it.
    pub fn after(&self) -> &'a str {
        &self.text[self.end..]
    }
}

/// Says where in the text the finding is, usually where the match is; nothing if it is none.
pub type Confirm = fn(Match) -> Option<Range<usize>>;

/// Every check by its name.
const CHECKS: &[&[(&str, Confirm)]] = &[
    address::CHECKS,
    email::CHECKS,
    ids::CHECKS,
    network::CHECKS,
    numbers::CHECKS,
    person::CHECKS,
    phone::CHECKS,
    secret::CHECKS,
    secret::vendor::CHECKS,
    wallet::CHECKS,
];

/// The check of a name.
pub fn named(name: &str) -> Option<Confirm> {
    let all = CHECKS.iter().copied().flatten();
    let named = |(n, _): &&(&str, Confirm)| *n == name;
    all.into_iter().find(named).map(|(_, check)| *check)
}

/// The names of all checks.
pub fn names() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().copied().flatten().map(|(name, _)| *name)
}
