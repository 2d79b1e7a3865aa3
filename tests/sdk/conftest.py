"""What the tests share: the gateway's binary, a demo, and the recordings' upstream with a gateway in front."""

import os

import pytest

import processes
from processes import SHARED, Gateway, Replay


def pytest_report_header():
    found = "found" if (SHARED / "cassettes").is_dir() else "NOT FOUND, tests with recordings are skipped"
    return [f"gateway: {processes.binary()}", f"shared material: {SHARED} ({found})"]


@pytest.fixture(scope="session", autouse=True)
def _binary():
    if not os.access(processes.binary(), os.X_OK):
        pytest.exit(f"no gateway at {processes.binary()}: build it (cargo build), or name it in SLUICEGATE_BIN", 2)


@pytest.fixture(scope="session")
def demo():
    with Gateway("demo") as gateway:
        yield gateway


@pytest.fixture(scope="session")
def shared():
    """The shared material; without it what needs it is skipped, and says so."""
    if not (SHARED / "cassettes").is_dir():
        pytest.skip(f"no recordings at {SHARED}; SLUICEGATE_SHARED names the folder that has them")
    return SHARED


@pytest.fixture(scope="session")
def acceptance(shared):
    return shared / "acceptance" / "gateway.yaml"


@pytest.fixture(scope="session")
def upstream(shared):
    with Replay() as replay:
        yield replay


@pytest.fixture(scope="session")
def gateway(acceptance, upstream):
    """The acceptance configuration as it stands, in front of the replaying upstream."""
    with Gateway("run", "-c", str(acceptance), env={"UPSTREAM": upstream.url}) as gateway:
        yield gateway
