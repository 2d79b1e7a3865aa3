//! Reading the configuration file: every finding at once, each with its place.

use std::{fmt, io::Read, path::Path, path::PathBuf};

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::{
    Config, fill,
    fill::Lookup,
    misread::{Fault, Misread},
    tree::{Content, Mark, Mistake, Node},
    typed, yaml,
};
use crate::problem::{Place, Problems, Step, nearest};

#[cfg(test)]
mod tests;

/// Largest configuration file.
const MOST_BYTES: u64 = 4 << 20;

/// Most findings to tell of.
const MOST_FINDINGS: usize = 100;

/// Longest message: values that it quotes may be of any length.
const LONGEST_MESSAGE: usize = 1000;

/// A configuration that was read and checked.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration, with variables and secrets filled in.
    pub config: Config,
    /// The first 64 bits of the SHA-256 of the file, to tell versions apart. Variables and secret files are not in it:
    /// compare `config` to know whether anything changed.
    pub text_hash: u64,
}

/// All that is wrong with a configuration, in the order of the file.
#[derive(Debug)]
pub struct Findings(pub Vec<Finding>);

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: PathBuf,
    /// Line from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// Column from 1, in characters; 0 where the file as a whole is meant.
    pub column: usize,
    /// The value that is wrong, or the section around it.
    pub place: Place,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line != 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        if !self.place.0.is_empty() {
            write!(f, " {}:", OneLine(&self.place.to_string()))?;
        }
        write!(f, " {}", OneLine(&self.message))
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (n, finding) in self.0.iter().enumerate() {
            let newline = if n == 0 { "" } else { "\n" };
            write!(f, "{newline}{finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Findings {}

/// Text with control characters escaped, so that a finding stays a line and cannot steer a terminal.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.chars().try_for_each(|c| {
            if c.is_control() {
                write!(f, "{}", c.escape_default())
            } else {
                write!(f, "{c}")
            }
        })
    }
}

/// Reads and checks a file, with variables from the environment.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(path: &Path) -> Result<Loaded, Findings> {
    let text = text(path)?;
    let config = parse(&text, path, &|name| std::env::var(name).ok())?;
    let digest = Sha256::digest(&text);
    Ok(Loaded {
        config,
        text_hash: digest[..8]
            .iter()
            .fold(0, |hash, byte| hash << 8 | u64::from(*byte)),
    })
}

/// The text of a file that is not too large.
///
/// # Errors
/// If it cannot be read, or is no text.
pub fn text(path: &Path) -> Result<String, Findings> {
    let whole = |message: String| Findings(vec![Finding::whole(path, message)]);
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| whole(format!("cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + memchr::memchr_iter(b'\n', valid).count();
        whole(format!("is no UTF-8 text (line {line})"))
    })
}

/// Reads and checks a text. `origin` is the file that findings name and secret files are looked for beside; `env` gives
/// variables their values.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(text: &str, origin: &Path, env: Lookup) -> Result<Config, Findings> {
    parse_as(text, origin, env, Config::check)
}

/// Reads a text as some type, and checks it.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_as<T: DeserializeOwned>(
    text: &str,
    origin: &Path,
    env: Lookup,
    check: impl Fn(&T) -> Problems,
) -> Result<T, Findings> {
    parse_with(text, origin, Some(env), check)
}

/// The same for a file in which `$` has no meaning: patterns are full of it.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_literally<T: DeserializeOwned>(
    text: &str,
    origin: &Path,
    check: impl Fn(&T) -> Problems,
) -> Result<T, Findings> {
    parse_with(text, origin, None, check)
}

fn parse_with<T: DeserializeOwned>(
    text: &str,
    origin: &Path,
    env: Option<Lookup>,
    check: impl Fn(&T) -> Problems,
) -> Result<T, Findings> {
    if text.len() as u64 > MOST_BYTES {
        let message = "is larger than 4 MiB, the most for a configuration";
        return Err(Findings(vec![Finding::whole(origin, message)]));
    }
    let mut mistakes = Vec::new();
    let read = yaml::parse(text, &mut mistakes).and_then(|root| {
        let mut draft = Draft::new(root, mistakes.split_off(0));
        let folder = origin.parent().unwrap_or(Path::new(""));
        let read = draft.read(folder, env, check);
        mistakes = draft.mistakes;
        read
    });
    match read {
        Some(read) if mistakes.is_empty() => Ok(read),
        _ => Err(Findings::new(mistakes, origin)),
    }
}

impl Findings {
    fn new(mut mistakes: Vec<Mistake>, origin: &Path) -> Self {
        mistakes.sort_by_key(|mistake| mistake.mark);
        mistakes.truncate(MOST_FINDINGS);
        let finding = |mistake: Mistake| Finding {
            file: origin.to_owned(),
            line: mistake.mark.line,
            column: mistake.mark.column,
            place: mistake.place,
            message: shortened(mistake.message),
        };
        Self(mistakes.into_iter().map(finding).collect())
    }
}

impl Finding {
    fn whole(file: &Path, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
            column: 0,
            place: Place::default(),
            message: message.into(),
        }
    }
}

fn shortened(mut message: String) -> String {
    if let Some((end, _)) = message.char_indices().nth(LONGEST_MESSAGE) {
        message.truncate(end);
        message.push('…');
    }
    message
}

/// A configuration on its way from tree to type.
///
/// Serde stops at the first error. So the value at fault is noted and dropped, and reading starts again without it, until
/// nothing is wrong with what is left.
struct Draft {
    root: Node,
    mistakes: Vec<Mistake>,
    /// What was dropped, or is missing because its key is misspelt.
    lost: Vec<Place>,
}

impl Draft {
    const fn new(root: Node, mistakes: Vec<Mistake>) -> Self {
        Self {
            root,
            mistakes,
            lost: Vec::new(),
        }
    }

    fn read<T: DeserializeOwned>(
        &mut self,
        folder: &Path,
        env: Option<Lookup>,
        check: impl Fn(&T) -> Problems,
    ) -> Option<T> {
        let known = self.mistakes.len();
        if let Some(env) = env {
            fill::fill(&mut self.root, &Place::default(), env, &mut self.mistakes);
        }
        let unfilled = &self.mistakes[known..];
        self.lost
            .extend(unfilled.iter().map(|mistake| mistake.place.clone()));
        let read: T = loop {
            if self.root.dropped || self.mistakes.len() >= MOST_FINDINGS {
                return None;
            }
            match typed::read(&self.root, folder) {
                Ok(read) => break read,
                Err(misread) => {
                    let place = misread.place();
                    self.note(&misread, &place);
                    if place.0.is_empty() || !self.root.drop_at(&place.0) {
                        return None;
                    }
                    self.lost.push(place);
                }
            }
        };
        for (place, message) in check(&read).0 {
            let place = self.root.restore(&place);
            if !self.follows(&place, &message) {
                let mark = self.root.locate(&place.0);
                self.add(mark, place, message);
            }
        }
        Some(read)
    }

    fn note(&mut self, misread: &Misread, place: &Place) {
        let mut mark = self.root.locate(&place.0);
        let mut shown = place.clone();
        let mut message = misread.to_string();
        match &misread.fault {
            Fault::Missing(key) if self.lost.contains(&place.key(*key)) => return,
            Fault::UnknownKey(known) => {
                let Some(Step::Key(key)) = shown.0.pop() else {
                    return;
                };
                let section = self.root.get(&shown.0);
                if let Some(member) = section.and_then(|section| section.member(&key)) {
                    mark = member.mark;
                }
                if let Some(meant) = nearest(&key, known.iter().copied()) {
                    message += &format!("; did you mean `{meant}`?");
                    self.lost.push(shown.key(meant));
                }
            }
            Fault::UnknownChoice(found, known) => {
                if let Some(meant) = nearest(found, known.iter().copied()) {
                    message += &format!("; did you mean `{meant}`?");
                }
            }
            _ => {}
        }
        self.add(mark, shown, message);
    }

    /// Notes a mistake. What variables hold may be secret, so a message names the variables instead.
    fn add(&mut self, mark: Mark, place: Place, message: String) {
        let content = self.root.get(&place.0).map(|node| &node.content);
        let message = match content {
            Some(Content::Scalar(scalar)) => match &scalar.written {
                Some(written) => {
                    message.replace(&format!("`{}`", scalar.text), &format!("`{written}`"))
                }
                None => message,
            },
            _ => message,
        };
        self.mistakes.push(Mistake {
            mark,
            place,
            message,
        });
    }

    /// Whether a problem only follows from something that was dropped: then it may be none once that is mended.
    fn follows(&self, place: &Place, message: &str) -> bool {
        let providers = Place::default().key("providers");
        self.lost.iter().any(|lost| {
            let related = lost.0.starts_with(&place.0) || place.0.starts_with(&lost.0);
            let provider = match lost.0.strip_prefix(providers.0.as_slice()) {
                Some([]) => message.starts_with("no provider has the name "),
                Some([Step::Key(name)]) => message.contains(&format!("`{name}`")),
                _ => false,
            };
            related || provider || message.contains(&format!("`{lost}"))
        })
    }
}
