"""The real SDKs against `sluicegate demo`, and against failures: each must see what its provider would show it."""

import asyncio
import json
import re
import subprocess
import time

import anthropic
import httpx
import openai
import pytest
from google import genai
from google.genai import errors as gemini_errors
from google.genai import types

from processes import KEY, Gateway, Listener, get

SAYS = "Hello from the Sluicegate demo model"
MODEL = "demo/demo"
ASK = [{"role": "user", "content": "Hello!"}]
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}


def openai_client(url: str, path: str = "/v1", **more) -> openai.OpenAI:
    return openai.OpenAI(**{"base_url": url + path, "api_key": "any", "timeout": 20, **more})


def anthropic_client(url: str, path: str = "", **more) -> anthropic.Anthropic:
    return anthropic.Anthropic(**{"base_url": url + path, "api_key": "any", "timeout": 20, **more})


_kept = []  # a client that nobody holds closes its connections, even while its `models` are in use


def gemini_client(url: str, path: str = "", version: str | None = None, key: str = "any") -> genai.Client:
    options = types.HttpOptions(base_url=url + path, api_version=version, timeout=20_000)
    _kept.append(genai.Client(api_key=key, http_options=options, vertexai=False))
    return _kept[-1]


# ---- OpenAI ---------------------------------------------------------------------------------------------------------

OPENAI_BASES = ["/v1", "/v1/", "/openai/v1", "/openai", ""]


@pytest.mark.parametrize("base", OPENAI_BASES)
def test_openai_chat(demo, base):
    answer = openai_client(demo.url, base).chat.completions.create(model=MODEL, messages=ASK)
    assert SAYS in answer.choices[0].message.content and '"Hello!"' in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer._request_id


@pytest.mark.parametrize("base", OPENAI_BASES)
@pytest.mark.parametrize("usage", [None, False, True])
def test_openai_chat_streamed(demo, base, usage):
    options = {} if usage is None else {"stream_options": {"include_usage": usage}}
    with openai_client(demo.url, base).chat.completions.create(model=MODEL, messages=ASK, stream=True, **options) as stream:
        chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert SAYS in text
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    if usage:
        assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0
        assert all(chunk.usage is None for chunk in chunks[:-1])
    else:
        assert all(chunk.choices and chunk.usage is None for chunk in chunks)
        assert all("usage" not in chunk.model_fields_set for chunk in chunks)


TOOL = {"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": WEATHER}}


def test_openai_chat_calls_a_tool_and_takes_its_result(demo):
    client = openai_client(demo.url)
    messages = [{"role": "user", "content": "Please call get_weather for Paris"}]
    answer = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL])
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    [call] = choice.message.tool_calls
    assert call.function.name == "get_weather" and "city" in json.loads(call.function.arguments)
    messages += [choice.message, {"role": "tool", "tool_call_id": call.id, "content": "sunny and 21 degrees"}]
    answer = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL])
    assert "sunny and 21 degrees" in answer.choices[0].message.content


def test_openai_chat_streams_a_tool_call(demo):
    with openai_client(demo.url).chat.completions.stream(
        model=MODEL, messages=ASK, tools=[TOOL], tool_choice="required"
    ) as stream:
        seen = {event.type for event in stream}
        final = stream.get_final_completion()
    [call] = final.choices[0].message.tool_calls
    assert "tool_calls.function.arguments.delta" in seen
    assert call.function.name == "get_weather" and "city" in json.loads(call.function.arguments)
    assert final.choices[0].finish_reason == "tool_calls"


def test_openai_responses(demo):
    answer = openai_client(demo.url).responses.create(model=MODEL, input="Hello!")
    assert SAYS in answer.output_text and answer.status == "completed"
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0
    assert answer.usage.output_tokens_details.reasoning_tokens == 0


def test_openai_responses_streamed(demo):
    with openai_client(demo.url).responses.stream(model=MODEL, input="Hello!") as stream:
        events = list(stream)
        final = stream.get_final_response()
    kinds = [event.type for event in events]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert SAYS in text and final.output_text == text
    assert final.usage.total_tokens == final.usage.input_tokens + final.usage.output_tokens > 0


def test_openai_responses_calls_a_tool(demo):
    tool = {"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": False}
    answer = openai_client(demo.url).responses.create(model=MODEL, input="use get_weather", tools=[tool])
    [call] = [item for item in answer.output if item.type == "function_call"]
    assert call.name == "get_weather" and "city" in json.loads(call.arguments)


def test_openai_embeddings(demo):
    client = openai_client(demo.url)
    # The SDK asks for base64 by itself, and decodes it.
    answer = client.embeddings.create(model=MODEL, input=["one", "two"])
    assert [item.index for item in answer.data] == [0, 1]
    assert len(answer.data[0].embedding) == len(answer.data[1].embedding) > 0
    assert all(isinstance(x, float) for x in answer.data[0].embedding)
    assert answer.usage.prompt_tokens > 0
    floats = client.embeddings.create(model=MODEL, input=["one"], encoding_format="float").data[0].embedding
    assert floats == pytest.approx(answer.data[0].embedding, abs=1e-6)


def test_openai_completions(demo):
    client = openai_client(demo.url)
    assert client.completions.create(model=MODEL, prompt="Hello!").choices[0].text
    pieces = list(client.completions.create(model=MODEL, prompt="Hello!", stream=True))
    assert "".join(piece.choices[0].text for piece in pieces)


def test_openai_asynchronous_clients_in_parallel(demo):
    async def main():
        async with openai.AsyncOpenAI(base_url=demo.url + "/v1", api_key="any", timeout=20) as client:

            async def one(n: int) -> str:
                messages = [{"role": "user", "content": f"number {n}"}]
                stream = await client.chat.completions.create(model=MODEL, messages=messages, stream=True)
                return "".join([c.choices[0].delta.content or "" async for c in stream])

            texts = await asyncio.gather(*(one(n) for n in range(20)))
            assert all(f'"number {n}"' in text for n, text in enumerate(texts))
            answer = await client.chat.completions.create(model=MODEL, messages=ASK)
            assert SAYS in answer.choices[0].message.content

    asyncio.run(main())


def test_a_stream_flows_event_by_event(demo):
    began, times = time.monotonic(), []
    messages = [{"role": "user", "content": "/long 60"}]
    for _ in openai_client(demo.url).chat.completions.create(model=MODEL, messages=messages, stream=True):
        times.append(time.monotonic() - began)
    # 60 words at 15 ms: the first must be here long before the last.
    assert len(times) > 50 and times[0] < times[-1] / 4, (times[0], times[-1])


def test_a_client_that_leaves_is_noticed(demo):
    messages = [{"role": "user", "content": "/long 2000"}]
    client = openai_client(demo.url)
    stream = client.chat.completions.create(
        model=MODEL, messages=messages, stream=True, extra_headers={"x-request-id": "leaves-early"}
    )
    next(iter(stream))
    stream.close()
    client.close()
    record = demo.record("leaves-early", timeout=3)
    assert (record["outcome"], record["status"]) == ("client_gone", 499)


# ---- Anthropic ------------------------------------------------------------------------------------------------------

ANTHROPIC_BASES = ["", "/", "/anthropic"]


@pytest.mark.parametrize("base", ANTHROPIC_BASES)
def test_anthropic_messages(demo, base):
    answer = anthropic_client(demo.url, base).messages.create(model=MODEL, max_tokens=500, messages=ASK)
    assert SAYS in answer.content[0].text and answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0
    assert answer._request_id


@pytest.mark.parametrize("base", ANTHROPIC_BASES)
def test_anthropic_messages_streamed(demo, base):
    with anthropic_client(demo.url, base).messages.stream(model=MODEL, max_tokens=500, messages=ASK) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert SAYS in text and final.content[0].text == text
    assert final.stop_reason == "end_turn"
    assert final.usage.input_tokens > 0 and final.usage.output_tokens > 1


def test_anthropic_messages_as_raw_events(demo):
    client = anthropic_client(demo.url)
    events = list(client.messages.create(model=MODEL, max_tokens=500, messages=ASK, stream=True))
    kinds = [event.type for event in events]
    assert kinds.count("message_start") == 1 and kinds[0] == "message_start" and kinds[-1] == "message_stop"


def test_anthropic_calls_a_tool_and_takes_its_result(demo):
    client = anthropic_client(demo.url)
    tool = {"name": "get_weather", "description": "Weather", "input_schema": WEATHER}
    messages = [{"role": "user", "content": "Please use get_weather"}]
    answer = client.messages.create(model=MODEL, max_tokens=500, messages=messages, tools=[tool])
    [use] = [block for block in answer.content if block.type == "tool_use"]
    assert answer.stop_reason == "tool_use" and use.name == "get_weather" and "city" in use.input
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "sunny and 21 degrees"}
    messages += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
    with client.messages.stream(model=MODEL, max_tokens=500, messages=messages, tools=[tool]) as stream:
        assert "sunny and 21 degrees" in stream.get_final_text()


def test_anthropic_streams_a_tool_call(demo):
    tool = {"name": "get_weather", "input_schema": WEATHER}
    choice = {"type": "tool", "name": "get_weather"}
    with anthropic_client(demo.url).messages.stream(
        model=MODEL, max_tokens=500, messages=ASK, tools=[tool], tool_choice=choice
    ) as stream:
        final = stream.get_final_message()
    [use] = [block for block in final.content if block.type == "tool_use"]
    assert final.stop_reason == "tool_use" and "city" in use.input


@pytest.mark.parametrize("base", ANTHROPIC_BASES)
def test_anthropic_counts_tokens(demo, base):
    client = anthropic_client(demo.url, base)
    few = client.messages.count_tokens(model=MODEL, messages=ASK).input_tokens
    more = client.messages.count_tokens(model=MODEL, messages=ASK, system="Be brief and kind").input_tokens
    assert 0 < few < more


def test_anthropic_asynchronous_client(demo):
    async def main():
        async with anthropic.AsyncAnthropic(base_url=demo.url, api_key="any", timeout=20) as client:
            async with client.messages.stream(model=MODEL, max_tokens=500, messages=ASK) as stream:
                assert SAYS in await stream.get_final_text()

    asyncio.run(main())


# ---- Gemini ---------------------------------------------------------------------------------------------------------

GEMINI_BASES = [("", None), ("", "v1beta"), ("", "v1"), ("/gemini", None), ("/gemini", "v1beta")]


@pytest.mark.parametrize("base, version", GEMINI_BASES)
def test_gemini_generates(demo, base, version):
    answer = gemini_client(demo.url, base, version).models.generate_content(model=MODEL, contents="Hello!")
    assert SAYS in answer.text
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert answer.usage_metadata.prompt_token_count > 0 and answer.usage_metadata.candidates_token_count > 0


@pytest.mark.parametrize("base, version", GEMINI_BASES)
def test_gemini_streams(demo, base, version):
    client = gemini_client(demo.url, base, version)
    chunks = list(client.models.generate_content_stream(model=MODEL, contents="Hello!"))
    assert len(chunks) > 3 and SAYS in "".join(chunk.text or "" for chunk in chunks)
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[-1].usage_metadata.candidates_token_count > 0


@pytest.mark.parametrize("base, version", GEMINI_BASES)
def test_gemini_counts_and_embeds(demo, base, version):
    client = gemini_client(demo.url, base, version)
    assert client.models.count_tokens(model=MODEL, contents="Hello!").total_tokens > 0
    one = client.models.embed_content(model=MODEL, contents="one")
    assert len(one.embeddings) == 1 and len(one.embeddings[0].values) > 0
    several = client.models.embed_content(model=MODEL, contents=["one", "two"])
    assert len(several.embeddings) == 2 and several.embeddings[0].values == one.embeddings[0].values


@pytest.mark.parametrize("streamed", [False, True])
def test_gemini_calls_a_tool(demo, streamed):
    function = types.FunctionDeclaration(name="get_weather", parameters_json_schema=WEATHER)
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[function])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    models = gemini_client(demo.url).models
    if streamed:
        chunks = list(models.generate_content_stream(model=MODEL, contents="use get_weather", config=config))
        calls = [call for chunk in chunks for call in chunk.function_calls or []]
    else:
        calls = models.generate_content(model=MODEL, contents="use get_weather", config=config).function_calls
    assert [call.name for call in calls] == ["get_weather"] and "city" in calls[0].args


def test_gemini_streams_as_a_json_array(demo):
    """What REST clients get that do not ask for `alt=sse`: one JSON array, sent bit by bit, and whole even if it fails."""

    def ask(prompt: str) -> list:
        body = {"contents": [{"role": "user", "parts": [{"text": prompt}]}]}
        answer = httpx.post(f"{demo.url}/v1beta/models/{MODEL}:streamGenerateContent", json=body, timeout=20)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        return answer.json()

    good = ask("Hello!")
    assert SAYS in "".join(chunk["candidates"][0]["content"]["parts"][0].get("text", "") for chunk in good)
    assert good[-1]["candidates"][0]["finishReason"] == "STOP"
    broken = ask("/long 40 /die")
    assert len(broken) > 5 and broken[-1]["error"]["status"] == "UNAVAILABLE"
    assert not any(chunk.get("candidates", [{}])[0].get("finishReason") for chunk in broken)


def test_gemini_asynchronous_client(demo):
    async def main():
        client = gemini_client(demo.url).aio
        stream = await client.models.generate_content_stream(model=MODEL, contents="Hello!")
        assert SAYS in "".join([chunk.text or "" async for chunk in stream])

    asyncio.run(main())


# ---- the demo itself ------------------------------------------------------------------------------------------------


def test_the_printed_curl_line_works_verbatim(demo):
    command = demo.banner[demo.banner.index("curl") : demo.banner.index("Ctrl-C")]
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    events = re.findall(r"^data: (.*)$", done.stdout, re.MULTILINE)
    assert events[-1] == "[DONE]"
    text = "".join(json.loads(e)["choices"][0]["delta"].get("content") or "" for e in events[:-1])
    assert SAYS in text


def test_the_printed_addresses_are_right(demo):
    for url in (f'"{demo.url}/v1"', f'"{demo.url}"', f"http://{demo.admin_address}/metrics"):
        assert url in demo.banner, demo.banner
    assert b"sluicegate_requests_total" in get(f"http://{demo.admin_address}/metrics")


def test_usage_reaches_the_access_log_and_the_metrics(demo):
    before = demo.metric("sluicegate_tokens_total", provider="demo", kind="output")
    headers = {"x-request-id": "logged-usage"}
    answer = openai_client(demo.url).chat.completions.create(model=MODEL, messages=ASK, extra_headers=headers)
    assert answer._request_id == "logged-usage"
    usage = demo.record("logged-usage")["usage"]
    assert (usage["input"], usage["output"]) == (answer.usage.prompt_tokens, answer.usage.completion_tokens)
    assert demo.metric("sluicegate_tokens_total", provider="demo", kind="output") - before == usage["output"]


# ---- errors become the SDKs' exceptions -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """A gateway that wants a key, before an upstream that answers what it is told to."""
    path = tmp_path_factory.mktemp("keyed") / "gateway.yaml"
    with Listener() as upstream:
        path.write_text(
            f"""
keys: [{{ name: test, secret: {KEY} }}]
providers:
  demo: {{ kind: demo }}
  openai: {{ kind: openai, base_url: "{upstream.url}/v1", api_key: sk-up }}
  anthropic: {{ kind: anthropic, base_url: "{upstream.url}", api_key: sk-up }}
  gemini: {{ kind: gemini, base_url: "{upstream.url}", api_key: sk-up }}
  nowhere: {{ kind: openai, base_url: "http://127.0.0.1:9/v1", api_key: sk-up }}
"""
        )
        with Gateway("run", "-c", str(path)) as gateway:
            gateway.upstream = upstream
            yield gateway


@pytest.mark.parametrize("key", ["sk-wrong-key", "sk-another"])
def test_a_wrong_key_is_an_authentication_error(keyed, key):
    with pytest.raises(openai.AuthenticationError) as caught:
        openai_client(keyed.url, api_key=key).chat.completions.create(model=MODEL, messages=ASK)
    assert caught.value.code == "invalid_api_key" and caught.value.status_code == 401
    assert key not in str(caught.value)
    with pytest.raises(anthropic.AuthenticationError) as caught:
        anthropic_client(keyed.url, api_key=key).messages.create(model=MODEL, max_tokens=9, messages=ASK)
    assert caught.value.body["error"]["type"] == "authentication_error" and caught.value.request_id
    with pytest.raises(gemini_errors.ClientError) as caught:
        gemini_client(keyed.url, key=key).models.generate_content(model=MODEL, contents="Hello!")
    assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")


def test_the_key_is_taken_where_each_sdk_puts_it(keyed):
    assert openai_client(keyed.url, api_key=KEY).chat.completions.create(model=MODEL, messages=ASK).choices
    assert anthropic_client(keyed.url, api_key=KEY).messages.create(model=MODEL, max_tokens=9, messages=ASK).content
    by_token = anthropic.Anthropic(base_url=keyed.url, auth_token=KEY, api_key=None)
    assert by_token.messages.create(model=MODEL, max_tokens=9, messages=ASK).content
    assert gemini_client(keyed.url, key=KEY).models.generate_content(model=MODEL, contents="Hello!").text
    # The caller's own provider key in the native place, and ours beside it.
    own = openai_client(keyed.url, default_headers={"x-sluicegate-api-key": KEY})
    assert own.chat.completions.create(model=MODEL, messages=ASK).choices


def test_an_unknown_model_is_a_not_found_error(demo):
    with pytest.raises(openai.NotFoundError) as caught:
        openai_client(demo.url).chat.completions.create(model="demmo/demo", messages=ASK)
    assert caught.value.code == "model_not_found" and caught.value.param == "model"
    assert "demmo/demo" in str(caught.value) and "`demo`" in str(caught.value)
    with pytest.raises(anthropic.NotFoundError) as caught:
        anthropic_client(demo.url).messages.create(model="demmo/demo", max_tokens=9, messages=ASK)
    assert caught.value.body["error"]["type"] == "not_found_error"
    with pytest.raises(gemini_errors.ClientError) as caught:
        gemini_client(demo.url).models.generate_content(model="demmo/demo", contents="Hello!")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")


def test_an_endpoint_that_a_provider_has_not_is_explained(keyed):
    with pytest.raises(openai.APIStatusError) as caught:
        openai_client(keyed.url, api_key=KEY).embeddings.create(model="anthropic/claude", input="Hello!")
    assert caught.value.status_code in (400, 404) and "anthropic/claude" in str(caught.value)
    with pytest.raises(gemini_errors.ClientError, match="anthropic/claude"):
        gemini_client(keyed.url, key=KEY).models.embed_content(model="anthropic/claude", contents="Hello!")


def test_a_request_that_makes_no_sense_is_a_bad_request(keyed):
    client = openai_client(keyed.url, api_key=KEY)
    for body in (b"", b"[]", b'{"model":', b'{"messages":[]}', b'{"model":5,"messages":[]}', b"\xff\xfe"):
        with pytest.raises(openai.BadRequestError):
            headers = {"content-type": "application/json"}
            client.post("/chat/completions", cast_to=object, content=body, options={"headers": headers})
    with pytest.raises(anthropic.BadRequestError):
        anthropic_client(keyed.url, api_key=KEY).messages.create(model="", max_tokens=9, messages=ASK)


@pytest.mark.parametrize("path", ["/v1/v1", "/openai/v1/v1", "/v1/v1/"])
def test_a_doubled_version_is_explained(demo, path):
    with pytest.raises(openai.NotFoundError, match="version twice"):
        openai_client(demo.url, path).chat.completions.create(model=MODEL, messages=ASK)


def test_a_doubled_version_is_explained_to_anthropic(demo):
    with pytest.raises(anthropic.NotFoundError, match="version twice"):
        anthropic_client(demo.url, "/v1").messages.create(model=MODEL, max_tokens=9, messages=ASK)


def test_a_doubled_version_is_explained_to_gemini(demo):
    with pytest.raises(gemini_errors.ClientError, match="version twice"):
        gemini_client(demo.url, "/v1beta", "v1beta").models.generate_content(model=MODEL, contents="Hello!")


def test_a_path_that_does_not_exist_tells_what_does(demo):
    with pytest.raises(openai.NotFoundError, match="/v1/chat/completions"):
        openai_client(demo.url).post("/nothing", cast_to=object, body={})
    with pytest.raises(openai.APIStatusError) as caught:
        openai_client(demo.url).get("/chat/completions", cast_to=object)
    assert caught.value.status_code == 405


OPENAI_ERRORS = {
    400: openai.BadRequestError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    503: openai.InternalServerError,
    529: openai.InternalServerError,
}
ANTHROPIC_ERRORS = {
    400: anthropic.BadRequestError,
    403: anthropic.PermissionDeniedError,
    404: anthropic.NotFoundError,
    413: anthropic.APIStatusError,
    422: anthropic.UnprocessableEntityError,
    429: anthropic.RateLimitError,
    500: anthropic.InternalServerError,
    529: anthropic.InternalServerError,
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("status", OPENAI_ERRORS)
def test_the_providers_error_reaches_the_openai_sdk(keyed, status, streamed):
    error = {"message": "said by the provider", "type": "some_type", "param": "some_param", "code": "some_code"}
    keyed.upstream.answer(status, {"error": error}, retry_after="7")
    client = openai_client(keyed.url, api_key=KEY, max_retries=0)
    with pytest.raises(OPENAI_ERRORS[status]) as caught:
        client.chat.completions.create(model="openai/m", messages=ASK, stream=streamed)
    assert caught.value.status_code == status
    told = caught.value
    assert (told.type, told.param, told.code) == ("some_type", "some_param", "some_code")
    assert "said by the provider" in str(told)
    assert told.response.headers["retry-after"] == "7"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("status", ANTHROPIC_ERRORS)
def test_the_providers_error_reaches_the_anthropic_sdk(keyed, status, streamed):
    error = {"type": "error", "error": {"type": "some_error", "message": "said by the provider"}, "request_id": "req_x"}
    keyed.upstream.answer(status, error, retry_after="7", request_id="req_x")
    client = anthropic_client(keyed.url, api_key=KEY, max_retries=0)
    with pytest.raises(ANTHROPIC_ERRORS[status]) as caught:
        client.messages.create(model="anthropic/m", max_tokens=9, messages=ASK, stream=streamed)
    assert caught.value.status_code == status and caught.value.body == error
    assert caught.value.response.headers["retry-after"] == "7"
    # The id that finds the request in our log is the native one; the provider's stands beside it.
    assert caught.value.response.headers["x-sluicegate-provider-request-id"] == "req_x"
    assert caught.value.request_id == caught.value.response.headers["x-sluicegate-request-id"] != "req_x"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
def test_the_providers_error_reaches_the_gemini_sdk(keyed, status, streamed):
    error = {"error": {"code": status, "message": "said by the provider", "status": "SOME_STATUS"}}
    keyed.upstream.answer(status, error)
    models = gemini_client(keyed.url, key=KEY).models
    kind = gemini_errors.ClientError if status < 500 else gemini_errors.ServerError
    with pytest.raises(kind, match="said by the provider") as caught:
        if streamed:
            list(models.generate_content_stream(model="gemini/m", contents="Hello!"))
        else:
            models.generate_content(model="gemini/m", contents="Hello!")
    assert (caught.value.code, caught.value.status) == (status, "SOME_STATUS")


def test_an_upstream_that_refuses_our_key_is_not_the_callers_fault(keyed):
    keyed.upstream.answer(401, {"error": {"message": "Incorrect API key provided: sk-up", "code": "invalid_api_key"}})
    with pytest.raises(openai.InternalServerError) as caught:
        openai_client(keyed.url, api_key=KEY).chat.completions.create(model="openai/m", messages=ASK)
    assert caught.value.status_code == 502 and caught.value.code == "upstream_authentication_failed"
    assert "sk-up" not in str(caught.value)
    # Trying again would not help, and the SDK was told so: it asked once.
    assert len(keyed.upstream.requests) == 1


def test_an_upstream_that_cannot_be_reached(keyed):
    client = openai_client(keyed.url, api_key=KEY, max_retries=0)
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="nowhere/m", messages=ASK)
    assert caught.value.status_code == 502 and caught.value.code == "upstream_unreachable"
    assert "127.0.0.1" not in str(caught.value)


def test_sdks_retry_what_may_go_away(keyed):
    keyed.upstream.answer(500, {"error": {"message": "again, please"}})
    with pytest.raises(openai.InternalServerError):
        openai_client(keyed.url, api_key=KEY, max_retries=2).chat.completions.create(model="openai/m", messages=ASK)
    assert len(keyed.upstream.requests) == 3
    assert [headers["x-stainless-retry-count"] for _, headers, _ in keyed.upstream.requests] == ["0", "1", "2"]


def test_sdks_obey_a_provider_that_wants_no_retry(keyed):
    keyed.upstream.answer(429, {"error": {"message": "quota", "code": "insufficient_quota"}}, x_should_retry="false")
    with pytest.raises(openai.RateLimitError):
        openai_client(keyed.url, api_key=KEY).chat.completions.create(model="openai/m", messages=ASK)
    assert len(keyed.upstream.requests) == 1
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "no"}}
    keyed.upstream.answer(529, error, x_should_retry="false")
    with pytest.raises(anthropic.InternalServerError):
        anthropic_client(keyed.url, api_key=KEY).messages.create(model="anthropic/m", max_tokens=9, messages=ASK)
    assert len(keyed.upstream.requests) == 1


def test_an_answer_that_dies_in_the_middle_is_an_exception(demo):
    die = "/long 40 /die"
    messages = [{"role": "user", "content": die}]
    with pytest.raises(openai.APIError, match="broke off"):
        for _ in openai_client(demo.url).chat.completions.create(model=MODEL, messages=messages, stream=True):
            pass
    with pytest.raises(openai.APIError, match="broke off"):
        list(openai_client(demo.url).responses.create(model=MODEL, input=die, stream=True))
    with pytest.raises(openai.APIError, match="broke off"):
        with openai_client(demo.url).responses.stream(model=MODEL, input=die) as stream:
            stream.get_final_response()
    with pytest.raises(anthropic.APIStatusError, match="broke off"):
        for _ in anthropic_client(demo.url).messages.create(model=MODEL, max_tokens=900, messages=messages, stream=True):
            pass
    with pytest.raises(gemini_errors.APIError, match="broke off"):
        list(gemini_client(demo.url).models.generate_content_stream(model=MODEL, contents=die))
    # Not streamed, it never began, and the client gets an honest status.
    with pytest.raises(openai.InternalServerError):
        openai_client(demo.url, max_retries=0).chat.completions.create(model=MODEL, messages=messages)


def test_the_error_event_of_responses_is_numbered(demo):
    body = {"model": MODEL, "input": "/long 40 /die", "stream": True}
    lines = httpx.post(demo.url + "/v1/responses", json=body, timeout=30).text.splitlines()
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert events[-1]["type"] == "error"
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


def test_provider_rate_limit_headers_are_passed_on(keyed):
    keyed.upstream.answer(429, {"error": {"message": "slow down"}}, x_ratelimit_remaining_requests="0", retry_after="3")
    with pytest.raises(openai.RateLimitError) as caught:
        openai_client(keyed.url, api_key=KEY, max_retries=0).chat.completions.create(model="openai/m", messages=ASK)
    assert caught.value.response.headers["x-ratelimit-remaining-requests"] == "0"
    assert caught.value.response.headers["retry-after"] == "3"
