"""A small HTTP/1.1 client that keeps every byte and says how an answer ended, which the libraries smooth over."""

import socket
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

#: No answer in these tests takes longer; what does is a hang.
DEADLINE = 30.0
#: More would only queue up: there are two cores for the tests, the gateway and the upstream together.
THREADS = 12


@dataclass
class Answer:
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    #: Whether the body came to the end that its framing promised.
    whole: bool = False
    #: Why not.
    broke: str = ""
    #: Status lines of interim answers.
    interim: list[int] = field(default_factory=list)

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key == name]
        return found[0] if found else None

    @property
    def plain(self) -> bytes:
        """The body, decompressed."""
        if self.header("content-encoding") == "gzip":
            return zlib.decompressobj(31).decompress(self.body)
        return self.body

    def __str__(self) -> str:
        return f"{self.status}, {len(self.body)} bytes, {'whole' if self.whole else self.broke}: …{self.body[-300:]!r}"


class Broken(Exception):
    pass


class Reader:
    """What comes from a socket, with a deadline for all of it."""

    def __init__(self, connection: socket.socket, deadline: float):
        self.connection, self.deadline, self.buffer = connection, deadline, bytearray()

    def more(self):
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Broken("HANG")
        self.connection.settimeout(left)
        try:
            data = self.connection.recv(1 << 18)
        except TimeoutError:
            raise Broken("HANG") from None
        except OSError as error:
            raise Broken(f"{error.__class__.__name__}") from None
        if not data:
            raise Broken("closed")
        self.buffer += data

    def until(self, mark: bytes) -> bytes:
        start = 0
        while (end := self.buffer.find(mark, start)) < 0:
            start = max(0, len(self.buffer) - len(mark))
            self.more()
        found = bytes(self.buffer[:end])
        del self.buffer[: end + len(mark)]
        return found


_mine = threading.local()


def ask(port: int, path: str, body: bytes, headers: dict[str, str], timeout: float = DEADLINE) -> Answer:
    """POSTs, over this thread's connection if it has one that is still good."""
    connections: dict[int, socket.socket] = _mine.__dict__.setdefault("connections", {})
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: {len(body)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
    request = head.encode("latin-1") + body
    while True:
        used = connections.pop(port, None)
        try:
            connection = used or socket.create_connection(("127.0.0.1", port), timeout=timeout)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(request)
        except OSError:
            if used:
                continue
            raise
        answer = Answer()
        reader = Reader(connection, time.monotonic() + timeout)
        try:
            keep = _read(reader, answer)
        except Broken as broken:
            connection.close()
            if used and not answer.status and str(broken) != "HANG":
                continue  # it was closed while it lay here
            answer.broke = str(broken)
            return answer
        answer.whole = True
        if keep and not reader.buffer:
            connections[port] = connection
        else:
            assert not (keep and reader.buffer), f"bytes after the end of an answer: {bytes(reader.buffer[:200])!r}"
            connection.close()
        return answer


def _read(reader: Reader, answer: Answer) -> bool:
    while True:
        lines = reader.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        if status >= 200:
            break
        answer.interim.append(status)
    answer.status = status
    for line in lines[1:]:
        name, _, value = line.partition(":")
        answer.headers.append((name.lower(), value.strip()))
    keep = (answer.header("connection") or "").lower() != "close"
    pieces: list[bytes] = []
    try:
        if "chunked" in (answer.header("transfer-encoding") or ""):
            while size := int(reader.until(b"\r\n"), 16):
                while len(reader.buffer) < size + 2:
                    reader.more()
                pieces.append(bytes(reader.buffer[:size]))
                del reader.buffer[: size + 2]
            while reader.until(b"\r\n"):
                pass
        elif (length := answer.header("content-length")) is not None:
            while len(reader.buffer) < int(length):
                reader.more()
            pieces.append(bytes(reader.buffer[: int(length)]))
            del reader.buffer[: int(length)]
        else:
            keep = False
            try:
                while True:
                    reader.more()
            except Broken as broken:
                if str(broken) != "closed":
                    raise
            pieces.append(bytes(reader.buffer))
            reader.buffer.clear()
    except Broken:
        pieces.append(bytes(reader.buffer))
        raise
    except ValueError as error:
        raise Broken(f"bad chunk: {error}") from None
    finally:
        answer.body = b"".join(pieces)
    return keep


_pool = ThreadPoolExecutor(THREADS)


def each(function, items) -> list:
    """The results of all items, worked on in parallel, in order."""
    return list(_pool.map(function, items))
