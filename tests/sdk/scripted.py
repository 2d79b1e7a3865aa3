"""Upstreams of our own: one that plays recordings in whatever form they have, and one that says what a test tells it."""

import base64
import http.server
import json
import re
import threading
from dataclasses import dataclass, field

import crossing


@dataclass
class Reply:
    """An answer. Of a body in pieces each is sent as a chunk of its own, and `None` breaks the connection."""

    body: object = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "application/json"


class Scripted:
    """An HTTP server on a free port. `answer` is asked with the path, the headers and the body of each request."""

    def __init__(self, answer=None):
        if answer is not None:
            self.answer = answer
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _handler(scripted):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = scripted.answer(self.path, headers, body)
                body = reply.body
                if isinstance(body, (dict, list)):
                    body = json.dumps(body).encode()
                whole = isinstance(body, bytes)
                self.send_response(reply.status)
                length = {"content-length": str(len(body))} if whole else {"transfer-encoding": "chunked"}
                for name, value in {"content-type": reply.kind, **reply.headers, **length}.items():
                    self.send_header(name, value)
                self.end_headers()
                if whole:
                    self.wfile.write(body)
                    return
                for piece in body:
                    if piece is None:
                        self.close_connection = True
                        return
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")

            do_GET = do_POST

            def log_message(self, *_):
                pass

        return Handler

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


class Recorded(Scripted):
    """Plays the recording that `[[replay:ID]]` in the body names, whether a stream was asked for or not."""

    def __init__(self):
        self._by_id = {r.id: r for name in crossing.PROVIDERS for r in crossing.good(name)}
        super().__init__()

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Reply:
        recording = self._by_id[re.search(rb"\[\[replay:([^\]]+)\]\]", body)[1].decode()]
        response = recording.raw["response"]
        if "sse_text" in response:
            return Reply(response["sse_text"].encode(), kind="text/event-stream")
        if "body_base64" in response:
            return Reply(base64.b64decode(response["body_base64"]), kind="application/vnd.amazon.eventstream")
        if ":streamGenerateContent" in path:
            # A whole answer of Gemini is what the only event of a stream would be.
            return Reply(b"data: %b\r\n\r\n" % json.dumps(response["body"]).encode(), kind="text/event-stream")
        return Reply(response["body"])
