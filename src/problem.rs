//! What is wrong with a configuration, and where: collected, never thrown at the first.

use std::fmt;

/// One step from the root of a configuration to a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A member of a mapping.
    Key(String),
    /// An item of a list, counted from zero.
    Index(usize),
}

/// The way from the root of a configuration to a value: `providers.openai.base_url`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place(pub Vec<Step>);

impl Place {
    /// The place of a member of this mapping.
    pub fn key(&self, key: impl Into<String>) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(key.into()));
        Self(steps)
    }

    /// The place of an item of this list.
    pub fn index(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Index(index));
        Self(steps)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (n, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if n == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Everything that a check found, in the order of finding.
#[derive(Debug, Default)]
pub struct Problems(pub Vec<(Place, String)>);

impl Problems {
    /// Notes that the value at `place` is wrong; `what` says why and what would be right.
    pub fn add(&mut self, place: Place, what: impl Into<String>) {
        self.0.push((place, what.into()));
    }
}

/// Choices for a message: `` `a`, `b` or `c` ``; says so when there are none.
pub fn choices<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|n| format!("`{n}`")).collect();
    match names.as_slice() {
        [] => "none is defined".to_owned(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

/// The choice that `wrong` was probably meant to be: the nearest by edit distance, if near.
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (distance(wrong, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein distance over characters, one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_the_name_that_was_meant() {
        assert_eq!(nearest("opnai", ["anthropic", "openai"]), Some("openai"));
        assert_eq!(nearest("zzz", ["anthropic", "openai"]), None);
    }

    #[test]
    fn places_read_like_paths() {
        let place = Place::default()
            .key("routes")
            .key("a")
            .key("targets")
            .index(1);
        assert_eq!(place.to_string(), "routes.a.targets[1]");
    }
}
