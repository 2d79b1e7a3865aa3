//! Files of models: those within the gateway, and those of operators.

use std::{path::Path, sync::LazyLock};

use super::load::{self, Findings};
use crate::{
    catalogue::{Catalogue, ModelsFile, builtin},
    problem::{Place, Problems},
};

/// The models that the gateway knows by itself. Read on first use.
pub fn builtin() -> &'static Catalogue {
    static BUILTIN: LazyLock<Catalogue> = LazyLock::new(|| {
        let mut catalogue = Catalogue::default();
        for (name, text) in builtin::FILES {
            let file = parse(text, Path::new(name)).expect("tests read every file");
            // Tests see to it that there are none.
            let mut problems = Problems::default();
            catalogue.add(file, &Place::default(), &mut problems);
        }
        catalogue
    });
    &BUILTIN
}

/// Reads and checks a file of models. How it fits to other files shows when it is added to a catalogue.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(path: &Path) -> Result<ModelsFile, Findings> {
    parse(&load::text(path)?, path)
}

/// Reads and checks the text of a file of models. `origin` is the file that findings name.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(text: &str, origin: &Path) -> Result<ModelsFile, Findings> {
    load::parse_as(text, origin, &|_| None, |file: &ModelsFile| {
        let mut problems = Problems::default();
        file.check(&Place::default(), &mut problems);
        problems
    })
}

#[cfg(test)]
mod tests;
