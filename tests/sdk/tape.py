"""The recordings, and how to ask for them: directly of the replaying upstream, or through the gateway."""

import functools
import json
from dataclasses import dataclass

import wire
from processes import KEY, SHARED
from wire import Answer

WIRES = (
    "openai.chat",
    "openai.responses",
    "openai.embeddings",
    "anthropic.messages",
    "anthropic.count_tokens",
    "gemini.generate",
    "gemini.stream",
    "gemini.count_tokens",
    "gemini.embed",
)
STREAMED = ("openai.chat", "openai.responses", "anthropic.messages", "gemini.stream")


@dataclass(frozen=True)
class Recording:
    raw: dict

    @property
    def id(self) -> str:
        return self.raw["id"]

    @property
    def wire(self) -> str:
        return self.raw["wire"]

    @property
    def streamed(self) -> bool:
        return self.raw["stream"]

    @property
    def status(self) -> int:
        return self.raw["response"]["status"]

    @property
    def expect(self) -> dict | None:
        return self.raw.get("expect")

    @property
    def model(self) -> str:
        """As its provider calls it."""
        if self.wire.startswith("gemini"):
            return self.raw["request"]["path"].rsplit("/models/", 1)[1].split(":")[0]
        return self.raw["request"]["body"]["model"]

    @property
    def provider(self) -> str:
        """The provider of the acceptance configuration that plays it."""
        return "mistral" if self.raw["provider"] == "mistral" else self.wire.split(".")[0]

    @property
    def query(self) -> str:
        query = self.raw["request"]["query"]
        return f"?{query}" if query else ""

    @property
    def path(self) -> str:
        """Where the SDK of this dialect asks, but for a Gemini model's name."""
        return {
            "openai.chat": "/v1/chat/completions",
            "openai.responses": "/v1/responses",
            "openai.embeddings": "/v1/embeddings",
            "anthropic.messages": "/v1/messages",
            "anthropic.count_tokens": "/v1/messages/count_tokens",
        }.get(self.wire) or "/v1beta/models/{}:" + self.raw["request"]["path"].rsplit(":", 1)[1]

    def request(self, model: str, prompt: str, **more) -> tuple[str, bytes]:
        """Path and body of a small request of this wire."""
        body: dict = {} if self.wire.startswith("gemini") else {"model": model}
        if self.wire.startswith("gemini"):
            body["contents"] = [{"role": "user", "parts": [{"text": prompt}]}]
        elif self.wire == "openai.responses":
            body["input"] = prompt
        elif self.wire == "openai.embeddings":
            body["input"] = [prompt]
        else:
            body["messages"] = [{"role": "user", "content": prompt}]
        if self.wire == "anthropic.messages":
            body["max_tokens"] = 1024
        if self.streamed and not self.wire.startswith("gemini"):
            body["stream"] = True
        return self.path.format(model) + self.query, json.dumps({**body, **more}).encode()


@functools.cache
def recordings(name: str) -> tuple[Recording, ...]:
    with open(SHARED / "cassettes" / f"{name}.jsonl", encoding="utf-8") as lines:
        return tuple(Recording(json.loads(line)) for line in lines)


def streams(name: str) -> list[Recording]:
    return [r for r in recordings(name) if r.streamed]


def wholes(name: str, count: int) -> list[Recording]:
    """Some good answers that are not streamed, spread over the file."""
    found = [r for r in recordings(name) if not r.streamed and r.status == 200]
    return found[:: max(1, len(found) // count)][:count]


def prompt(recording: Recording, mode: str = "") -> str:
    return f"[[replay:{recording.id}]]" + (f"[[mode:{mode}]]" if mode else "")


#: So that OpenAI's usage chunk comes through, and nothing is changed.
ASKED = {"stream_options": {"include_usage": True}}


def play(port: int, recording: Recording, mode: str = "", usage: bool = True, timeout=wire.DEADLINE, **headers) -> Answer:
    """Asks the gateway for a recording."""
    more = ASKED if usage and recording.streamed and recording.wire == "openai.chat" else {}
    path, body = recording.request(f"{recording.provider}/{recording.model}", prompt(recording, mode), **more)
    return wire.ask(port, path, body, credentials(recording.wire) | headers, timeout)


def direct(port: int, recording: Recording, mode: str = "") -> Answer:
    """Asks the upstream for a recording, as the gateway should."""
    path, body = recording.request(recording.model, prompt(recording, mode))
    return wire.ask(port, path, body, {"content-type": "application/json"})


def credentials(name: str) -> dict[str, str]:
    """The gateway's key, where the SDK of the wire puts it."""
    place = {
        "openai": {"authorization": f"Bearer {KEY}"},
        "anthropic": {"x-api-key": KEY, "anthropic-version": "2023-06-01"},
        "gemini": {"x-goog-api-key": KEY},
    }
    return {"content-type": "application/json", **place[name.split(".")[0]]}
