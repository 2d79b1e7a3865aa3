"""Recordings asked for in other dialects than their own: a gateway with a provider of every wire, and what a client of
each dialect must be told. The recordings' own reader says what they hold; only words are put into other words here."""

import base64
import functools
import hashlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import reading
import tape
from dialects import CLIENTS, Told
from tape import Recording

#: Recorded wires, and the provider that plays each.
PROVIDERS = {
    "openai.chat": "chat",
    "openai.responses": "responses",
    "anthropic.messages": "anthropic",
    "gemini.generate": "gemini",
    "gemini.stream": "gemini",
    "bedrock.converse": "bedrock",
    "bedrock.converse-stream": "bedrock",
    "cohere.chat.v2": "cohere",
}

PROVIDER_CONFIG = """
keys: [{name: test, secret: "${GATEWAY_KEY}"}]
limits: {body: 60MiB}
providers:
  chat: {kind: openai, base_url: "${UPSTREAM}/v1", api_key: sk-up, responses: false}
  responses: {kind: openai, base_url: "${UPSTREAM}/v1", api_key: sk-up, chat_api: responses}
  anthropic: {kind: anthropic, base_url: "${UPSTREAM}", api_key: sk-up}
  gemini: {kind: gemini, base_url: "${UPSTREAM}", api_key: sk-up}
  bedrock: {kind: bedrock, base_url: "${UPSTREAM}", api_key: sk-up}
  cohere: {kind: cohere, base_url: "${UPSTREAM}", api_key: sk-up}
"""


def configure(folder: Path) -> Path:
    """Writes the configuration. OpenAI clients are converted only where a model has no API of theirs: so the catalogue
    says that the models of the recorded responses have the responses API only."""
    names = sorted({recording.model for recording in good("openai.responses")})
    models = {"provider": "openai", "models": [{"name": name, "apis": ["responses"]} for name in names]}
    (folder / "models.yaml").write_text(json.dumps(models))
    path = folder / "gateway.yaml"
    path.write_text(f"models: [{json.dumps(str(folder / 'models.yaml'))}]\n{PROVIDER_CONFIG}")
    return path


def model_of(recording: Recording) -> str:
    path = recording.raw["request"]["path"]
    if recording.wire.startswith("bedrock"):
        name = unquote(path.split("/model/", 1)[1].rsplit("/", 1)[0])
    elif recording.wire.startswith("cohere"):
        name = recording.raw["request"]["body"]["model"]
    else:
        name = recording.model
    return f"{PROVIDERS[recording.wire]}/{name}"


def good(name: str) -> list[Recording]:
    return [r for r in tape.recordings(name) if r.status == 200]


def is_own(client: str, wire: str) -> bool:
    """Whether a client speaks the wire itself, so that nothing is converted."""
    return wire.startswith(client)


@functools.cache
def crossings() -> tuple[tuple[Recording, str], ...]:
    """Every good recording with each client that speaks another dialect."""
    return tuple((r, client) for name in PROVIDERS for r in good(name) for client in CLIENTS if not is_own(client, name))


# ---- what recordings hold -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """What a recording holds, in words that belong to no dialect."""

    text_len: int
    text_sha256: str
    tools: tuple[dict, ...]
    sense: str
    usage: dict | None


def text_mark(text: str) -> tuple[int, str]:
    return len(text), hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def held(recording: Recording) -> Held:
    if recording.expect is not None:
        expect = reading.comparable(recording.expect)
        mark = expect["text_len"], expect["text_sha256"]
        tools, stop = expect.get("tool_calls") or [], expect["stop"]
        usage = reading.normalised(recording.wire, expect["usage"])
        if (cached := (expect["usage"] or {}).get("num_cached_tokens")) is not None:
            usage.setdefault("cache_read", cached)  # Mistral
    else:
        read = bedrock if recording.wire.startswith("bedrock") else cohere
        text, tools, stop, usage = read(recording)
        mark = text_mark(text)
    return Held(*mark, tuple(tools), sense(recording.wire, stop, bool(tools)), usage)


def bedrock(recording: Recording) -> tuple[str, list[dict], str, dict]:
    response = recording.raw["response"]
    if recording.streamed:
        text, calls, stop, usage = "", {}, "", {}
        for kind, data in amazon_events(base64.b64decode(response["body_base64"])):
            if kind == "contentBlockStart" and "toolUse" in data["start"]:
                call = data["start"]["toolUse"]
                calls[data["contentBlockIndex"]] = {"id": call["toolUseId"], "name": call["name"], "arguments": ""}
            elif kind == "contentBlockDelta":
                text += data["delta"].get("text", "")
                if "toolUse" in data["delta"]:
                    calls[data["contentBlockIndex"]]["arguments"] += data["delta"]["toolUse"]["input"]
            elif kind == "messageStop":
                stop = data["stopReason"]
            elif kind == "metadata":
                usage = data["usage"]
        tools = [{**call, "arguments": json.loads(call["arguments"] or "{}")} for call in calls.values()]
    else:
        body = response["body"]
        blocks = body["output"]["message"]["content"]
        text = "".join(block.get("text", "") for block in blocks)
        calls = [block["toolUse"] for block in blocks if "toolUse" in block]
        # What ran at the provider is no call for the client.
        calls = [call for call in calls if call.get("type") != "server_tool_use"]
        tools = [{"id": call["toolUseId"], "name": call["name"], "arguments": call["input"]} for call in calls]
        stop, usage = body["stopReason"], body["usage"]
    read, write = usage.get("cacheReadInputTokens"), usage.get("cacheWriteInputTokens")
    counts = {
        "input": usage["inputTokens"] + (read or 0) + (write or 0),
        "output": usage["outputTokens"],
        "cache_read": read,
        "cache_write": write,
    }
    return text, tools, stop, {name: count for name, count in counts.items() if count is not None}


def amazon_events(raw: bytes):
    """The events of Amazon's binary stream: their kind and their JSON. Checksums are the gateway's business.
    https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html"""
    while raw:
        total, heads = struct.unpack(">II", raw[:8])
        head, body = raw[12 : 12 + heads], raw[12 + heads : total - 4]
        names = {}
        while head:
            name = head[1 : 1 + head[0]].decode()
            size = int.from_bytes(head[2 + head[0] : 4 + head[0]])  # all values are strings here
            names[name] = head[4 + head[0] : 4 + head[0] + size].decode()
            head = head[4 + head[0] + size :]
        yield names[":event-type"], json.loads(body)
        raw = raw[total:]


def events_in(recording: Recording) -> int:
    response = recording.raw["response"]
    if "sse_text" in response:
        return len(reading.events(response["sse_text"]))
    return len(list(amazon_events(base64.b64decode(response["body_base64"]))))


def cohere(recording: Recording) -> tuple[str, list[dict], str, dict]:
    body = recording.raw["response"]["body"]
    message = body["message"]
    tools = [
        {"id": call["id"], "name": call["function"]["name"], "arguments": json.loads(call["function"]["arguments"])}
        for call in message.get("tool_calls") or []
    ]
    counts = body["usage"]["tokens"]
    usage = {"input": counts["input_tokens"], "output": counts["output_tokens"]}
    if (cached := body["usage"].get("cached_tokens")) is not None:
        usage["cache_read"] = cached
    return reading.parts_text(message.get("content")), tools, body["finish_reason"], usage


def sense(wire: str, stop: str | None, calls: bool) -> str:
    """Why an answer ended, in canonical words."""
    word = {
        None: "stop",
        "": "stop",
        # chat completions
        "stop": "stop",
        "length": "length",
        "tool_calls": "tool_calls",
        # responses
        "completed": "stop",
        "complete": "stop",
        "queued": "queued",
        # Anthropic and Bedrock
        "end_turn": "stop",
        "tool_use": "tool_calls",
        "stop_sequence": "stop_sequence",
        "max_tokens": "length",
        # Gemini
        "STOP": "stop",
        "MAX_TOKENS": "length",
        "SAFETY": "content_filter",
        "UNEXPECTED_TOOL_CALL": "malformed",
        # Cohere
        "COMPLETE": "stop",
        "TOOL_CALL": "tool_calls",
        "STOP_SEQUENCE": "stop_sequence",
    }[stop]
    # Gemini and the responses API have no word of their own for calls.
    return "tool_calls" if calls and word == "stop" else word


# ---- what a client must be told -------------------------------------------------------------------------------------

#: The words of each client's dialect for the end of an answer. `queued` is the receipt for a background response, which
#: nobody of another dialect can ask for: the recordings have some, and they end somehow.
FINISH = {
    "openai.chat": {
        "stop": "stop",
        "stop_sequence": "stop",
        "length": "length",
        "tool_calls": "tool_calls",
        "content_filter": "content_filter",
        "malformed": "stop",
        "queued": "stop",
    },
    "openai.responses": {
        "stop": "completed",
        "stop_sequence": "completed",
        "length": "incomplete:max_output_tokens",
        "tool_calls": "completed",
        "content_filter": "incomplete:content_filter",
        "malformed": "incomplete:unexpected_tool_call",  # the only one that was recorded
    },
    "anthropic.messages": {
        "stop": "end_turn",
        "stop_sequence": "stop_sequence",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "content_filter": "refusal",
        "malformed": "end_turn",
        "queued": "end_turn",
    },
    "gemini": {
        "stop": "STOP",
        "stop_sequence": "STOP",
        "length": "MAX_TOKENS",
        "tool_calls": "STOP",
        "content_filter": "SAFETY",
        "malformed": "MALFORMED_FUNCTION_CALL",
        "queued": "OTHER",
    },
}


#: Usage that a dialect cannot say.
USAGE_UNSAYABLE = {
    # OpenRouter counts the same 2161 of 2168 tokens as read from the cache and as written to it. Anthropic's three input
    # counts are disjoint.
    ("openrouter-a69d31a74604", "anthropic.messages"),
}

#: Streams that end with an error event of the provider: a client must be told that error, with this text in it.
ENDS_WITH_ERROR = {"groq-b75f859efbbd": "Tool call validation failed"}


def fault(recording: Recording, client: str, told: Told) -> str | None:
    """What is wrong with what a client was told of a recording, if anything is."""
    want = held(recording)
    wrong = []
    got_mark = text_mark(told.text)
    if got_mark != (want.text_len, want.text_sha256):
        head = (recording.expect or {}).get("text_head", "")[:60]
        wrong.append(f"text {got_mark} {told.text[:60]!r} instead of {(want.text_len, want.text_sha256)} {head!r}")
    wrong += tool_faults(told.tools, want.tools)
    if told.finish != FINISH[client][want.sense]:
        wrong.append(f"finish {told.finish!r} instead of {FINISH[client][want.sense]!r} ({want.sense})")
    if (recording.id, client) not in USAGE_UNSAYABLE:
        wrong += usage_faults(client, told.usage, want.usage)
    return f"{recording.id} ({recording.wire}) for {client}: " + "; ".join(wrong) if wrong else None


def tool_faults(got: list[dict], want: tuple[dict, ...]):
    if [call["name"] for call in got] != [call["name"] for call in want]:
        yield f"calls {got} instead of {want}"
        return
    ids = [call["id"] for call in got]
    if not all(ids) or len(set(ids)) != len(ids):
        yield f"ids of calls {ids}"
    for mine, theirs in zip(got, want):
        arguments = reading.as_json(mine["arguments"])
        if arguments != (theirs["arguments"] or {}):
            yield f"arguments {arguments} instead of {theirs['arguments']}"
        if theirs["id"] and mine["id"] != theirs["id"]:
            yield f"id {mine['id']} instead of {theirs['id']}"


def usage_faults(client: str, got: dict, want: dict | None):
    try:
        counts = reading.normalised("gemini.stream" if client == "gemini" else client, got) or {}
    except TypeError:
        yield f"usage {got} that lacks a count"
        return
    want = want or {}
    for name in ("input", "output", "cache_read", "cache_write", "reasoning"):
        if (client, name) == ("gemini", "cache_write"):
            continue  # its dialect has no word for it
        # What was not told is 0 in dialects that demand a count.
        if (counts.get(name) or 0) != (want.get(name) or 0):
            yield f"{name} tokens {counts.get(name)} instead of {want.get(name)}"
