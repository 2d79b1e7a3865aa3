//! Reading price maps of others.

use std::collections::{BTreeMap, BTreeSet};

use super::ModelsFile;

mod litellm;
mod number;

pub use litellm::litellm;

/// What became of a price map.
#[derive(Debug, Default)]
pub struct Imported {
    /// The models, a file for each provider.
    pub files: Vec<ModelsFile>,
    /// Entries that were passed over, and why.
    pub skipped: Vec<(String, String)>,
    /// Prices in imported entries that have no place in our files, with the number of entries.
    pub left_out: BTreeMap<String, usize>,
    /// Entries with a price that is no exact decimal within our places: imported without prices.
    pub inexact: BTreeSet<String>,
}
