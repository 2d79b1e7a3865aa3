"""The configuration that must work as it stands: check, the pool of two, the routes."""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from processes import KEY, Gateway, Replay, binary

pytestmark = pytest.mark.usefixtures("shared")


def test_the_acceptance_configuration_is_good(acceptance):
    done = subprocess.run([binary(), "check", "-c", acceptance], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert "5 provider(s), 2 route(s), 1 key(s)" in done.stdout


def test_check_tells_everything_that_is_wrong(acceptance, tmp_path):
    text = acceptance.read_text().replace("pool/gpt-4o-mini", "pol/gpt-4o-mini").replace("interval: 1s", "intervall: 1s")
    path = tmp_path / "gateway.yaml"
    path.write_text(text)
    done = subprocess.run([binary(), "check", "-c", path], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    for word in ("pol", "`pool`", "intervall", "`interval`", "gateway.yaml"):
        assert word in done.stderr, done.stderr


class Pool:
    """The acceptance configuration with an upstream of its own for each endpoint of the pool, and one for the rest."""

    def __init__(self, acceptance):
        self.a, self.b, self.rest = (Replay(recordings=False) for _ in range(3))
        env = {"UPSTREAM": self.rest.url, "UPSTREAM_A": self.a.url, "UPSTREAM_B": self.b.url}
        self.gateway = Gateway("run", "-c", str(acceptance), env=env)
        self.client = openai.OpenAI(base_url=self.gateway.url + "/v1", api_key=KEY, max_retries=0, timeout=20)
        self.wait(a=1, b=1)

    def stop(self):
        for process in (self.gateway, self.a, self.b, self.rest):
            process.stop()

    def wait(self, **up: int):
        """Waits until the health of the endpoints is as said."""
        ports = {"a": self.a.port, "b": self.b.port}
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            seen = {n: self.gateway.metric("sluicegate_endpoint_up", endpoint=f"127.0.0.1:{p}") for n, p in ports.items()}
            if all(seen[name] == value for name, value in up.items()):
                return
            time.sleep(0.05)
        raise AssertionError(f"endpoints are up: {seen}, awaited: {up}\n{self.gateway.errors()}")

    def ask(self, model: str, prompt: str = "echo this", **more):
        messages = [{"role": "user", "content": prompt}]
        raw = self.client.chat.completions.with_raw_response.create(model=model, messages=messages, **more)
        return raw.headers, raw.parse()

    def hits(self) -> tuple[int, int, int]:
        """Requests that each upstream got, health checks apart."""
        return tuple(
            sum(e["path"].endswith("/chat/completions") for e in r.log()) if r.process.poll() is None else -1
            for r in (self.a, self.b, self.rest)
        )

    def reset(self):
        for replay in (self.a, self.b, self.rest):
            if replay.process.poll() is None:
                replay.post("reset", {})


@pytest.fixture
def pool(acceptance):
    pool = Pool(acceptance)
    yield pool
    pool.stop()


@pytest.fixture(scope="module")
def failing_pool(acceptance):
    """A pool for tests in which both endpoints fail on command, and nobody dies."""
    pool = Pool(acceptance)
    yield pool
    pool.stop()


def test_least_busy_shares_by_weight_and_avoids_the_busy_one(pool):
    # Thirty requests at a time, each slow: twice as many for the endpoint of twice the weight.
    with ThreadPoolExecutor(30) as threads:
        slow = [threads.submit(pool.ask, "pool/gpt-4o-mini", "hello [[mode:slowheaders:800]]") for _ in range(30)]
        answers = [job.result() for job in slow]
    assert all(answer.choices[0].message.content for _, answer in answers)
    a, b, rest = pool.hits()
    assert (a + b, rest) == (30, 0) and 17 <= a <= 23, (a, b)

    # One of the two does not answer any more: what is new goes to the other.
    pool.reset()
    pool.a.post("faults", {"mode": "slowheaders:3000", "path": "chat/completions"})
    with ThreadPoolExecutor(12) as threads:
        jobs = []
        for _ in range(60):
            jobs.append(threads.submit(pool.ask, "pool/gpt-4o-mini"))
            time.sleep(0.01)
        [job.result() for job in jobs]
    a, b, _ = pool.hits()
    assert a + b == 60 and b > 3 * a, (a, b)


def test_health_takes_a_dead_endpoint_out_and_back_in(pool):
    port = pool.a.port
    pool.a.stop()
    # Not noticed yet: it is refused there, and answered by the other; nobody sees an error.
    for _ in range(3):
        headers, answer = pool.ask("pool/gpt-4o-mini")
        assert answer.choices[0].message.content == "echo this"
    pool.wait(a=0, b=1)
    attempts = [pool.ask("pool/gpt-4o-mini")[0]["x-sluicegate-attempts"] for _ in range(10)]
    assert attempts == ["1"] * 10

    pool.a = Replay(port, recordings=False)
    pool.wait(a=1, b=1)
    deadline = time.monotonic() + 10
    while pool.hits()[0] == 0 and time.monotonic() < deadline:
        pool.ask("pool/gpt-4o-mini")
    assert pool.hits()[0] > 0, "the endpoint that came back got nothing"


def test_a_stream_survives_the_death_of_one_endpoint_before_it_begins(pool):
    pool.a.stop()
    for _ in range(4):
        messages = [{"role": "user", "content": "echo this stream"}]
        stream = pool.client.chat.completions.create(model="pool/gpt-4o-mini", messages=messages, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        assert text == "echo this stream"


def test_the_fallback_route_goes_on_to_the_next_target(pool):
    headers, _ = pool.ask("fallback")
    assert headers["x-sluicegate-provider"] == "pool" and headers["x-sluicegate-attempts"] == "1"

    # Both endpoints of the pool fail: one try each, then the other provider.
    for replay in (pool.a, pool.b):
        replay.post("faults", {"mode": "503", "path": "chat/completions"})
    headers, answer = pool.ask("fallback")
    assert answer.choices[0].message.content == "echo this"
    assert headers["x-sluicegate-provider"] == "openai" and headers["x-sluicegate-attempts"] == "3"
    assert headers["x-sluicegate-model"] == "gpt-4o-mini"
    [entry] = [e for e in pool.rest.log() if e["path"].endswith("/chat/completions")]
    assert dict(entry["headers"])["authorization"] == "Bearer sk-upstream-openai"
    assert entry["body"]["model"] == "gpt-4o-mini"

    # 400 is the caller's own fault and is told at once.
    pool.reset()
    for replay in (pool.a, pool.b):
        replay.post("faults", {"mode": "400", "path": "chat/completions"})
    with pytest.raises(openai.BadRequestError):
        pool.ask("fallback")
    assert sum(pool.hits()) == 1


def test_the_fallback_route_with_the_whole_pool_dead(pool):
    pool.a.stop()
    pool.b.stop()
    began = time.monotonic()
    for _ in range(3):
        headers, answer = pool.ask("fallback")
        assert headers["x-sluicegate-provider"] == "openai"
    assert time.monotonic() - began < 5
    stream = pool.client.chat.completions.create(
        model="fallback", messages=[{"role": "user", "content": "echo"}], stream=True
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "echo"
    pool.rest.stop()
    with pytest.raises(openai.InternalServerError) as caught:
        pool.ask("fallback")
    assert caught.value.status_code == 502 and "127.0.0.1" not in json.dumps(caught.value.body)


@pytest.mark.parametrize("mode", ["429", "500", "529", "refuse", "midfail:0", "midfail:1", "cut:0", "rst:0", "html", "garbage"])
def test_a_stream_falls_back_silently_before_its_content(failing_pool, mode):
    pool = failing_pool
    pool.reset()
    for replay in (pool.a, pool.b):
        replay.post("faults", {"mode": mode, "path": "chat/completions"})
    messages = [{"role": "user", "content": "echo this"}]
    stream = pool.client.chat.completions.create(model="fallback", messages=messages, stream=True)
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "echo this"
    assert [chunk.choices[0].delta.role for chunk in chunks].count("assistant") == 1


def test_the_split_route_splits_by_weight(pool):
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: pool.ask("split"), range(400)))
    asked = [headers["x-sluicegate-model"] for headers, _ in answers]
    few = asked.count("gpt-4o")
    assert few + asked.count("gpt-4o-mini") == 400
    # Ten in a hundred; five standard deviations are thirty.
    assert 10 <= few <= 70, few
    models = [e["body"]["model"] for e in pool.rest.log() if e["path"].endswith("/chat/completions")]
    assert models.count("gpt-4o") == few


def test_a_reload_by_signal_keeps_the_streams(acceptance, tmp_path):
    """The acceptance configuration, copied and changed while streams flow."""
    path = tmp_path / "gateway.yaml"
    path.write_text(acceptance.read_text())
    with Replay(recordings=False) as upstream, Gateway("run", "-c", str(path), env={"UPSTREAM": upstream.url}) as gateway:
        client = openai.OpenAI(base_url=gateway.url + "/v1", api_key=KEY, max_retries=0, timeout=20)

        def stream(_) -> str:
            messages = [{"role": "user", "content": "word " * 40 + "[[mode:delay:30]]"}]
            chunks = client.chat.completions.create(model="openai/m", messages=messages, stream=True)
            return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

        with ThreadPoolExecutor(20) as threads:
            jobs = [threads.submit(stream, n) for n in range(20)]
            time.sleep(0.3)
            before = gateway.metric("sluicegate_config_reloads_total", outcome="applied")
            path.write_text(path.read_text() + "  added:\n    targets: [openai/gpt-4o-mini]\n")
            deadline = time.monotonic() + 10
            while gateway.metric("sluicegate_config_reloads_total", outcome="applied") == before:
                assert time.monotonic() < deadline, gateway.errors()
                time.sleep(0.05)
            texts = [job.result() for job in jobs]
        assert all(text.count("word") == 40 for text in texts)
        assert client.chat.completions.create(model="added", messages=[{"role": "user", "content": "x"}]).choices

        path.write_text("nonsense: true\n")
        deadline = time.monotonic() + 10
        while not gateway.metric("sluicegate_config_stale"):
            assert time.monotonic() < deadline, gateway.errors()
            time.sleep(0.05)
        assert client.chat.completions.create(model="added", messages=[{"role": "user", "content": "x"}]).choices
