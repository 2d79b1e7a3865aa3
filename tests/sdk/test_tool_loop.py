"""Agents: the history goes back as each SDK's own objects, and what a provider signed comes back to it byte for byte."""

import itertools
import json

import pytest
from google.genai import types

import crossing
import nodes
import rounds
from dialects import CLIENTS, Sdks
from processes import Gateway

SCHEMAS = {
    "get_weather": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "get_time": {"type": "object", "properties": {"zone": {"type": "string"}}},
}
TURNS = len(rounds.TURNS)


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    path = tmp_path_factory.mktemp("loop") / "gateway.yaml"
    # Chat completions are converted only for models that have no such API.
    models = {"provider": "openai", "models": [{"name": "responses-only", "apis": ["responses"]}]}
    path.with_name("models.yaml").write_text(json.dumps(models))
    path.write_text(f"models: [{json.dumps(str(path.with_name('models.yaml')))}]\n{crossing.PROVIDER_CONFIG}")
    with rounds.Rounds() as upstream, Gateway("run", "-c", str(path), env={"UPSTREAM": upstream.url}) as gateway:
        sdks = Sdks(gateway.url)
        yield sdks, upstream
        sdks.close()


def model_of(provider: str) -> str:
    """Names that say what the wishes for reasoning need."""
    names = {"responses": "responses-only", "bedrock": "anthropic.claude-sonnet-4-20250514-v1:0"}
    return f"{provider}/{names.get(provider, 'vendor/model')}"


def chat_loop(sdk, model, question, streamed):
    tools = [{"type": "function", "function": {"name": n, "parameters": schema}} for n, schema in SCHEMAS.items()]
    messages = [{"role": "user", "content": question}]
    for _ in range(TURNS):
        asked = {"model": model, "messages": messages, "tools": tools, "reasoning_effort": "low"}
        if streamed:
            with sdk.openai.chat.completions.stream(**asked) as stream:
                message = stream.get_final_completion().choices[0].message
        else:
            message = sdk.openai.chat.completions.create(**asked).choices[0].message
        messages.append(message)
        for call in message.tool_calls or []:
            says = rounds.result(call.function.name, json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": says})
    messages.append({"role": "user", "content": "[[thanks]]"})
    return sdk.openai.chat.completions.create(model=model, messages=messages, tools=tools).choices[0].message.content


def responses_loop(sdk, model, question, streamed):
    tools = [{"type": "function", "name": n, "parameters": schema, "strict": False} for n, schema in SCHEMAS.items()]
    items = [{"role": "user", "content": question}]
    asked = {"model": model, "tools": tools, "store": False, "reasoning": {"effort": "low", "summary": "auto"}}
    asked["include"] = ["reasoning.encrypted_content"]
    for _ in range(TURNS):
        if streamed:
            with sdk.openai.responses.stream(input=items, **asked) as stream:
                answer = stream.get_final_response()
        else:
            answer = sdk.openai.responses.create(input=items, **asked)
        items += answer.output
        for item in answer.output:
            if item.type == "function_call":
                says = rounds.result(item.name, json.loads(item.arguments))
                items.append({"type": "function_call_output", "call_id": item.call_id, "output": says})
    items.append({"role": "user", "content": "[[thanks]]"})
    return sdk.openai.responses.create(input=items, **asked).output_text


def messages_loop(sdk, model, question, streamed):
    tools = [{"name": name, "input_schema": schema} for name, schema in SCHEMAS.items()]
    messages = [{"role": "user", "content": question}]
    asked = {"model": model, "max_tokens": 4096, "tools": tools, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    for _ in range(TURNS):
        if streamed:
            with sdk.anthropic.messages.stream(messages=messages, **asked) as stream:
                answer = stream.get_final_message()
        else:
            answer = sdk.anthropic.messages.create(messages=messages, **asked)
        messages.append({"role": "assistant", "content": answer.content})
        calls = [block for block in answer.content if block.type == "tool_use"]
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": rounds.result(call.name, call.input)}
            for call in calls
        ]
        if results:
            messages.append({"role": "user", "content": results})
    messages.append({"role": "user", "content": "[[thanks]]"})
    answer = sdk.anthropic.messages.create(messages=messages, **asked)
    return "".join(block.text for block in answer.content if block.type == "text")


def gemini_loop(sdk, model, question, streamed):
    tools = [{"function_declarations": [{"name": n, "parameters": schema} for n, schema in SCHEMAS.items()]}]
    thinking = {"include_thoughts": True, "thinking_budget": 1024}
    config = types.GenerateContentConfig(tools=tools, thinking_config=thinking)
    if streamed:
        return gemini_chat(sdk, model, question, config)
    contents = [types.Content(role="user", parts=[types.Part(text=question)])]
    for _ in range(TURNS):
        answer = sdk.gemini.models.generate_content(model=model, contents=contents, config=config)
        contents.append(answer.candidates[0].content)
        if answer.function_calls:
            parts = [responded(call) for call in answer.function_calls]
            contents.append(types.Content(role="user", parts=parts))
    contents.append(types.Content(role="user", parts=[types.Part(text="[[thanks]]")]))
    return sdk.gemini.models.generate_content(model=model, contents=contents, config=config).text


def gemini_chat(sdk, model, question, config):
    """The SDK keeps the history itself, each chunk of a stream as a content of its own."""
    chat = sdk.gemini.chats.create(model=model, config=config)
    message = question
    for _ in range(TURNS):
        calls = [call for chunk in chat.send_message_stream(message) for call in chunk.function_calls or []]
        message = [responded(call) for call in calls] or "[[thanks]]"
    return "".join(chunk.text or "" for chunk in chat.send_message_stream(message))


def responded(call: types.FunctionCall) -> types.Part:
    answer = {"result": rounds.result(call.name, call.args or {})}
    return types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response=answer))


LOOPS = {
    "openai.chat": chat_loop,
    "openai.responses": responses_loop,
    "anthropic.messages": messages_loop,
    "gemini": gemini_loop,
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("provider", rounds.PROVIDERS)
def test_an_agents_history_comes_back_as_it_was(loop, provider, client, streamed):
    sdks, upstream = loop
    name = f"python-{provider}-{client}-{streamed}"
    last = LOOPS[client](sdks, model_of(provider), f"[[conversation:{name}]]", streamed)
    check(provider, upstream.bodies[name], last)


@pytest.fixture(scope="module")
def node_agents(loop):
    """All agents in one process, at once: what each heard last, by provider, client, and whether it was streamed."""
    sdks, _ = loop
    keys = list(itertools.product(rounds.PROVIDERS, CLIENTS, [False, True]))
    agents = []
    for key in keys:
        provider, client, streamed = key
        question = f"[[conversation:{node_name(key)}]]"
        agents.append({"client": client, "model": model_of(provider), "question": question, "streamed": streamed})
    plan = {"url": sdks.url, "turns": TURNS, "schemas": SCHEMAS, "results": RESULTS, "agents": agents}
    return dict(zip(keys, nodes.run("loop.js", plan)))


def node_name(key) -> str:
    return "node-{}-{}-{}".format(*key)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("provider", rounds.PROVIDERS)
def test_an_agents_history_comes_back_from_node(loop, node_agents, provider, client, streamed):
    key = (provider, client, streamed)
    heard = node_agents[key]
    assert "error" not in heard, heard["error"]
    check(provider, loop[1].bodies[node_name(key)], heard["last"], seals=key != OWN_LOSS)


#: Node's `chat.completions.stream()` keeps the last piece only of members that it does not know, so it loses all but one
#: of the `reasoning_details` of a stream that comes through as its vendor wrote it.
OWN_LOSS = ("chat", "openai.chat", True)

#: By name and arguments, since the other language writes JSON in its own way.
RESULTS = [[name, arguments, rounds.result(name, arguments)] for turn in rounds.TURNS for name, arguments in turn.calls]


def check(provider: str, bodies: list[dict], last: str, seals: bool = True):
    assert len(bodies) == TURNS + 1
    for turns, body in enumerate(bodies):
        got, want = rounds.carried(provider, body), rounds.expected(provider, turns)
        if not seals:
            got, want = ([item for item in items if item[0] != "seal"] for items in (got, want))
        assert got == want, f"request {turns}: {json.dumps(body)}"
    assert last == "Goodbye."
