//! The tests with the real SDKs and with the recordings: Python and Node, driven by pytest, in `tests/sdk`.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Set by `make test`, which makes the venv and installs the Node modules: there their absence is a failure and nothing
/// to pass over.
const REQUIRED: &str = "SLUICEGATE_REQUIRE_VENV";

/// The folder that a variable names, by default one beside what cargo builds.
fn folder(variable: &str, name: &str) -> PathBuf {
    env::var_os(variable).map_or_else(
        || {
            let binary = Path::new(env!("CARGO_BIN_EXE_sluicegate"));
            let target = binary.ancestors().nth(2);
            target
                .expect("a profile's folder in the target's")
                .join(name)
        },
        PathBuf::from,
    )
}

/// The Python of the venv with the SDKs, in `$SLUICEGATE_VENV`.
fn python() -> Result<PathBuf, String> {
    let venv = folder("SLUICEGATE_VENV", "venv");
    let python = venv.join("bin/python");
    if python.exists() {
        return Ok(python);
    }
    Err(format!(
        "no Python environment at {0}. `make test` makes it, and so do:\n  \
         python3 -m venv {0} && {0}/bin/pip install -r tests/sdk/requirements.txt\n\
         SLUICEGATE_VENV names another one",
        venv.display(),
    ))
}

#[test]
fn the_real_sdks_and_the_recordings_come_through() {
    let python = match python() {
        Ok(python) => python,
        Err(why) if env::var_os(REQUIRED).is_some() => panic!("{why}"),
        Err(why) => {
            // Past the harness, which shows the output of failed tests only.
            tell(&format!("\nSKIPPED: the tests with the real SDKs: {why}\n"));
            return;
        }
    };
    let ran = Command::new(python)
        .args(["-m", "pytest", "--quiet", "--tb=short", "tests/sdk"])
        .args(
            env::var("SLUICEGATE_PYTEST")
                .iter()
                .flat_map(|more| more.split_whitespace()),
        )
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("SLUICEGATE_BIN", env!("CARGO_BIN_EXE_sluicegate"))
        .env("SLUICEGATE_NODE", folder("SLUICEGATE_NODE", "node"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .expect("the venv has a Python that starts");
    let said = String::from_utf8_lossy(&ran.stdout);
    let wrong = String::from_utf8_lossy(&ran.stderr);
    // What was skipped, and why, is told also when all is well.
    tell(&format!("\n{said}{wrong}"));
    assert!(
        ran.status.success(),
        "pytest: {}\n{said}{wrong}",
        ran.status
    );
}

/// Writes to the terminal at once, whatever the test harness captures.
fn tell(text: &str) {
    use std::io::Write;
    // Nobody may be listening any more, which is no failure of the gateway.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
