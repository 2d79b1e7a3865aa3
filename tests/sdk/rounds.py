"""A tool loop of four turns and a fifth question, told by an upstream of each provider's dialect: with signatures over
its reasoning, sealed reasoning, and calls with and without arguments. It keeps what it is sent, so that a test can see
what came back."""

import json
import re
import struct
import zlib
from dataclasses import dataclass, field

from scripted import Reply, Scripted

PROVIDERS = ("chat", "responses", "anthropic", "gemini", "bedrock", "cohere")


@dataclass(frozen=True)
class Turn:
    thinking: str = ""
    signature: str = ""
    redacted: str = ""
    text: str = ""
    calls: tuple[tuple[str, dict], ...] = field(default=())


#: Signatures are base64, as those of all providers are, and with every character that a careless hand would change.
TURNS = (
    Turn(
        "Where is it?\n",
        "RXFRQkNrWUlCeGdDS2tE+//+AD8+",
        text="I look it up.",
        calls=(("get_weather", {"city": "Zürich"}),),
    ),
    Turn(
        "Two more.",
        "c2Vjb25k+/8=",
        "cmVkYWN0ZWQ/Pz8+Pj4=",
        calls=(("get_weather", {"city": "Bern"}), ("get_time", {})),
    ),
    Turn("", "dGhpcmQ/Pj8+", calls=(("get_time", {"zone": "UTC"}),)),
    Turn("Done.", "Zm91cnRoPz8/", text="Sunny everywhere."),
)

SIGNED = {turn.signature: turn.thinking for turn in TURNS}


def result(name: str, arguments: dict) -> str:
    """What a tool says."""
    return f"{name} says 21 for {' '.join(arguments.values()) or 'nothing'}"


def call_id(provider: str, turn: int, number: int) -> str:
    prefix = {"anthropic": "toolu_", "bedrock": "tooluse_"}.get(provider, "call_")
    return f"{prefix}{turn}{number}Xy-z_9"


class Rounds(Scripted):
    """Tells the next turn of the conversation that `[[conversation:ID]]` names."""

    def __init__(self):
        super().__init__()
        self.bodies: dict[str, list[dict]] = {}

    def answer(self, path, headers, body) -> Reply:
        value = json.loads(body)
        bodies = self.bodies.setdefault(re.search(r"\[\[conversation:([^\]]+)\]\]", body.decode())[1], [])
        bodies.append(value)
        number = len(bodies) - 1
        if number >= len(TURNS):
            turn = Turn(text="Goodbye.")
        else:
            turn = TURNS[number]
        provider = provider_of(path)
        answer = WHOLE[provider](turn, number)
        if not (value.get("stream") or ":streamGenerateContent" in path or path.endswith("/converse-stream")):
            return Reply(answer)
        kind = "application/vnd.amazon.eventstream" if provider == "bedrock" else "text/event-stream"
        return Reply(STREAM[provider](answer), kind=kind)


def provider_of(path: str) -> str:
    for mark, provider in (
        ("/chat/completions", "chat"),
        ("/responses", "responses"),
        ("/messages", "anthropic"),
        ("enerateContent", "gemini"),
        ("/converse", "bedrock"),
        ("/v2/chat", "cohere"),
    ):
        if mark in path:
            return provider
    raise AssertionError(path)


def ids(provider: str, turn: Turn, number: int):
    return [(call_id(provider, number, i), name, arguments) for i, (name, arguments) in enumerate(turn.calls)]


# ---- answers --------------------------------------------------------------------------------------------------------


def chat(turn: Turn, number: int) -> dict:
    """As OpenRouter tells it, with `reasoning_details`.
    https://openrouter.ai/docs/use-cases/reasoning-tokens#preserving-reasoning-blocks"""
    details = []
    if turn.signature:
        detail = {"type": "reasoning.text", "text": turn.thinking, "signature": turn.signature}
        details.append({**detail, "format": "anthropic-claude-v1", "index": 0})
    if turn.redacted:
        detail = {"type": "reasoning.encrypted", "data": turn.redacted, "format": "anthropic-claude-v1"}
        details.append({**detail, "index": 1})
    calls = [
        {"id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for id, name, arguments in ids("chat", turn, number)
    ]
    message = {"role": "assistant", "content": turn.text or None}
    message |= {"reasoning": turn.thinking, "reasoning_details": details} if details else {}
    message |= {"tool_calls": calls} if calls else {}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16}
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1, "model": "m"}
    return {**head, "choices": [choice], "usage": usage}


def chat_stream(answer: dict) -> bytes:
    [choice] = answer["choices"]
    message = dict(choice["message"])
    deltas = [{"role": "assistant", "content": ""}]
    if details := message.get("reasoning_details"):
        for detail in details:
            deltas.append({"reasoning": detail.get("text"), "reasoning_details": [detail]})
    if message["content"]:
        deltas.append({"content": message["content"]})
    for index, call in enumerate(message.get("tool_calls") or []):
        function = call["function"]
        deltas.append({"tool_calls": [{**call, "index": index, "function": {**function, "arguments": ""}}]})
        deltas.append({"tool_calls": [{"index": index, "function": {"arguments": function["arguments"]}}]})
    base = {**answer, "object": "chat.completion.chunk", "usage": None}
    chunks = [{**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    chunks.append({**base, "choices": [], "usage": answer["usage"]})
    return b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"


def responses(turn: Turn, number: int) -> dict:
    output = []
    if turn.signature:
        summary = [{"type": "summary_text", "text": turn.thinking}] if turn.thinking else []
        item = {"type": "reasoning", "id": f"rs_{number}", "summary": summary}
        output.append({**item, "encrypted_content": turn.signature})
    if turn.redacted:
        output.append({"type": "reasoning", "id": f"rs_{number}b", "summary": [], "encrypted_content": turn.redacted})
    if turn.text:
        content = [{"type": "output_text", "text": turn.text, "annotations": [], "logprobs": []}]
        item = {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed"}
        output.append({**item, "content": content})
    for id, name, arguments in ids("responses", turn, number):
        item = {"type": "function_call", "id": f"fc_{id}", "call_id": id, "status": "completed"}
        output.append({**item, "name": name, "arguments": json.dumps(arguments)})
    usage = {"input_tokens": 9, "output_tokens": 7, "total_tokens": 16}
    usage |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "m",
        "output": output,
        "usage": usage,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
    }


def responses_stream(answer: dict) -> bytes:
    events = [{"type": "response.created", "response": {**answer, "status": "in_progress", "output": [], "usage": None}}]
    for index, item in enumerate(answer["output"]):
        at = {"output_index": index, "item_id": item["id"]}
        blank = {
            "message": {"content": [], "status": "in_progress"},
            "function_call": {"arguments": "", "status": "in_progress"},
            "reasoning": {"summary": [], "encrypted_content": ""},
        }
        events.append({"type": "response.output_item.added", "output_index": index, "item": item | blank[item["type"]]})
        if item["type"] == "message":
            [part] = item["content"]
            events += [
                {"type": "response.content_part.added", **at, "content_index": 0, "part": {**part, "text": ""}},
                {"type": "response.output_text.delta", **at, "content_index": 0, "delta": part["text"], "logprobs": []},
                {"type": "response.output_text.done", **at, "content_index": 0, "text": part["text"], "logprobs": []},
                {"type": "response.content_part.done", **at, "content_index": 0, "part": part},
            ]
        elif item["type"] == "function_call":
            arguments = item["arguments"]
            events += [
                {"type": "response.function_call_arguments.delta", **at, "delta": arguments},
                {"type": "response.function_call_arguments.done", **at, "name": item["name"], "arguments": arguments},
            ]
        for number, part in enumerate(item.get("summary") or []):
            place = {**at, "summary_index": number}
            events += [
                {"type": "response.reasoning_summary_part.added", **place, "part": {**part, "text": ""}},
                {"type": "response.reasoning_summary_text.delta", **place, "delta": part["text"]},
                {"type": "response.reasoning_summary_text.done", **place, "text": part["text"]},
                {"type": "response.reasoning_summary_part.done", **place, "part": part},
            ]
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    events.append({"type": "response.completed", "response": answer})
    return named({**event, "sequence_number": number} for number, event in enumerate(events))


def named(events) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events)


def anthropic(turn: Turn, number: int) -> dict:
    content = []
    if turn.signature:
        content.append({"type": "thinking", "thinking": turn.thinking, "signature": turn.signature})
    if turn.redacted:
        content.append({"type": "redacted_thinking", "data": turn.redacted})
    if turn.text:
        content.append({"type": "text", "text": turn.text})
    content += [
        {"type": "tool_use", "id": id, "name": name, "input": arguments}
        for id, name, arguments in ids("anthropic", turn, number)
    ]
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": content,
        "stop_reason": "tool_use" if turn.calls else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 7},
    }


def anthropic_stream(answer: dict) -> bytes:
    events = [{"type": "message_start", "message": {**answer, "content": [], "stop_reason": None}}]
    for index, block in enumerate(answer["content"]):
        blank = {"thinking": {"thinking": "", "signature": ""}, "text": {"text": ""}, "tool_use": {"input": {}}}
        start = block | blank.get(block["type"], {})
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        deltas = []
        if block["type"] == "thinking":
            deltas += [{"type": "thinking_delta", "thinking": block["thinking"]}] if block["thinking"] else []
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        elif block["type"] == "text":
            deltas.append({"type": "text_delta", "text": block["text"]})
        elif block["type"] == "tool_use":
            text = json.dumps(block["input"]) if block["input"] else ""
            deltas.append({"type": "input_json_delta", "partial_json": text})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": answer["stop_reason"], "stop_sequence": None}
    events += [{"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}}, {"type": "message_stop"}]
    return named(events)


def gemini(turn: Turn, number: int) -> dict:
    """Gemini signs the first call of a turn, or a text that ends it; calls have no ids."""
    parts = [{"text": turn.thinking, "thought": True}] if turn.thinking else []
    if turn.text:
        parts.append({"text": turn.text})
    for index, (name, arguments) in enumerate(turn.calls):
        part = {"functionCall": {"name": name, "args": arguments}}
        parts.append(part | ({"thoughtSignature": turn.signature} if index == 0 else {}))
    if turn.signature and not turn.calls:
        parts.append({"text": "", "thoughtSignature": turn.signature})
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 7, "totalTokenCount": 16}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": f"r{number}"}


def gemini_stream(answer: dict) -> bytes:
    [candidate] = answer["candidates"]
    parts = candidate["content"]["parts"]
    events = []
    for index, part in enumerate(parts):
        one = {"content": {"role": "model", "parts": [part]}, "index": 0}
        if index == len(parts) - 1:
            one["finishReason"] = "STOP"
        events.append({**answer, "candidates": [one]})
    return b"".join(b"data: %b\r\n\r\n" % json.dumps(event).encode() for event in events)


def bedrock(turn: Turn, number: int) -> dict:
    content = []
    if turn.signature:
        text = {"text": turn.thinking, "signature": turn.signature}
        content.append({"reasoningContent": {"reasoningText": text}})
    if turn.redacted:
        content.append({"reasoningContent": {"redactedContent": turn.redacted}})
    if turn.text:
        content.append({"text": turn.text})
    content += [
        {"toolUse": {"toolUseId": id, "name": name, "input": arguments}}
        for id, name, arguments in ids("bedrock", turn, number)
    ]
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "tool_use" if turn.calls else "end_turn",
        "usage": {"inputTokens": 9, "outputTokens": 7, "totalTokens": 16},
        "metrics": {"latencyMs": 1},
    }


def bedrock_stream(answer: dict) -> bytes:
    frames = [("messageStart", {"role": "assistant"})]
    for index, block in enumerate(answer["output"]["message"]["content"]):
        at = {"contentBlockIndex": index}
        if "toolUse" in block:
            call = dict(block["toolUse"])
            text = json.dumps(arguments) if (arguments := call.pop("input")) else ""
            frames.append(("contentBlockStart", {**at, "start": {"toolUse": call}}))
            deltas = [{"toolUse": {"input": text}}]
        elif "text" in block:
            deltas = [block]
        elif "redactedContent" in block["reasoningContent"]:
            deltas = [block]
        else:
            words = block["reasoningContent"]["reasoningText"]
            deltas = [{"reasoningContent": {"text": words["text"]}}] if words["text"] else []
            deltas.append({"reasoningContent": {"signature": words["signature"]}})
        frames += [("contentBlockDelta", {**at, "delta": delta}) for delta in deltas]
        frames.append(("contentBlockStop", at))
    frames.append(("messageStop", {"stopReason": answer["stopReason"]}))
    frames.append(("metadata", {"usage": answer["usage"], "metrics": answer["metrics"]}))
    return b"".join(amazon_frame(kind, data) for kind, data in frames)


def amazon_frame(kind: str, data: dict) -> bytes:
    """One message of Amazon's event stream. https://smithy.io/2.0/aws/amazon-eventstream.html"""
    headers = b""
    for name, value in ((":event-type", kind), (":content-type", "application/json"), (":message-type", "event")):
        headers += struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
    payload = json.dumps(data).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def cohere(turn: Turn, number: int) -> dict:
    """Cohere signs nothing."""
    content = [{"type": "thinking", "thinking": turn.thinking}] if turn.thinking else []
    content += [{"type": "text", "text": turn.text}] if turn.text else []
    calls = [
        {"id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for id, name, arguments in ids("cohere", turn, number)
    ]
    message = {"role": "assistant", "content": content} | ({"tool_calls": calls} if calls else {})
    usage = {"tokens": {"input_tokens": 9, "output_tokens": 7}}
    finish = "TOOL_CALL" if calls else "COMPLETE"
    return {"id": f"c{number}", "message": message, "finish_reason": finish, "usage": usage}


def cohere_stream(answer: dict) -> bytes:
    """https://docs.cohere.com/v2/docs/streaming"""
    events = [{"type": "message-start", "id": answer["id"], "delta": {"message": {"role": "assistant"}}}]
    for index, part in enumerate(answer["message"]["content"]):
        kind = part["type"]
        events += [
            {"type": "content-start", "index": index, "delta": {"message": {"content": {"type": kind, kind: ""}}}},
            {"type": "content-delta", "index": index, "delta": {"message": {"content": {kind: part[kind]}}}},
            {"type": "content-end", "index": index},
        ]
    for index, call in enumerate(answer["message"].get("tool_calls") or []):
        function = call["function"]
        start = {**call, "function": {**function, "arguments": ""}}
        delta = {"function": {"arguments": function["arguments"]}}
        events += [
            {"type": "tool-call-start", "index": index, "delta": {"message": {"tool_calls": start}}},
            {"type": "tool-call-delta", "index": index, "delta": {"message": {"tool_calls": delta}}},
            {"type": "tool-call-end", "index": index},
        ]
    end = {"finish_reason": answer["finish_reason"], "usage": answer["usage"]}
    events.append({"type": "message-end", "delta": end})
    return named(events)


WHOLE = {
    "chat": chat,
    "responses": responses,
    "anthropic": anthropic,
    "gemini": gemini,
    "bedrock": bedrock,
    "cohere": cohere,
}
STREAM = {
    "chat": chat_stream,
    "responses": responses_stream,
    "anthropic": anthropic_stream,
    "gemini": gemini_stream,
    "bedrock": bedrock_stream,
    "cohere": cohere_stream,
}


# ---- what came back -------------------------------------------------------------------------------------------------


def expected(provider: str, turns: int) -> list[tuple]:
    """The history that a provider must be sent after so many of its turns: texts, seals, calls and results in order."""
    history = []
    for number, turn in enumerate(TURNS[:turns]):
        seals = [] if provider == "cohere" else [("seal", turn.signature)]
        calls = [("call", id, name, arguments) for id, name, arguments in ids(provider, turn, number)]
        if provider == "gemini":
            calls = [("call", None, name, arguments) for _, _, name, arguments in calls]
        elif turn.redacted and provider != "cohere":
            seals.append(("seal", turn.redacted))
        texts = [("text", turn.text)] if turn.text else []
        history += texts + seals + calls if provider == "gemini" else seals + texts + calls
        history += [
            ("result", name if provider == "gemini" else id, result(name, arguments))
            for id, name, arguments in ids(provider, turn, number)
        ]
    return history


def carried(provider: str, body: dict) -> list[tuple]:
    """The history in a request, behind the first question."""
    return [item for item in READ[provider](body) if item[0] != "text" or not item[1].startswith("[[")]


def read_chat(body: dict):
    for message in body["messages"]:
        if message["role"] == "tool":
            yield "result", message["tool_call_id"], plain(message["content"])
            continue
        for detail in message.get("reasoning_details") or []:
            yield "seal", detail.get("signature") or detail.get("data")
        if message.get("content"):
            yield "text", plain(message["content"])
        for call in message.get("tool_calls") or []:
            yield "call", call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])


def plain(content) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def read_responses(body: dict):
    items = body["input"] if isinstance(body["input"], list) else [{"role": "user", "content": body["input"]}]
    for item in items:
        kind = item.get("type", "message")
        if kind == "reasoning":
            yield "seal", item["encrypted_content"]
        elif kind == "message":
            yield "text", plain(item["content"])
        elif kind == "function_call":
            yield "call", item["call_id"], item["name"], json.loads(item["arguments"])
        elif kind == "function_call_output":
            yield "result", item["call_id"], plain(item["output"])


def read_anthropic(body: dict):
    for message in body["messages"]:
        content = message["content"]
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            kind = block["type"]
            if kind == "thinking":
                assert block["thinking"] == SIGNED[block["signature"]], "signed words are not to be changed"
                yield "seal", block["signature"]
            elif kind == "redacted_thinking":
                yield "seal", block["data"]
            elif kind == "text":
                yield "text", block["text"]
            elif kind == "tool_use":
                yield "call", block["id"], block["name"], block["input"]
            elif kind == "tool_result":
                yield "result", block["tool_use_id"], plain(block["content"])


def read_gemini(body: dict):
    for content in body["contents"]:
        for part in content["parts"]:
            if part.get("text") and not part.get("thought"):
                yield "text", part["text"]
            if "thoughtSignature" in part:
                # Bytes to Google: its own SDK for Python writes them in the other alphabet of base64.
                yield "seal", part["thoughtSignature"].replace("-", "+").replace("_", "/")
            if "functionCall" in part:
                yield "call", None, part["functionCall"]["name"], part["functionCall"].get("args") or {}
            elif "functionResponse" in part:
                [says] = part["functionResponse"]["response"].values()
                yield "result", part["functionResponse"]["name"], says


def read_bedrock(body: dict):
    for message in body["messages"]:
        for block in message["content"]:
            if "reasoningContent" in block:
                reasoning = block["reasoningContent"]
                if "reasoningText" in reasoning:
                    words = reasoning["reasoningText"]
                    assert words["text"] == SIGNED[words["signature"]], "signed words are not to be changed"
                    yield "seal", words["signature"]
                else:
                    yield "seal", reasoning["redactedContent"]
            elif "toolUse" in block:
                yield "call", block["toolUse"]["toolUseId"], block["toolUse"]["name"], block["toolUse"]["input"]
            elif "toolResult" in block:
                said = block["toolResult"]["content"]
                yield "result", block["toolResult"]["toolUseId"], "".join(part["text"] for part in said)
            elif "text" in block:
                yield "text", block["text"]


def read_cohere(body: dict):
    for message in body["messages"]:
        content = message.get("content") or ""
        if message["role"] == "tool":
            said = content if isinstance(content, str) else "".join(cohere_text(part) for part in content)
            yield "result", message["tool_call_id"], said
            continue
        text = content if isinstance(content, str) else "".join(p["text"] for p in content if p["type"] == "text")
        if text:
            yield "text", text
        for call in message.get("tool_calls") or []:
            yield "call", call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])


def cohere_text(part: dict) -> str:
    if part["type"] == "text":
        return part["text"]
    data = part["document"]["data"]
    return data if isinstance(data, str) else "".join(data.values())


READ = {
    "chat": read_chat,
    "responses": read_responses,
    "anthropic": read_anthropic,
    "gemini": read_gemini,
    "bedrock": read_bedrock,
    "cohere": read_cohere,
}
