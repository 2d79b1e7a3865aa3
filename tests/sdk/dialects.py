"""Each SDK as its users use it: asked for an answer, streamed or not, and what its own objects then say."""

from dataclasses import dataclass, field, replace

import anthropic
import openai
from google import genai
from google.genai import types
from openai.lib.streaming.chat import ChatCompletionStreamState

from processes import KEY

#: The dialects of clients, by the wire that they speak.
CLIENTS = ("openai.chat", "openai.responses", "anthropic.messages", "gemini")

#: Room enough for every recording, and within the limits of every model.
MAX_TOKENS = 512


@dataclass
class Told:
    """What an SDK's objects say, in the words of its dialect."""

    text: str = ""
    tools: list[dict] = field(default_factory=list)
    finish: str | None = None
    usage: dict = field(default_factory=dict)


class Sdks:
    """The Python SDKs with a gateway behind them."""

    def __init__(self, url: str, timeout: float = 60):
        self.url = url
        self.openai = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, timeout=timeout)
        self.anthropic = anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0, timeout=timeout)
        options = types.HttpOptions(base_url=url, timeout=int(1000 * timeout))
        self.gemini = genai.Client(api_key=KEY, http_options=options, vertexai=False)

    def close(self):
        self.openai.close()
        self.anthropic.close()
        self.gemini.close()

    def whole(self, client: str, model: str, prompt: str) -> Told:
        if client == "openai.chat":
            return chat_told(self.openai.chat.completions.create(**chat_request(model, prompt)))
        if client == "openai.responses":
            return responses_told(self.openai.responses.create(**responses_request(model, prompt)))
        if client == "anthropic.messages":
            return messages_told(self.anthropic.messages.create(**chat_request(model, prompt)))
        return gemini_told([self.gemini.models.generate_content(**gemini_request(model, prompt))])

    def streamed(self, client: str, model: str, prompt: str) -> Told:
        """Iterates over the events, and puts them together by hand."""
        if client == "openai.chat":
            options = {"stream": True, "stream_options": {"include_usage": True}}
            with self.openai.chat.completions.create(**chat_request(model, prompt), **options) as stream:
                return chat_chunks_told(stream)
        if client == "openai.responses":
            with self.openai.responses.create(**responses_request(model, prompt), stream=True) as stream:
                return responses_events_told(stream)
        if client == "anthropic.messages":
            with self.anthropic.messages.create(**chat_request(model, prompt), stream=True) as stream:
                return messages_events_told(stream)
        return gemini_told(self.gemini.models.generate_content_stream(**gemini_request(model, prompt)))

    def helped(self, client: str, model: str, prompt: str) -> Told:
        """Lets the SDK's own helper put a stream together. Google's has none."""
        if client == "openai.chat":
            # What `chat.completions.stream()` uses inside; itself it raises at `length`, which is no error here.
            state = ChatCompletionStreamState()
            options = {"stream": True, "stream_options": {"include_usage": True}}
            with self.openai.chat.completions.create(**chat_request(model, prompt), **options) as stream:
                for chunk in stream:
                    state.handle_chunk(chunk)
            told = chat_told(state.current_completion_snapshot)
            if told.finish not in ("length", "content_filter"):
                with self.openai.chat.completions.stream(
                    **chat_request(model, prompt), stream_options={"include_usage": True}
                ) as stream:
                    deltas = "".join(event.delta for event in stream if event.type == "content.delta")
                    final = chat_told(stream.get_final_completion())
                # Ids are made anew for each answer where the provider has none.
                assert without_ids(final) == without_ids(told), f"stream() says {final}, its accumulator {told}"
                assert deltas == told.text, "the deltas are not the text"
            return told
        if client == "openai.responses":
            with self.openai.responses.stream(**responses_request(model, prompt)) as stream:
                deltas, last = "", None
                for event in stream:
                    if event.type == "response.output_text.delta":
                        deltas += event.delta
                    last = event
                if last.type == "response.completed":
                    last.response = stream.get_final_response()
            told = responses_told(last.response)
            assert deltas == told.text, "the deltas are not the text"
            return told
        if client == "anthropic.messages":
            with self.anthropic.messages.stream(**chat_request(model, prompt)) as stream:
                deltas = "".join(stream.text_stream)
                told = messages_told(stream.get_final_message())
            assert deltas == told.text, "the deltas are not the text"
            return told
        return self.streamed(client, model, prompt)


def without_ids(told: Told) -> Told:
    return replace(told, tools=[{**call, "id": None} for call in told.tools])


def chat_request(model: str, prompt: str) -> dict:
    return {"model": model, "messages": [{"role": "user", "content": prompt}], "max_tokens": MAX_TOKENS}


def responses_request(model: str, prompt: str) -> dict:
    return {"model": model, "input": prompt, "max_output_tokens": MAX_TOKENS}


def gemini_request(model: str, prompt: str) -> dict:
    return {"model": model, "contents": prompt, "config": {"max_output_tokens": MAX_TOKENS}}


def dumped(usage) -> dict:
    """Usage as it was told: what the wire did not have is not there."""
    return usage.model_dump(exclude_unset=True) if usage is not None else {}


def chat_told(answer) -> Told:
    [choice] = answer.choices
    return Told(
        text=choice.message.content or "",
        tools=[
            {"id": call.id, "name": call.function.name, "arguments": call.function.arguments}
            for call in choice.message.tool_calls or []
            if call.type == "function"
        ],
        finish=choice.finish_reason,
        usage=dumped(answer.usage),
    )


def chat_chunks_told(stream) -> Told:
    told, calls = Told(), {}
    for chunk in stream:
        if chunk.usage is not None:
            assert chunk.choices == [], "usage has a chunk of its own"
            assert not told.usage, "usage is told once"
            told.usage = dumped(chunk.usage)
        for choice in chunk.choices:
            assert told.finish is None, "nothing follows the reason for the end"
            told.text += choice.delta.content or ""
            told.finish = choice.finish_reason or told.finish
            for call in choice.delta.tool_calls or []:
                known = calls.setdefault(call.index, {"id": "", "name": "", "arguments": ""})
                known["id"] += call.id or ""
                known["name"] += call.function.name or ""
                known["arguments"] += call.function.arguments or ""
    told.tools = list(calls.values())
    return told


def responses_told(answer) -> Told:
    finish = answer.status
    if answer.incomplete_details is not None:
        finish += f":{answer.incomplete_details.reason}"
    return Told(
        text=answer.output_text,
        tools=[
            {"id": item.call_id, "name": item.name, "arguments": item.arguments}
            for item in answer.output
            if item.type == "function_call"
        ],
        finish=finish,
        usage=dumped(answer.usage),
    )


def responses_events_told(stream) -> Told:
    text, calls, told = "", {}, None
    for number, event in enumerate(stream):
        assert told is None, f"{event.type} behind the end"
        assert event.sequence_number == number, "events are numbered"
        if event.type == "response.output_text.delta":
            text += event.delta
        elif event.type == "response.output_item.added" and event.item.type == "function_call":
            call = event.item
            calls[event.output_index] = {"id": call.call_id, "name": call.name, "arguments": call.arguments}
        elif event.type == "response.function_call_arguments.delta":
            calls[event.output_index]["arguments"] += event.delta
        elif event.type in ("response.completed", "response.incomplete", "response.failed"):
            told = responses_told(event.response)
    assert told is not None, "the stream does not tell its end"
    assert text == told.text, "the deltas are not the text"
    assert list(calls.values()) == told.tools, "the deltas are not the calls"
    return told


def messages_told(answer) -> Told:
    return Told(
        text="".join(block.text for block in answer.content if block.type == "text"),
        tools=[
            {"id": block.id, "name": block.name, "arguments": block.input}
            for block in answer.content
            if block.type == "tool_use"
        ],
        finish=answer.stop_reason,
        usage=dumped(answer.usage),
    )


def messages_events_told(stream) -> Told:
    told, calls, over = Told(), {}, False
    for event in stream:
        assert not over, f"{event.type} behind the end"
        if event.type == "message_start":
            told.usage = dumped(event.message.usage)
        elif event.type == "content_block_start":
            told.text += event.content_block.text if event.content_block.type == "text" else ""
            if event.content_block.type == "tool_use":
                block = event.content_block
                assert block.input == {}, "arguments come in deltas"
                calls[event.index] = {"id": block.id, "name": block.name, "arguments": ""}
        elif event.type == "content_block_delta":
            if event.delta.type == "text_delta":
                told.text += event.delta.text
            elif event.delta.type == "input_json_delta":
                calls[event.index]["arguments"] += event.delta.partial_json
        elif event.type == "message_delta":
            told.finish = event.delta.stop_reason
            told.usage |= dumped(event.usage)
        over = event.type == "message_stop"
    assert over, "the stream does not tell its end"
    told.tools = [{**call, "arguments": call["arguments"] or "{}"} for call in calls.values()]
    return told


def gemini_told(chunks) -> Told:
    told = Told()
    for chunk in chunks:
        if chunk.usage_metadata is not None:
            told.usage = chunk.usage_metadata.model_dump(exclude_none=True, by_alias=True)
        for candidate in (chunk.candidates or [])[:1]:
            assert told.finish is None, "nothing follows the reason for the end"
            if candidate.finish_reason is not None:
                told.finish = candidate.finish_reason.value
            for part in (candidate.content and candidate.content.parts) or []:
                if part.function_call is not None:
                    call = part.function_call
                    told.tools.append({"id": call.id, "name": call.name, "arguments": call.args or {}})
                elif part.text and not part.thought:
                    told.text += part.text
    return told
