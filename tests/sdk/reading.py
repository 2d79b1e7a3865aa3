"""What an answer says, read by a second reader that shares nothing with the gateway's: text, tool calls, the reason
for its end, usage; and what the gateway's own record of the usage must then be."""

import hashlib
import json
from dataclasses import dataclass, field


def events(text: str) -> list[tuple[str, str]]:
    """The (event, data) pairs of server-sent events, by the rules of the WHATWG's specification.

    Frames without data are none. A last one without its blank line is taken too, as the SDKs do.
    """
    found, event, data = [], "", []
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for line in [*lines, ""]:
        if not line:
            if data:
                found.append((event, "\n".join(data)))
            event, data = "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            event = value
    return found


def parsed(text: str) -> list[tuple[str, object]]:
    """Events with their data parsed, so that white space inside the JSON makes no difference."""
    return [(event, as_json(data)) for event, data in events(text)]


def as_json(data):
    try:
        return json.loads(data)
    except (TypeError, ValueError):
        return data


@dataclass
class Reading:
    text: str = ""
    stop: str | None = None
    usage: dict | None = None
    thinking: str = ""
    tools: list[dict] = field(default_factory=list)

    def as_expected(self) -> dict:
        """In the words of the recordings' `expect`."""
        said = {
            "text_len": len(self.text),
            "text_sha256": hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()[:16],
            "text_head": self.text[:100],
            "stop": self.stop or None,
            "usage": self.usage,
        }
        if self.thinking:
            said["thinking_len"] = len(self.thinking)
        if self.tools:
            said["tool_calls"] = [{**call, "id": call["id"] or None} for call in self.tools]
        return comparable(said)


def comparable(expect: dict) -> dict:
    """`expect` with the arguments of tool calls parsed: some wires carry them as text, some as JSON."""
    calls = expect.get("tool_calls") or []
    return {
        **expect,
        **({"tool_calls": [{**call, "arguments": as_json(call["arguments"])} for call in calls]} if calls else {}),
    }


def read(wire: str, streamed: bool, body: str) -> Reading:
    """Reads an answer of one of the wires of the recordings."""
    if streamed:
        values = [data for _, data in parsed(body) if isinstance(data, dict)]
        return {
            "openai.chat": chat_stream,
            "openai.responses": responses_stream,
            "anthropic.messages": messages_stream,
            "gemini.stream": gemini,
        }[wire](values)
    value = json.loads(body)
    if wire == "openai.chat":
        return chat(value)
    if wire == "openai.responses":
        return responses(value)
    if wire == "anthropic.messages":
        return messages(value)
    if wire in ("gemini.generate", "gemini.embed"):
        return gemini([value])
    return Reading()  # embeddings and counts have no text; their bytes are compared


def parts_text(content) -> str:
    """Text that may be a string or a list of typed parts."""
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content or [] if part.get("type") == "text")


def reasoning(message: dict) -> str:
    return message.get("reasoning_content") or message.get("reasoning") or ""


def chat(value: dict) -> Reading:
    choice = (value.get("choices") or [{}])[0]
    message = choice.get("message") or {}
    return Reading(
        text=parts_text(message.get("content")),
        stop=choice.get("finish_reason"),
        usage=value.get("usage"),
        thinking=reasoning(message),
        tools=[
            {"id": call.get("id"), "name": call["function"]["name"], "arguments": call["function"]["arguments"]}
            for call in message.get("tool_calls") or []
            if "function" in call
        ],
    )


def chat_stream(chunks: list[dict]) -> Reading:
    got, calls = Reading(), {}
    for chunk in chunks:
        usage = chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage")
        got.usage = usage or got.usage
        for choice in chunk.get("choices") or []:
            delta = choice.get("delta") or {}
            got.text += parts_text(delta.get("content"))
            got.thinking += reasoning(delta)
            got.stop = choice.get("finish_reason") or got.stop
            for call in delta.get("tool_calls") or []:
                known = calls.setdefault(call.get("index", 0), {"id": None, "name": "", "arguments": ""})
                known["id"] = call.get("id") or known["id"]
                function = call.get("function") or {}
                known["name"] += function.get("name") or ""
                known["arguments"] += function.get("arguments") or ""
    got.tools = list(calls.values())
    return got


def responses(value: dict) -> Reading:
    got = Reading(stop=value.get("status"), usage=value.get("usage"))
    for item in value.get("output") or []:
        if item["type"] == "message":
            got.text += "".join(part["text"] for part in item["content"] if part["type"] == "output_text")
        elif item["type"] == "function_call":
            got.tools.append({"id": item["call_id"], "name": item["name"], "arguments": item["arguments"]})
    return got


def responses_stream(values: list[dict]) -> Reading:
    last = [value for value in values if value.get("type", "").split(".")[-1] in ("completed", "incomplete", "failed")]
    last = [value for value in last if "response" in value]
    got = responses(last[-1]["response"]) if last else Reading()
    got.text = "".join(value["delta"] for value in values if value.get("type") == "response.output_text.delta")
    return got


def messages(value: dict) -> Reading:
    got = Reading(stop=value.get("stop_reason"), usage=value.get("usage"))
    for block in value.get("content") or []:
        if block["type"] == "text":
            got.text += block["text"]
        elif block["type"] == "thinking":
            got.thinking += block["thinking"]
        elif block["type"] == "tool_use":
            got.tools.append({"id": block["id"], "name": block["name"], "arguments": block["input"]})
    return got


def messages_stream(values: list[dict]) -> Reading:
    got, tools = Reading(), {}
    for value in values:
        kind = value.get("type")
        if kind == "message_start":
            got.usage = dict(value["message"].get("usage") or {})
        elif kind == "content_block_start" and value["content_block"]["type"] == "tool_use":
            block = value["content_block"]
            tools[value["index"]] = {"id": block["id"], "name": block["name"], "arguments": ""}
        elif kind == "content_block_delta":
            delta = value["delta"]
            got.text += delta.get("text", "") if delta["type"] == "text_delta" else ""
            got.thinking += delta.get("thinking", "")
            if delta["type"] == "input_json_delta" and value["index"] in tools:
                tools[value["index"]]["arguments"] += delta["partial_json"]
        elif kind == "message_delta":
            got.stop = value["delta"].get("stop_reason") or got.stop
            got.usage = {**(got.usage or {}), **(value.get("usage") or {})}
    got.tools = [{**tool, "arguments": json.loads(tool["arguments"] or "{}")} for tool in tools.values()]
    return got


def gemini(values: list[dict]) -> Reading:
    got = Reading()
    for value in values:
        got.usage = value.get("usageMetadata") or got.usage
        candidate = (value.get("candidates") or [{}])[0]
        got.stop = candidate.get("finishReason") or got.stop
        for part in (candidate.get("content") or {}).get("parts") or []:
            if part.get("thought"):
                got.thinking += part.get("text", "")
            else:
                got.text += part.get("text", "")
            if call := part.get("functionCall"):
                got.tools.append({"id": None, "name": call["name"], "arguments": call.get("args", {})})
    return got


def normalised(wire: str, usage: dict | None) -> dict | None:
    """What the gateway must record for a provider's usage: `input` includes what was read from and written to a
    cache, `output` includes reasoning; what was not told is not there."""
    if not usage:
        return None
    number = lambda *path: number_at(usage, path)  # noqa: E731
    if wire.startswith("openai"):
        record = {
            "input": first(number("prompt_tokens"), number("input_tokens")),
            "output": first(number("completion_tokens"), number("output_tokens")),
            "cache_read": first(
                number("prompt_tokens_details", "cached_tokens"),
                number("input_tokens_details", "cached_tokens"),
                number("prompt_cache_hit_tokens"),
                number("num_cached_tokens"),
                number("cached_tokens"),
            ),
            "cache_write": first(
                number("prompt_tokens_details", "cache_write_tokens"),
                number("input_tokens_details", "cache_write_tokens"),
            ),
            "reasoning": first(
                number("completion_tokens_details", "reasoning_tokens"),
                number("output_tokens_details", "reasoning_tokens"),
            ),
            "audio_input": number("prompt_tokens_details", "audio_tokens"),
            "audio_output": number("completion_tokens_details", "audio_tokens"),
            "image_output": number("completion_tokens_details", "image_tokens"),
        }
    elif wire.startswith("anthropic"):
        read, write = number("cache_read_input_tokens"), number("cache_creation_input_tokens")
        record = {
            "input": number("input_tokens") + (read or 0) + (write or 0),
            "output": number("output_tokens"),
            "cache_read": read,
            "cache_write": write,
            "reasoning": number("output_tokens_details", "thinking_tokens"),
        }
    else:
        candidates, thoughts = number("candidatesTokenCount"), number("thoughtsTokenCount")
        both = [count for count in (candidates, thoughts) if count is not None]
        record = {
            "input": number("promptTokenCount") + (number("toolUsePromptTokenCount") or 0),
            "output": sum(both) if both else None,
            "cache_read": number("cachedContentTokenCount"),
            "reasoning": thoughts,
        }
    return {name: count for name, count in record.items() if count is not None}


def number_at(value, path) -> int | None:
    for name in path:
        value = (value or {}).get(name)
    return value


def first(*values):
    return next((value for value in values if value is not None), None)


def error_in(wire: str, body: str, streamed: bool) -> dict | None:
    """The error that an answer ends with, if it does: the object with the message."""
    if streamed:
        found = parsed(body)
        if not found:
            return None
        event, value = found[-1]
        if not isinstance(value, dict):
            return None
        if wire == "anthropic.messages" and event != "error":
            return None  # the SDK skips frames without the event's name
        if wire == "openai.responses" and (event, value.get("type")) == ("error", "error"):
            return value
    else:
        value = as_json(body)
    error = value.get("error") if isinstance(value, dict) else None
    return error if isinstance(error, dict) and error.get("message") else None


def ends_well(wire: str, body: str) -> bool:
    """Whether a stream says that it is complete."""
    for event, value in parsed(body):
        if wire == "openai.chat" and isinstance(value, str) and value.startswith("[DONE]"):
            return True
        if not isinstance(value, dict):
            continue
        kind = value.get("type") or event
        if kind in ("message_stop", "response.completed", "response.incomplete", "response.failed"):
            return True
        if wire == "gemini.stream" and any(c.get("finishReason") for c in value.get("candidates") or []):
            return True
    return False
