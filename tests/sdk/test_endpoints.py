"""Everything but chats, as the SDKs ask for it: lists of models, embeddings, counts, legacy completions, moderations,
speech, transcriptions and images."""

import base64
import json
import re
import struct

import openai
import pytest

import crossing
import nodes
from dialects import Sdks
from processes import Gateway
from scripted import Reply, Scripted

CONFIG = crossing.PROVIDER_CONFIG + """
routes:
  fast: {targets: [anthropic/claude-haiku-4-5]}
"""

SOUND = bytes(range(256)) * 40
TEXTS = ["one", "two words", "drei Wörter sogar"]


def vector(text: str) -> list[float]:
    """Something that is another for each text, and that a float of four bytes can say."""
    return [len(text) / 8, text.count(" ") / 4, -0.5]


class Provider(Scripted):
    """All of the small endpoints, of every dialect. Embeddings come in reversed order where they tell their index."""

    def __init__(self):
        super().__init__()
        self.requests: list[tuple[str, dict, bytes]] = []

    def answer(self, path, headers, body) -> Reply:
        path = path.split("?")[0]
        self.requests.append((path, headers, body))
        if path.endswith("/audio/speech"):
            return Reply(SOUND, kind="audio/mpeg")
        if path.endswith("/audio/transcriptions"):
            return Reply({"text": "Hello, sound.", "usage": {"type": "duration", "seconds": 3}})
        value = json.loads(body)
        for end, method in METHODS.items():
            if path.endswith(end):
                return Reply(method(value))
        raise AssertionError(path)


def openai_embeddings(value) -> dict:
    def written(text):
        numbers = vector(text)
        if value.get("encoding_format") == "base64":
            return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
        return numbers

    texts = [value["input"]] if isinstance(value["input"], str) else value["input"]
    data = [{"object": "embedding", "index": i, "embedding": written(text)} for i, text in enumerate(texts)]
    return {"object": "list", "data": data[::-1], "model": "m", "usage": {"prompt_tokens": 6, "total_tokens": 6}}


def gemini_embeddings(value) -> dict:
    return {"embeddings": [{"values": vector(r["content"]["parts"][0]["text"])} for r in value["requests"]]}


METHODS = {
    "/embeddings": openai_embeddings,
    ":batchEmbedContents": gemini_embeddings,
    ":embedContent": lambda value: {"embedding": {"values": vector(value["content"]["parts"][0]["text"])}},
    "/v2/embed": lambda value: {
        "id": "e1",
        "embeddings": {"float": [vector(text) for text in value["texts"]]},
        "texts": value["texts"],
        "meta": {"billed_units": {"input_tokens": 6}},
    },
    "/invoke": lambda value: {"embedding": vector(value["inputText"]), "inputTextTokenCount": 2},
    ":countTokens": lambda value: {"totalTokens": 42},
    "/count_tokens": lambda value: {"input_tokens": 43},
    "/count-tokens": lambda value: {"inputTokens": 44},
    "/messages": lambda value: {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": " upon a time"}],
        "stop_reason": "max_tokens",
        "stop_sequence": None,
        "usage": {"input_tokens": 2, "output_tokens": 3},
    },
    "/moderations": lambda value: {
        "id": "modr-1",
        "model": "omni-moderation-latest",
        "results": [{"flagged": True, "categories": {"violence": True}, "category_scores": {"violence": 0.9}}],
    },
    "/images/generations": lambda value: {
        "created": 1,
        "data": [{"b64_json": base64.b64encode(SOUND).decode()}],
        "usage": {"input_tokens": 5, "output_tokens": 9, "total_tokens": 14},
    },
}


@pytest.fixture(scope="module")
def provider():
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def sdks(provider, tmp_path_factory):
    path = tmp_path_factory.mktemp("endpoints") / "gateway.yaml"
    path.write_text(CONFIG)
    with Gateway("run", "-c", str(path), env={"UPSTREAM": provider.url}) as gateway:
        sdks = Sdks(gateway.url)
        yield sdks
        sdks.close()


# ---- models ---------------------------------------------------------------------------------------------------------


def test_each_sdk_lists_the_models(sdks):
    native = {model.id: model for model in sdks.openai.models.list()}
    assert native["fast"].object == "model" and "anthropic/claude-haiku-4-5" in native
    ids = {model.id: model for model in sdks.anthropic.models.list()}
    assert ids["fast"].type == "model" and ids["fast"].display_name
    names = {model.name: model for model in sdks.gemini.models.list()}
    assert "models/fast" in names and "generateContent" in names["models/fast"].supported_actions
    assert set(ids) == set(native) == {name.removeprefix("models/") for name in names}


def test_each_sdk_looks_a_model_up(sdks):
    name = "anthropic/claude-haiku-4-5"
    assert sdks.openai.models.retrieve(name).id == name
    assert sdks.anthropic.models.retrieve(name).id == name
    assert sdks.gemini.models.get(model=name).name == f"models/{name}"
    with pytest.raises(openai.NotFoundError):
        sdks.openai.models.retrieve("nothing/like-this")


# ---- embeddings -----------------------------------------------------------------------------------------------------

EMBEDDERS = {
    "chat": ("text-embedding-3-small", 6),
    "gemini": ("gemini-embedding-001", None),
    "cohere": ("embed-v4.0", 6),
    "bedrock": ("amazon.titan-embed-text-v2:0", 6),
}


@pytest.mark.parametrize("inputs", [TEXTS, TEXTS[:1], TEXTS[2]], ids=["several", "one", "text"])
@pytest.mark.parametrize("name", EMBEDDERS)
@pytest.mark.parametrize("encoding", [{}, {"encoding_format": "float"}], ids=["base64", "float"])
def test_openai_embeddings_of_every_provider(sdks, name, inputs, encoding):
    model, tokens = EMBEDDERS[name]
    answer = sdks.openai.embeddings.create(model=f"{name}/{model}", input=inputs, **encoding)
    texts = [inputs] if isinstance(inputs, str) else inputs
    assert {item.index: item.embedding for item in answer.data} == {i: vector(text) for i, text in enumerate(texts)}
    if tokens:
        assert answer.usage.prompt_tokens == (2 * len(texts) if name == "bedrock" else tokens)


@pytest.mark.parametrize("name", EMBEDDERS)
def test_gemini_embeddings_of_every_provider(sdks, name):
    model, _ = EMBEDDERS[name]
    answer = sdks.gemini.models.embed_content(model=f"{name}/{model}", contents=TEXTS)
    assert [item.values for item in answer.embeddings] == [vector(text) for text in TEXTS]


# ---- counts ---------------------------------------------------------------------------------------------------------

ASK = [{"role": "user", "content": "How many tokens are these? Not many, I think."}]
COUNTED = {
    "gemini/gemini-2.5-flash": 42,
    "anthropic/claude-haiku-4-5": 43,
    "bedrock/anthropic.claude-sonnet-4-20250514-v1:0": 44,
}


@pytest.mark.parametrize("model", COUNTED)
def test_tokens_are_counted_by_the_provider(sdks, model):
    assert sdks.anthropic.messages.count_tokens(model=model, messages=ASK).input_tokens == COUNTED[model]
    assert sdks.gemini.models.count_tokens(model=model, contents=ASK[0]["content"]).total_tokens == COUNTED[model]


@pytest.mark.parametrize("model", ["chat/gpt-4o", "cohere/command-a-03-2025"])
def test_tokens_are_estimated_where_the_provider_does_not_count(sdks, provider, model):
    provider.requests.clear()
    counted = sdks.anthropic.messages.count_tokens(model=model, messages=ASK)
    assert 10 < counted.input_tokens < 30 and counted.estimated is True
    counted = sdks.gemini.models.count_tokens(model=model, contents=ASK[0]["content"])
    assert 10 < counted.total_tokens < 30
    assert provider.requests == []


# ---- OpenAI's others ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
def test_legacy_completions_of_another_dialect(sdks, provider, streamed):
    asked = {"model": "anthropic/claude-haiku-4-5", "prompt": "Once", "max_tokens": 3}
    if streamed:
        chunks = list(sdks.openai.completions.create(**asked, stream=True))
        choices = [choice for chunk in chunks for choice in chunk.choices]
        text, finish = "".join(choice.text for choice in choices), choices[-1].finish_reason
    else:
        answer = sdks.openai.completions.create(**asked)
        text, finish = answer.choices[0].text, answer.choices[0].finish_reason
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (2, 3)
    assert (text, finish) == (" upon a time", "length")
    assert json.loads(provider.requests[-1][2])["max_tokens"] == 3


def test_moderations(sdks):
    [result] = sdks.openai.moderations.create(model="chat/omni-moderation-latest", input="Grr!").results
    assert result.flagged and result.categories.violence


def test_speech_is_binary(sdks, provider):
    asked = {"model": "chat/gpt-4o-mini-tts", "voice": "alloy", "input": "Hello, sound."}
    assert sdks.openai.audio.speech.create(**asked).content == SOUND
    with sdks.openai.audio.speech.with_streaming_response.create(**asked) as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        assert b"".join(answer.iter_bytes(1000)) == SOUND
    assert json.loads(provider.requests[-1][2])["model"] == "gpt-4o-mini-tts"


def test_transcriptions_are_forms(sdks, provider):
    answer = sdks.openai.audio.transcriptions.create(model="chat/whisper-1", file=("hello.mp3", SOUND, "audio/mpeg"))
    assert answer.text == "Hello, sound."
    path, headers, body = provider.requests[-1]
    assert path == "/v1/audio/transcriptions" and headers["content-type"].startswith("multipart/form-data; boundary=")
    assert SOUND in body and b'filename="hello.mp3"' in body
    assert re.search(rb'name="model"\r\n\r\nwhisper-1\r\n', body), "the name is the provider's"


def test_images(sdks):
    answer = sdks.openai.images.generate(model="chat/gpt-image-1", prompt="A sluice gate.")
    assert base64.b64decode(answer.data[0].b64_json) == SOUND and answer.usage.total_tokens == 14


# ---- Node -----------------------------------------------------------------------------------------------------------


def test_the_sdks_for_node_get_the_same(sdks, provider):
    embedders = [f"{name}/{model}" for name, (model, _) in EMBEDDERS.items()]
    plan = {"url": sdks.url, "texts": TEXTS, "embedders": embedders, "counters": [*COUNTED, "chat/gpt-4o"]}
    said = nodes.run("endpoints.js", plan)
    ids = [model.id for model in sdks.openai.models.list()]
    assert said["models"] == {"openai": ids, "anthropic": ids, "gemini": [f"models/{name}" for name in ids]}
    assert said["embeddings"] == {model: [[vector(text) for text in TEXTS]] * 2 for model in embedders}
    estimated, google = said["counts"].pop("chat/gpt-4o")
    assert said["counts"] == {model: [count, count] for model, count in COUNTED.items()}
    assert 3 < estimated < 20 and 3 < google < 20
    assert base64.b64decode(said["speech"]) == base64.b64decode(said["image"]) == SOUND
    form = next(body for path, _, body in reversed(provider.requests) if path.endswith("/transcriptions"))
    assert SOUND in form and said["transcription"] == "Hello, sound."
    assert said["flagged"] is True and said["completion"] == said["streamed"] == " upon a time"
