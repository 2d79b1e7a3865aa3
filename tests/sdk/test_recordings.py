"""Every recorded answer of the three dialects, played by a hostile upstream, must come through the gateway unchanged;
and when the upstream breaks, the client must be told the truth.

Each test asks for many recordings in parallel and collects what is wrong, so that a failure names them all.
"""

import collections
import itertools
import json
import math

import httpx
import pytest

import reading
import tape
import wire
from processes import KEY, Gateway, Listener
from tape import STREAMED, WIRES, direct, play, recordings, streams, wholes

pytestmark = pytest.mark.usefixtures("shared")

FRAMING = ["events", "bytewise", "tcpbyte", "coalesce", "coalesce:3", "utf8split", "rand:1", "rand:2", "rand:3", "nochunk", "gzip", "gzip!"]
SSE = ["crlf", "lf", "cr", "comments", "pings", "nospace", "multiline", "bom", "ids", "bigcomment", "nodone", "blank"]
TIME = ["delay:2", "slowfirst:60", "slowheaders:60", "stall:1:60"]
HEADERS = ["bigheader", "bigheader:60", "earlyhints", "dupct"]
#: What breaks decoders that are right for each mode alone.
MIXED = [
    "rand:4,crlf,comments,gzip!",
    "bytewise,cr,bom",
    "rand:5,multiline,ids,blank",
    "rand:6,nospace,pings,nochunk",
    "utf8split,bigcomment:64,crlf",
    "coalesce:2,cr,comments,bom",
]
MODES = FRAMING + SSE + TIME + HEADERS + MIXED


def report(faults):
    """Fails with all faults, or the first of very many."""
    faults = [fault for fault in faults if fault]
    shown = "\n".join(faults[:25])
    assert not faults, f"{len(faults)} wrong:\n{shown}"


def difference(got: bytes, want: bytes) -> str:
    at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
    here = slice(max(0, at - 60), at + 60)
    return f"{len(got)} bytes instead of {len(want)}, differing at {at}: {got[here]!r} instead of {want[here]!r}"


# ---- as recorded ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def played(acceptance, upstream):
    """Every recording asked for once, directly and through a gateway of its own: its metrics are of nothing else."""
    with Gateway("run", "-c", str(acceptance), env={"UPSTREAM": upstream.url}) as gateway:
        results = {}
        for name in WIRES:

            def ask(recording):
                request_id = f"played-{recording.id}"
                through = play(gateway.port, recording, **{"x-request-id": request_id})
                return recording, direct(upstream.port, recording), through, gateway.record(request_id)

            results[name] = wire.each(ask, recordings(name))
        yield gateway, results


@pytest.mark.parametrize("name", WIRES)
def test_a_recorded_answer_comes_through_unchanged(played, name):
    def fault(recording, straight, through, _):
        if not through.whole:
            return f"{recording.id}: broke off: {through}"
        if through.status != straight.status:
            return f"{recording.id}: status {through.status} instead of {straight.status}: {through}"
        if through.body != straight.body:
            return f"{recording.id}: {difference(through.body, straight.body)}"
        for header in ("content-type", "retry-after"):
            got, want = through.header(header), straight.header(header)
            # A 429 without a hint gets one: the time for which the gateway itself leaves that credential alone.
            if got != want and (header, want, through.status) != ("retry-after", None, 429):
                return f"{recording.id}: {header}: {got!r} instead of {want!r}"

    assert len(played[1][name]) == len(recordings(name)) > 0
    report(itertools.starmap(fault, played[1][name]))


@pytest.mark.parametrize("name", WIRES)
def test_a_recorded_answer_says_what_it_said(played, name):
    def fault(recording, _, through, record):
        if recording.expect is None:
            return None
        got = reading.read(name, recording.streamed, through.body.decode()).as_expected()
        want = reading.comparable(recording.expect)
        return got != want and f"{recording.id}: {got} instead of {want}"

    report(itertools.starmap(fault, played[1][name]))


@pytest.mark.parametrize("name", WIRES)
def test_the_access_log_tells_what_happened(played, name):
    def fault(recording, straight, through, record):
        told = [
            ("status", recording.status),
            ("provider", recording.provider),
            ("target_model", recording.model),
            ("model", f"{recording.provider}/{recording.model}"),
            ("key", "acceptance"),
            ("stream", recording.streamed),
            ("attempts", 1),
            ("response_bytes", len(straight.body)),
        ]
        if recording.status == 200:
            # Groq's failed tool call ends its stream with an error event after content.
            failed = recording.streamed and reading.error_in(name, straight.body.decode(), True)
            told += [("outcome", "upstream_error" if failed else "ok")]
            if recording.expect["stop"] and recording.wire != "openai.responses":
                told.append(("finish", recording.expect["stop"]))
        else:
            told += [("outcome", "upstream_error"), ("usage", None)]
        wrong = [f"{key} {record[key]!r} instead of {want!r}" for key, want in told if record.get(key) != want]
        return wrong and f"{recording.id}: {', '.join(wrong)}"

    report(itertools.starmap(fault, played[1][name]))


def usage_faults(results, kinds: set[str]):
    for recording, straight, _, record in results:
        if recording.status == 200:
            only = lambda usage: {kind: n for kind, n in (usage or {}).items() if kind in kinds}  # noqa: E731
            got, want = only(record["usage"]), only(usage_of(recording, straight))
            if got != want:
                yield f"{recording.id}: {got} instead of {want}"


@pytest.mark.parametrize("name", WIRES)
def test_the_access_log_has_the_usage(played, name):
    report(usage_faults(played[1][name], {"input", "output", "cache_read", "cache_write"}))


@pytest.mark.parametrize(
    "name", WIRES
)
def test_the_access_log_has_the_reasoning_tokens(played, name):
    report(usage_faults(played[1][name], {"reasoning"}))


def usage_of(recording, straight) -> dict | None:
    """What the gateway must have recorded; embeddings have usage that `expect` leaves out."""
    usage = recording.expect["usage"]
    if recording.wire == "openai.embeddings":
        usage = json.loads(straight.body).get("usage")
    # Of usage that tells no count which the record has, nothing is known.
    return reading.normalised(recording.wire, usage) or None


@pytest.mark.parametrize("kind", ["input", "output", "cache_read", "cache_write", "reasoning"])
def test_the_metrics_add_up_to_the_usage(played, kind):
    gateway, results = played
    want = collections.Counter()
    for recording, straight, *_ in itertools.chain.from_iterable(results.values()):
        if recording.status == 200:
            want[recording.provider] += (usage_of(recording, straight) or {}).get(kind, 0)
    assert sum(want.values()) > 0
    got = {p: gateway.metric("sluicegate_tokens_total", provider=p, kind=kind) for p in want}
    assert got == dict(want), f"{kind} tokens"


def test_the_metrics_count_every_request_once(played):
    gateway, results = played
    requests = sum(len(answers) for answers in results.values())
    assert gateway.metric("sluicegate_requests_total") == requests
    assert gateway.metric("sluicegate_upstream_attempts_total") == requests
    for gauge in ("sluicegate_open_streams", "sluicegate_open_requests"):
        assert gateway.metric(gauge) == 0, gauge
    # Callers named hundreds of models, none of them configured: one series for all.
    models = {series for series in gateway.metrics() if series.startswith("sluicegate_tokens_total")}
    assert all('model="other"' in series for series in models), models


# ---- streams, however they are cut and written ----------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", STREAMED)
def test_a_stream_survives_every_mode(gateway, upstream, name, mode):
    def fault(recording):
        straight = direct(upstream.port, recording, rewriting(mode))
        through = play(gateway.port, recording, mode)
        label = f"{recording.id} [{mode}]"
        if not straight.whole or straight.status != 200:
            return f"{label}: the upstream itself: {straight}"
        cut_short = mode == "nodone" and not has_finish(name, straight.body.decode())
        if cut_short:
            return untrue(name, recording, through, label)
        if not through.whole or through.status != 200:
            return f"{label}: {through}"
        if through.body != straight.body:
            return f"{label}: {difference(through.body, straight.body)}"
        if through.header("content-type") != straight.header("content-type"):
            return f"{label}: content-type {through.header('content-type')!r}"
        if through.header("content-encoding") or through.header("content-length"):
            return f"{label}: {through.headers}"
        got = [data for _, data in reading.parsed(through.body.decode()) if data != {"type": "ping"}]
        want = [data for _, data in reading.parsed(recording.raw["response"]["sse_text"]) if data != {"type": "ping"}]
        if got != (want[:-1] if mode == "nodone" else want):
            return f"{label}: other events"
        said = reading.read(name, True, through.body.decode()).as_expected()
        if mode != "nodone" and said != reading.comparable(recording.expect):
            return f"{label}: {said} instead of {recording.expect}"

    report(wire.each(fault, streams(name)))


def rewriting(mode: str) -> str:
    """The part of a mode that changes the text; how it is cut, compressed and delayed must leave no trace."""
    return ",".join(part for part in mode.split(",") if part.split(":")[0] in SSE)


@pytest.mark.parametrize("mode", ["events", "crlf", "rand:1", "comments", "nospace", "ids", "gzip!", "bytewise"] + ["multiline"])
def test_usage_is_not_told_to_those_who_did_not_ask(gateway, upstream, mode):
    """The gateway asks for usage in a stream for its own record; the client must not see a trace of that."""

    def fault(recording):
        label = f"{recording.id} [{mode}]"
        request_id = f"unasked-{mode}-{recording.id}"
        request_id = "".join(c if c.isalnum() or c == "-" else "_" for c in request_id)
        through = play(gateway.port, recording, mode, usage=False, **{"x-request-id": request_id})
        straight = direct(upstream.port, recording, rewriting(mode))
        if not through.whole:
            return f"{label}: {through}"
        want = reading.parsed(straight.body.decode())
        if recording.provider == "openai":  # Mistral's preset asks for nothing, and so takes nothing away
            want = [(event, without_usage(value)) for event, value in want if not only_usage(value)]
        got = reading.parsed(through.body.decode())
        if got != want:
            pairs = itertools.zip_longest(got, want)
            return f"{label}: {next((a, b) for a, b in pairs if a != b)}"
        if gateway.record(request_id).get("usage") != usage_of(recording, straight):
            return f"{label}: recorded usage {gateway.record(request_id).get('usage')}"

    report(wire.each(fault, streams("openai.chat")))


def only_usage(value) -> bool:
    return isinstance(value, dict) and value.get("choices") == [] and bool(value.get("usage"))


def without_usage(value):
    if isinstance(value, dict) and "usage" in value and value["usage"] is None:
        return {key: inner for key, inner in value.items() if key != "usage"}
    return value


def test_streams_come_through_over_http2(gateway, upstream):
    """HTTP/2 without TLS, one stream after the other on one connection."""
    modes = ["events", "rand:1", "gzip!", "crlf", "nochunk", "cut:3", "midfail:3", "429", "bigheader"]
    with httpx.Client(http1=False, http2=True, base_url=gateway.url, timeout=wire.DEADLINE) as client:

        def fault(recording, mode):
            label = f"{recording.id} [{mode}] over HTTP/2"
            more = tape.ASKED if recording.wire == "openai.chat" else {}
            model = f"{recording.provider}/{recording.model}"
            path, body = recording.request(model, tape.prompt(recording, mode), **more)
            answer = client.post(path, content=body, headers=tape.credentials(recording.wire))
            through = wire.Answer(answer.status_code, list(answer.headers.items()), answer.content, whole=True)
            if answer.http_version != "HTTP/2":
                return f"{label}: {answer.http_version}"
            if mode.startswith(("cut", "midfail")):
                return untrue(recording.wire, recording, through, label)
            if mode == "429":
                return answer.status_code != 429 and f"{label}: {through}"
            want = direct(upstream.port, recording, rewriting(mode)).body
            return answer.content != want and f"{label}: {difference(answer.content, want)}"

        every = [r for name in STREAMED for r in streams(name)]
        jobs = [(r, mode) for r in every for mode in modes if events_in(r) > 4 or mode[:3] not in ("cut", "mid")]
        report(itertools.starmap(fault, jobs))


def test_many_requests_share_an_http2_connection(gateway):
    with httpx.Client(http1=False, http2=True, base_url=gateway.url, timeout=wire.DEADLINE) as client:

        def fault(recording):
            model = f"{recording.provider}/{recording.model}"
            path, body = recording.request(model, tape.prompt(recording, "429"))
            try:
                answer = client.post(path, content=body, headers=tape.credentials(recording.wire))
            except httpx.HTTPError as error:
                return f"{recording.id}: {error!r}"
            return answer.status_code != 429 and f"{recording.id}: {answer.status_code}"

        report(wire.each(fault, 3 * [r for name in STREAMED for r in streams(name)]))


# ---- upstreams that break -------------------------------------------------------------------------------------------


def events_in(recording) -> int:
    return len(reading.events(recording.raw["response"]["sse_text"]))


def has_finish(name: str, body: str) -> bool:
    """Whether a stream says why it ended, so that what is missing behind that is no loss."""
    if name == "openai.responses":
        return reading.ends_well(name, body)
    data = [value for _, value in reading.parsed(body) if isinstance(value, dict)]
    ends = [choice.get("finish_reason") for value in data for choice in value.get("choices") or []]
    ends += [value["delta"].get("stop_reason") for value in data if value.get("type") == "message_delta"]
    return any(ends) or reading.ends_well(name, body)


def untrue(name: str, recording, through, label: str) -> str | None:
    """What is wrong with how a client was told of a failure; nothing if it was told the truth."""
    if through.broke == "HANG":
        return f"{label}: a hang: {through}"
    if not through.status:
        return f"{label}: no answer at all, {through.broke}"
    if not through.whole:
        # Breaking off is honest, but a stream that can tell why must.
        return f"{label}: broke off without an error: {through}"
    body = through.body.decode(errors="replace")
    if through.status >= 400:
        if not (error := reading.error_in(name, body, False)):
            return f"{label}: an error that is not in the dialect: {through}"
        kind = {"openai": "type", "anthropic": "type", "gemini": "status"}[name.split(".")[0]]
        return None if error.get(kind) else f"{label}: an error without a {kind}: {through}"
    if reading.ends_well(name, body):
        return f"{label}: a clean end: {through}"
    if not reading.error_in(name, body, True):
        return f"{label}: no error at the end: {through}"


#: Each is tried after 0, 1, 2 events, in the middle, and just before the end is told.
KINDS = ["cut", "cutmid", "rst", "badchunk", "midfail", "nochunk,cut", "nochunk,cutmid", "gzip!,cut", "gzip!,rst", "crlf,cut"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", STREAMED)
def test_a_stream_that_breaks_is_told_truthfully(gateway, name, kind):
    def jobs():
        for recording in streams(name):
            data = reading.events(recording.raw["response"]["sse_text"])
            # Once the end was told, nothing can be lost any more.
            whole = next((n for n in range(len(data)) if tells_end(name, data[: n + 1])), len(data))
            for place in sorted({0, 1, 2, whole // 2, whole}):
                if place <= whole and place < len(data):
                    yield recording, f"{kind}:{place}"

    def fault(job):
        recording, mode = job
        label = f"{recording.id} [{mode}]"
        through = play(gateway.port, recording, mode)
        text = through.body.decode(errors="replace")
        if through.status == 200 and not recording.raw["response"]["sse_text"].startswith(ours_cut(name, text)):
            return f"{label}: what came before the error was changed: {through}"
        return untrue(name, recording, through, label)

    report(wire.each(fault, list(jobs())))


def tells_end(name: str, data: list[tuple[str, str]]) -> bool:
    text = "".join((f"event: {event}\n" if event else "") + f"data: {value}\n\n" for event, value in data)
    return has_finish(name, text)


def ours_cut(name: str, text: str) -> str:
    """An answer without the error at its end."""
    return text[: text.rstrip().rfind("\n\n") + 2] if "\n\n" in text.rstrip() else ""


@pytest.mark.parametrize("mode", ["refuse", "garbage", "html", "gzip!,html", "empty"])
@pytest.mark.parametrize("name", STREAMED)
def test_no_stream_at_all_is_an_error(gateway, name, mode):
    def fault(recording):
        through = play(gateway.port, recording, mode)
        label = f"{recording.id} [{mode}]"
        if through.status == 200:
            return f"{label}: status 200 for nothing: {through}"
        return untrue(name, recording, through, label)

    report(wire.each(fault, streams(name)))


@pytest.mark.parametrize(
    "mode",
    ["refuse", "garbage", "badjson", "html", "empty", "wronglen+", "wronglen-", "cut:0", "cutmid:0", "rst:0", "badchunk:0"]
    + ["nochunk,cutmid:0", "gzip!,badjson", "gzip!,cutmid:0"],
)
def test_a_whole_answer_that_breaks_is_an_error(gateway, mode):
    def fault(recording):
        through = play(gateway.port, recording, mode)
        label = f"{recording.wire} {recording.id} [{mode}]"
        if through.whole and through.status == 200:
            return f"{label}: status 200 for a broken answer: {through}"
        return untrue(recording.wire, recording, through, label)

    report(wire.each(fault, [r for name in WIRES for r in wholes(name, 15)]))


@pytest.mark.parametrize("mode", ["gzip!", "nochunk", "tcpbyte", "gzip!,nochunk", "slowfirst:80", "slowheaders:80", *HEADERS])
def test_a_whole_answer_survives_every_mode(gateway, upstream, mode):
    def fault(recording):
        through, straight = play(gateway.port, recording, mode), direct(upstream.port, recording)
        label = f"{recording.wire} {recording.id} [{mode}]"
        if not through.whole or through.status != 200:
            return f"{label}: {through}"
        if through.header("content-encoding"):
            return f"{label}: says to be {through.header('content-encoding')}"
        return through.body != straight.body and f"{label}: {difference(through.body, straight.body)}"

    report(wire.each(fault, [r for name in WIRES for r in wholes(name, 15) if "tcpbyte" not in mode or small(r)]))


def small(recording) -> bool:
    return len(json.dumps(recording.raw["response"])) < 20_000


def test_headers_of_the_answer_are_kept(gateway, upstream):
    recording = wholes("openai.chat", 1)[0]
    through = play(gateway.port, recording, "bigheader:60")
    assert len(through.header("x-big")) == 60 * 1024
    assert not play(gateway.port, recording, "earlyhints").interim
    recording = streams("openai.chat")[0]
    types = [value for name, value in play(gateway.port, recording, "dupct").headers if name == "content-type"]
    assert types[0].startswith("text/event-stream"), types


STATUSES = [400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529]


@pytest.mark.parametrize("status", STATUSES)
def test_an_error_status_comes_through(gateway, upstream, status):
    def fault(job):
        name, recording = job
        label = f"{name} {recording.id} [{status}]"
        through, straight = play(gateway.port, recording, str(status)), direct(upstream.port, recording, str(status))
        if wrong := untrue(name, recording, through, label):
            return wrong
        if status == 401:
            # The provider refuses the operator's key, which is not the caller's fault.
            return through.status != 502 and f"{label}: {through}"
        if through.status != status or through.body != straight.body:
            return f"{label}: {through} instead of {straight}"
        if through.header("content-type") != straight.header("content-type"):
            return f"{label}: content-type {through.header('content-type')}"

    jobs = [(name, r) for name in WIRES for r in wholes(name, 3) + streams(name)[:3]]
    report(wire.each(fault, jobs))


@pytest.mark.parametrize(
    "mode, seconds",
    [("429:99:7", 7), ("429", 1), ("429ms:99:1500", 2), ("429date:99:30", 30), ("503:99:9", 9), ("529:99:9", 9), ("503ms:99:2500", 2.5)],
)
@pytest.mark.parametrize("name", STREAMED)
def test_when_to_come_back_is_told(gateway, name, mode, seconds):
    for recording in streams(name)[:2]:
        through = play(gateway.port, recording, mode)
        label = f"{recording.id} [{mode}]: {through.headers}"
        assert through.status == int(mode[:3]), label
        if milliseconds := through.header("retry-after-ms"):
            told = float(milliseconds) / 1000
        elif (text := through.header("retry-after")) and text.isdigit():
            told = float(text)
        else:
            assert text and text.endswith("GMT") and "date" in mode, label
            continue
        # A date is a second old by the time it is read.
        assert seconds - 2 < told <= math.ceil(seconds), label


def test_an_error_that_goes_away_is_gone(gateway):
    """After `n` failures the next request is good: nothing stays poisoned, no connection is out of step."""
    for name in STREAMED:
        recording = streams(name)[0]
        statuses = [play(gateway.port, recording, "500:2").status for _ in range(4)]
        assert statuses == [500, 500, 200, 200], recording.id


@pytest.fixture(scope="module")
def impatient(acceptance, upstream, tmp_path_factory):
    """The acceptance configuration with short time limits."""
    text = acceptance.read_text()
    for kind in ("openai", "anthropic", "gemini"):
        limits = "timeouts: { first_byte: 1500ms, idle: 1s }"
        text = text.replace(f"    kind: {kind}\n", f"    kind: {kind}\n    {limits}\n")
    path = tmp_path_factory.mktemp("impatient") / "gateway.yaml"
    path.write_text(text)
    with Gateway("run", "-c", str(path), env={"UPSTREAM": upstream.url}) as gateway:
        yield gateway


@pytest.mark.parametrize("mode", ["hang", "hangbody", "slowheaders:9000", "slowfirst:9000", "stall:3:9000", "comments,delay:200"])
def test_silence_ends_in_an_error(impatient, mode):
    def fault(recording):
        through = play(impatient.port, recording, mode, timeout=8)
        label = f"{recording.id} [{mode}]"
        if mode.startswith("stall") and events_in(recording) < 5:
            return None
        if "delay" in mode:  # alive, and slow
            return not through.whole and f"{label}: {through}"
        if not mode.startswith("stall") and through.status != 504:
            return f"{label}: {through}"
        return untrue(recording.wire, recording, through, label)

    short = lambda name: [r for r in sorted(streams(name), key=events_in) if events_in(r) < 13][:4]  # noqa: E731
    chosen = [r for name in STREAMED for r in short(name)]
    if not mode.startswith("stall") and "delay" not in mode:
        chosen += [r for name in WIRES for r in wholes(name, 2)]
    report(wire.each(fault, chosen))


# ---- what the upstream gets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WIRES)
def test_a_recorded_request_reaches_the_upstream_as_it_is(gateway, upstream, name):
    """The recorded bodies, with everything that SDKs put into them, and headers that must stay here."""
    since = upstream.stats().get("last", 0)
    secrets = {
        "cookie": "session=topsecret",
        "x-sluicegate-note": "topsecret",
        "x-sluicegate-api-key": KEY,
        "proxy-authorization": "Basic topsecret",
        "x-forwarded-for": "203.0.113.7",
    }

    def ask(recording):
        mark = f"request-{recording.id}"
        body = {**recording.raw["request"]["body"], "x_replay": tape.prompt(recording)}
        model = f"{recording.provider}/{recording.model}"
        if not name.startswith("gemini"):
            body["model"] = model
        path = recording.path.format(model) + recording.query
        headers = tape.credentials(name) | secrets | {"x-client-request-id": mark}
        return mark, wire.ask(gateway.port, path, json.dumps(body).encode(), headers)

    answers = wire.each(ask, recordings(name))
    arrived = {dict(entry["headers"]).get("x-client-request-id"): entry for entry in upstream.log(since)}

    def fault(recording, answer):
        mark, through = answer
        if mark not in arrived:
            return f"{recording.id}: never arrived: {through}"
        entry = arrived[mark]
        want = {**recording.raw["request"]["body"], "x_replay": tape.prompt(recording)}
        asks = name == "openai.chat" and want.get("stream") and recording.provider == "openai"
        if asks:
            want["stream_options"] = {**(want.get("stream_options") or {}), "include_usage": True}
        if entry.get("body") != want:
            keys = {key for key in {*want, *entry["body"]} if entry["body"].get(key) != want.get(key)}
            return f"{recording.id}: other body in {keys}"
        path = recording.path.format(recording.model)
        if (entry["path"], entry["query"]) != (path, recording.query.removeprefix("?")):
            return f"{recording.id}: {entry['path']}?{entry['query']} instead of {path}{recording.query}"
        headers = dict(entry["headers"])
        shown = json.dumps(entry["headers"])
        if KEY in shown or "topsecret" in shown or "203.0.113.7" in shown:
            return f"{recording.id}: a secret left the gateway: {shown}"
        if leaked := [header for header in headers if header.startswith("x-sluicegate-") or header == "cookie"]:
            return f"{recording.id}: {leaked} left the gateway"
        own = {"openai": "authorization", "anthropic": "x-api-key", "gemini": "x-goog-api-key"}[name.split(".")[0]]
        if not headers.get(own, "").endswith(f"sk-upstream-{recording.provider}"):
            return f"{recording.id}: {own}: {headers.get(own)!r}"
        if through.status != recording.status:
            return f"{recording.id}: {through}"

    report(map(fault, recordings(name), answers))


@pytest.fixture(scope="module")
def listener(acceptance):
    with Listener() as listener, Gateway("run", "-c", str(acceptance), env={"UPSTREAM": listener.url}) as gateway:
        yield listener, gateway


STYLES = {
    "compact": {"separators": (",", ":"), "ensure_ascii": False},
    "indented": {"indent": 3},
    "spaced": {"separators": (" , ", " :  "), "ensure_ascii": False},
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", WIRES)
def test_a_request_keeps_its_bytes(listener, name, style):
    """However the client writes its JSON, what is not edited is not touched: only the model is, and the wish for usage."""
    upstream, gateway = listener
    upstream.answer(400, {"error": {"message": "heard", "type": "invalid_request_error"}})
    sent = {}

    def ask(recording):
        model = f"{recording.provider}/{recording.model}"
        body = dict(recording.raw["request"]["body"])
        if not name.startswith("gemini"):
            body["model"] = model
        if body.get("stream") and name == "openai.chat":
            body["stream_options"] = {"include_usage": True}
        text = json.dumps(body, **STYLES[style])
        if not name.startswith("gemini"):
            written = json.dumps(model)
            assert written in text
            colon = STYLES[style].get("separators", (", ", ": "))[1]
            own = f'"model"{colon}'
            sent[recording.id] = text.replace(own + written, own + json.dumps(recording.model), 1)
        else:
            sent[recording.id] = text
        headers = tape.credentials(name) | {"x-client-request-id": recording.id}
        wire.ask(gateway.port, recording.path.format(model) + recording.query, text.encode(), headers)

    wire.each(ask, recordings(name))
    heard = {headers["x-client-request-id"]: body for _, headers, body in upstream.requests}

    def fault(recording):
        got, want = heard.get(recording.id, b""), sent[recording.id].encode()
        return got != want and f"{recording.id}: {difference(got, want)}"

    report(map(fault, recordings(name)))
