"""What goes wrong at a provider of another dialect, as each SDK sees it: the right exception, and the truth in it."""

import json
import re

import anthropic
import openai
import pytest
from google.genai import errors as gemini_errors

import crossing
import tape
from dialects import CLIENTS, Sdks
from processes import Gateway
from scripted import Reply, Scripted
from test_crossing import each

SAYS = "said by the provider"

#: How each provider tells an error.
BODIES = {
    "chat": lambda status: {"error": {"message": SAYS, "type": "some_type", "param": None, "code": "some_code"}},
    "responses": lambda status: {"error": {"message": SAYS, "type": "some_type", "param": None, "code": "some_code"}},
    "anthropic": lambda status: {"type": "error", "error": {"type": "some_type", "message": SAYS}, "request_id": "req_1"},
    "gemini": lambda status: {"error": {"code": status, "message": SAYS, "status": "SOME_STATUS"}},
    "bedrock": lambda status: {"message": SAYS},
    "cohere": lambda status: {"id": "abc", "message": SAYS},
}

#: The exceptions of each SDK. Google's knows two sorts.
OPENAI = {
    400: openai.BadRequestError,
    404: openai.NotFoundError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    502: openai.InternalServerError,
    529: openai.InternalServerError,
}
EXCEPTIONS = {
    "openai.chat": OPENAI,
    "openai.responses": OPENAI,
    "anthropic.messages": {
        400: anthropic.BadRequestError,
        404: anthropic.NotFoundError,
        429: anthropic.RateLimitError,
        500: anthropic.InternalServerError,
        502: anthropic.InternalServerError,
        529: anthropic.InternalServerError,
    },
    "gemini": {
        status: gemini_errors.ClientError if status < 500 else gemini_errors.ServerError
        for status in (400, 404, 429, 500, 502, 529)
    },
}
ANY_ERROR = (openai.APIError, anthropic.APIError, gemini_errors.APIError)

CONFIG = crossing.PROVIDER_CONFIG + """
  dropping: {kind: anthropic, base_url: "${UPSTREAM}", api_key: sk-up, on_unsupported: drop}
"""


class Failing(Scripted):
    """Answers with the status that the model's name says, in the dialect of the provider that it says."""

    def __init__(self):
        super().__init__()
        self.bodies: list[dict] = []

    def answer(self, path, headers, body) -> Reply:
        self.bodies.append(json.loads(body))
        found = re.search(r"(\w+)-fails-(\d+)", path + body.decode())
        if found is None:
            content = [{"type": "text", "text": "fine"}]
            usage = {"input_tokens": 1, "output_tokens": 1}
            return Reply({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
                          "stop_reason": "end_turn", "stop_sequence": None, "usage": usage})  # fmt: skip
        provider, status = found[1], int(found[2])
        headers = {"retry-after": "7"} if status == 429 else {}
        return Reply(BODIES[provider](status), status, headers)


@pytest.fixture(scope="module")
def failing():
    with Failing() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def sdks(failing, tmp_path_factory):
    path = tmp_path_factory.mktemp("errors") / "gateway.yaml"
    path.write_text(CONFIG)
    with Gateway("run", "-c", str(path), env={"UPSTREAM": failing.url}) as gateway:
        sdks = Sdks(gateway.url)
        yield sdks
        sdks.close()


def asked(sdks, client, model, streamed):
    return (sdks.streamed if streamed else sdks.whole)(client, model, "Hello!")


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("provider", BODIES)
@pytest.mark.parametrize("status", [400, 404, 429, 500, 529])
def test_an_error_keeps_its_sense(sdks, provider, client, status, streamed):
    with pytest.raises(EXCEPTIONS[client][status], match=SAYS) as caught:
        asked(sdks, client, f"{provider}/{provider}-fails-{status}", streamed)
    told = caught.value
    assert status_of(told) == status
    if status == 429:
        assert told.response.headers["retry-after"] == "7"
    if client == "gemini":
        assert told.status, "Google's errors have a status in words"
    elif client == "anthropic.messages":
        assert told.body["type"] == "error" and told.body["error"]["type"]
    else:
        assert told.type


def status_of(error) -> int:
    return error.code if isinstance(error, gemini_errors.APIError) else error.status_code


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("provider", BODIES)
def test_a_refused_key_of_ours_is_not_the_callers_fault(sdks, provider, client, streamed):
    with pytest.raises(EXCEPTIONS[client][502]) as caught:
        asked(sdks, client, f"{provider}/{provider}-fails-401", streamed)
    assert status_of(caught.value) == 502
    assert SAYS not in str(caught.value), "what a provider says of our key may have the key in it"


@pytest.mark.parametrize("name", [*tape.STREAMED, "bedrock.converse-stream"])
@pytest.mark.usefixtures("shared")
def test_an_upstream_that_dies_is_no_good_end(name, upstream, tmp_path):
    def fault(recording, client, after):
        label = f"{recording.id} cut after {after} for {client}"
        prompt = f"[[replay:{recording.id}]][[mode:cut:{after}]]"
        for ask in (crossed.streamed, crossed.helped):
            try:
                told = ask(client, crossing.model_of(recording), prompt)
            except ANY_ERROR:
                continue
            except Exception as error:
                return f"{label}: {error!r}"
            return f"{label}: taken for whole: {told}"

    streams = [r for r in crossing.good(name) if r.streamed]
    clients = [client for client in CLIENTS if not crossing.is_own(client, name)]
    with Gateway("run", "-c", str(crossing.configure(tmp_path)), env={"UPSTREAM": upstream.url}) as gateway:
        crossed = Sdks(gateway.url)
        jobs = [(r, c, k) for r in streams for c in clients for k in cuts(r)]
        faults = [fault for fault in each(lambda job: fault(*job), jobs) if fault]
        crossed.close()
    assert jobs and not faults, f"{len(faults)} of {len(jobs)} wrong:\n" + "\n".join(faults[:60])


def cuts(recording: tape.Recording) -> list[int]:
    """After how many events to cut: at the beginning, and half way."""
    count = crossing.events_in(recording)
    return sorted({k for k in (1, 2, count // 2) if 0 < k < count // 2 + 1})


# ---- what a target cannot do ----------------------------------------------------------------------------------------

ASK = [{"role": "user", "content": "Hello!"}]


def test_what_a_target_cannot_do_is_refused_before_the_call(sdks, failing):
    failing.bodies.clear()
    for provider in ("anthropic", "bedrock"):
        with pytest.raises(openai.BadRequestError, match="logprobs") as caught:
            sdks.openai.chat.completions.create(model=f"{provider}/m", messages=ASK, logprobs=True, max_tokens=9)
        assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "logprobs")
    with pytest.raises(anthropic.BadRequestError, match="top_k"):
        sdks.anthropic.messages.create(model="responses/m", messages=ASK, max_tokens=9, extra_body={"top_k": 5})
    with pytest.raises(gemini_errors.ClientError, match="(?i)safety"):
        settings = [{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_NONE"}]
        sdks.gemini.models.generate_content(model="anthropic/m", contents="Hi", config={"safety_settings": settings})
    with pytest.raises(openai.BadRequestError, match="previous_response_id"):
        sdks.openai.responses.create(model="anthropic/m", input="Hello!", previous_response_id="resp_1")
    assert failing.bodies == []


def test_what_a_target_cannot_do_is_dropped_where_the_operator_says_so(sdks, failing):
    failing.bodies.clear()
    raw = sdks.openai.chat.completions.with_raw_response.create(
        model="dropping/m", messages=ASK, logprobs=True, max_tokens=9
    )
    assert raw.headers["x-sluicegate-dropped"] == "logprobs"
    assert raw.parse().choices[0].message.content == "fine"
    [body] = failing.bodies
    assert "logprobs" not in body and body["max_tokens"] == 9


def test_what_no_answer_depends_on_is_dropped_and_told(sdks, failing):
    failing.bodies.clear()
    raw = sdks.openai.chat.completions.with_raw_response.create(
        model="anthropic/m", messages=ASK, max_tokens=9, store=True, prompt_cache_key="abc"
    )
    assert set(raw.headers["x-sluicegate-dropped"].split(", ")) == {"store", "prompt_cache_key"}
    assert len(failing.bodies) == 1
