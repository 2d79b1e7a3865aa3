"""The SDKs for Node: programs in `node/`, run with the modules that `scripts/node-modules` installed."""

import functools
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from processes import KEY, ROOT

PROGRAMS = Path(__file__).parent / "node"


@functools.cache
def modules() -> Path:
    """SLUICEGATE_NODE, else beside what cargo builds. Without them tests are skipped, unless `make test` runs them."""
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    folder = Path(os.environ.get("SLUICEGATE_NODE") or target / "node") / "node_modules"
    if folder.is_dir() and shutil.which("node"):
        return folder
    why = f"no Node modules at {folder}: scripts/node-modules {folder.parent} installs them"
    if os.environ.get("SLUICEGATE_REQUIRE_VENV") and is_new_enough():
        pytest.fail(why)
    pytest.skip(why)


def is_new_enough() -> bool:
    """Whether there is a Node that the modules run on."""
    if not shutil.which("node"):
        return False
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    major = told.stdout.strip().lstrip("v").split(".")[0]
    return major.isdigit() and int(major) >= 20


def run(program: str, plan: dict, timeout: float = 120):
    """What a program makes of a plan."""
    done = subprocess.run(
        ["node", str(PROGRAMS / program)],
        input=json.dumps({"key": KEY, **plan}),
        env={**os.environ, "NODE_PATH": str(modules())},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)
