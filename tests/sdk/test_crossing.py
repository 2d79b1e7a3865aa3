"""Every recorded answer, asked for with the SDK of every other dialect, says there what it said at home."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import crossing
import nodes
from crossing import ENDS_WITH_ERROR, PROVIDERS
from dialects import CLIENTS, MAX_TOKENS, Sdks, Told
from processes import Gateway
from scripted import Recorded

pytestmark = pytest.mark.usefixtures("shared")

CASES = [(name, client) for name in PROVIDERS for client in CLIENTS if not crossing.is_own(client, name)]


@pytest.fixture(scope="module")
def configuration(shared, tmp_path_factory):
    return crossing.configure(tmp_path_factory.mktemp("crossing"))


@pytest.fixture(scope="module")
def sdks(configuration, upstream):
    """In front of the replaying upstream, which plays a recording only in the form that it was recorded in."""
    with Gateway("run", "-c", str(configuration), env={"UPSTREAM": upstream.url}) as gateway:
        sdks = Sdks(gateway.url)
        yield sdks
        sdks.close()


@pytest.fixture(scope="module")
def careless(configuration):
    """In front of an upstream that answers whole where a stream was asked for, and the other way round."""
    with Recorded() as upstream, Gateway("run", "-c", str(configuration), env={"UPSTREAM": upstream.url}) as gateway:
        sdks = Sdks(gateway.url)
        yield sdks
        sdks.close()


def each(function, items) -> list:
    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(function, items))


def report(jobs, play):
    faults = [fault for fault in each(lambda job: play(*job), jobs) if fault]
    assert not faults, f"{len(faults)} of {len(jobs)} wrong:\n" + "\n".join(faults[:100])


def prompt(recording) -> str:
    return f"[[replay:{recording.id}]]"


def played(ask, recording, client) -> str | None:
    """What is wrong with a recording that was asked for in some way, if anything is."""
    try:
        told = ask(client, crossing.model_of(recording), prompt(recording))
    except Exception as error:
        return error_fault(f"{type(error).__name__}: {error}", recording, client)
    return told_fault(told, recording, client)


def told_fault(told, recording, client) -> str | None:
    if recording.id in ENDS_WITH_ERROR:
        return f"{recording.id} ({recording.wire}) for {client}: the error is not told"
    return crossing.fault(recording, client, told)


def error_fault(error: str, recording, client) -> str | None:
    if (says := ENDS_WITH_ERROR.get(recording.id)) and says in error:
        return None
    return f"{recording.id} ({recording.wire}) for {client}: {error}"[:600]


def wholes(name):
    return [r for r in crossing.good(name) if not r.streamed]


def streams(name):
    return [r for r in crossing.good(name) if r.streamed]


def test_there_is_something_to_cross(shared):
    assert all(crossing.good(name) for name in PROVIDERS)


@pytest.mark.parametrize("name,client", CASES)
def test_an_answer_crosses(sdks, name, client):
    report([(sdks.whole, r, client) for r in wholes(name)], played)


@pytest.mark.parametrize("name,client", CASES)
def test_a_stream_crosses(sdks, name, client):
    report([(ask, r, client) for r in streams(name) for ask in (sdks.streamed, sdks.helped)], played)


@pytest.mark.parametrize("name,client", CASES)
def test_an_answer_crosses_as_a_stream(careless, name, client):
    report([(careless.helped, r, client) for r in wholes(name)], played)
    # By hand as well, but not all of them.
    report([(careless.streamed, r, client) for r in wholes(name)[::4]], played)


@pytest.mark.parametrize("name,client", CASES)
def test_a_stream_crosses_as_an_answer(careless, name, client):
    report([(careless.whole, r, client) for r in streams(name)], played)


# ---- Node -----------------------------------------------------------------------------------------------------------


def node_report(sdks, jobs):
    """Plays (way, recording, client) by one Node process, and judges what it was told as for Python."""
    plan = [
        {
            "way": way,
            "client": client,
            "model": crossing.model_of(recording),
            "prompt": prompt(recording),
            "maxTokens": MAX_TOKENS,
        }
        for way, recording, client in jobs
    ]
    results = nodes.run("play.js", {"url": sdks.url, "at_once": 8, "jobs": plan})
    assert len(results) == len(jobs) > 0
    faults = [judged(result, recording, client) for result, (_, recording, client) in zip(results, jobs)]
    faults = [f"Node, {way}: {fault}" for fault, (way, _, _) in zip(faults, jobs) if fault]
    assert not faults, f"{len(faults)} of {len(jobs)} wrong:\n" + "\n".join(faults[:100])


def judged(result: dict, recording, client) -> str | None:
    if (error := result.get("error")) is None:
        return told_fault(Told(**result["told"]), recording, client)
    return error_fault(f"{error['name']}: {error['message']}", recording, client)


@pytest.mark.parametrize("client", CLIENTS)
def test_an_answer_crosses_to_node(sdks, client):
    node_report(sdks, [("whole", r, c) for name, c in CASES if c == client for r in wholes(name)])


@pytest.mark.parametrize("client", CLIENTS)
def test_a_stream_crosses_to_node(sdks, client):
    ways = ("streamed", "helped")
    node_report(sdks, [(w, r, c) for name, c in CASES if c == client for r in streams(name) for w in ways])


@pytest.mark.parametrize("client", CLIENTS)
def test_an_answer_crosses_to_node_as_a_stream(careless, client):
    node_report(careless, [("helped", r, c) for name, c in CASES if c == client for r in wholes(name)])


@pytest.mark.parametrize("client", CLIENTS)
def test_a_stream_crosses_to_node_as_an_answer(careless, client):
    node_report(careless, [("whole", r, c) for name, c in CASES if c == client for r in streams(name)])
