"""The programs under test and around it: the gateway, the replaying upstream, and an upstream that only listens."""

import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("SLUICEGATE_SHARED") or ROOT.parent / "shared").resolve()
KEY = "sk-gateway-test"


def binary() -> Path:
    """The gateway to test: SLUICEGATE_BIN, else the debug build."""
    if named := os.environ.get("SLUICEGATE_BIN"):
        return Path(named)
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    return target / "debug" / "sluicegate"


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


def get(url: str, timeout: float = 5) -> bytes:
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read()


class Gateway:
    """A running gateway, on free ports of loopback."""

    def __init__(self, *command: str, env: dict[str, str] | None = None):
        for attempt in range(3):
            # Between looking for a free port and taking it, somebody else may: then once more.
            self.port, self.admin_port = free_ports(2)
            if self._start(command, env or {}):
                return
        raise RuntimeError(f"the gateway did not start: {self.errors()}")

    def _start(self, command: tuple[str, ...], env: dict[str, str]) -> bool:
        self._errors = tempfile.NamedTemporaryFile("w+", prefix="sluicegate-", suffix=".log")
        self._records: dict[str, dict] = {}
        self._told = threading.Condition()
        self.banner = ""
        program = [str(binary()), *command, "--listen", self.address, "--admin", self.admin_address]
        self.process = subprocess.Popen(
            program,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "GATEWAY_KEY": KEY, **env},
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                get(f"http://{self.admin_address}/readyz", timeout=1)
                # It says so some milliseconds before it listens.
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return True
            except OSError:
                time.sleep(0.02)
        self.stop()
        return False

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def admin_address(self) -> str:
        return f"127.0.0.1:{self.admin_port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def _read(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                record = json.loads(line)
                with self._told:
                    self._records[record["request_id"]] = record
                    self._told.notify_all()
            else:
                self.banner += line

    def record(self, request_id: str, timeout: float = 10) -> dict:
        """The line of the access log for a request; it is written a moment after the answer."""
        with self._told:
            if not self._told.wait_for(lambda: request_id in self._records, timeout):
                raise AssertionError(f"no line in the access log for {request_id}")
            return self._records[request_id]

    def metrics(self) -> dict[str, float]:
        """Every series of /metrics with its value."""
        text = get(f"http://{self.admin_address}/metrics").decode()
        lines = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in lines}

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all series of that name with these labels."""
        want = {f'{key}="{value}"' for key, value in labels.items()}
        return sum(
            value
            for series, value in self.metrics().items()
            if series.split("{")[0] == name and want <= set(re.findall(r'\w+="[^"]*"', series))
        )

    def errors(self) -> str:
        """The end of what it wrote to standard error."""
        return Path(self._errors.name).read_text()[-4000:]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Replay:
    """shared/tools/replay_upstream.py, with the development recordings or as an echo only."""

    def __init__(self, port: int = 0, recordings: bool = True):
        cassettes = ["--cassettes", str(SHARED / "cassettes")] if recordings else []
        self.process = subprocess.Popen(
            [sys.executable, str(SHARED / "tools" / "replay_upstream.py")]
            + [*cassettes, "--port", str(port), "--echo"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        line = self.process.stdout.readline()
        if not (found := re.search(r":(\d+)$", line.strip())):
            raise RuntimeError(f"replay_upstream.py did not start: {line!r}")
        self.port = int(found[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log(self, since: int = 0) -> list[dict]:
        return json.loads(get(f"{self.url}/__replay/log?since={since}", timeout=30))

    def stats(self) -> dict:
        return json.loads(get(f"{self.url}/__replay/stats"))

    def post(self, what: str, value) -> None:
        body = json.dumps(value).encode()
        request = urllib.request.Request(f"{self.url}/__replay/{what}", data=body, method="POST")
        urllib.request.urlopen(request, timeout=5).read()

    def stop(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Listener:
    """An upstream that keeps the very bytes it gets, and answers what it is told to."""

    def __init__(self):
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.status, self.headers, self.body = 200, {}, b"{}"
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _handler(listener):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                listener.requests.append((self.path, headers, body))
                self.send_response(listener.status)
                answer = {"content-type": "application/json", **listener.headers}
                for name, value in answer.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(listener.body)))
                self.end_headers()
                self.wfile.write(listener.body)

            def log_message(self, *_):
                pass

        return Handler

    def answer(self, status: int, body=None, **headers: str):
        """What to answer from now on; forgets the requests so far."""
        self.requests.clear()
        self.status, self.body = status, json.dumps(body if body is not None else {}).encode()
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
