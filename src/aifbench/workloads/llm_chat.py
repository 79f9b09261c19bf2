"""`llm-chat`: requests to an OpenAI-compatible `/v1/chat/completions`, streamed or not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from aifbench.errors import LoadError
from aifbench.load.transport.address import parse
from aifbench.load.transport.http import HttpClient, encode_request, fetch
from aifbench.load.transport.http_answer import HttpAnswer
from aifbench.load.transport.refusal import explain
from aifbench.load.transport.secret import resolve
from aifbench.load.transport.trust import trust_of
from aifbench.model.operation import OK, Operation
from aifbench.model.options import Count, Number, Options, Sweep
from aifbench.model.service import Endpoint
from aifbench.workloads.base import Done, PrepareContext, Slot, WireClient, WorkerContext, Workload
from aifbench.workloads.llm.chat_stream import ChatAnswer, read_stream, read_whole
from aifbench.workloads.llm.words import prompt

PATH = "/v1/chat/completions"
TRACE = "trace"


class ChatOptions(Options):
    input_tokens: Sweep[Count | Literal["trace"]] = Field(
        128,
        description="prompt length in tokens: words are sent, as many as the server's own token counts of two trial "
        "prompts suggest; the lengths that the server counted are in the result; "
        "`trace` takes each from the load's trace",
    )
    output_tokens: Sweep[Count | Literal["trace"]] = Field(
        64, description="upper limit of generated tokens (max_tokens); `trace` takes each from the load's trace"
    )
    stream: bool = Field(default=True, description="ask for a stream of events; without it there is no TTFT")
    model: str | None = Field(None, description="model name; default: what the target says it serves")
    system: str | None = Field(None, description="text of a system message sent before every prompt")
    temperature: Number | None = Field(None, ge=0, le=10, description="sampling temperature; default: the server's")
    ignore_eos: bool = Field(
        default=True, description="ask the server to go on to the limit (a vLLM and llama.cpp extension)"
    )
    extra: dict[str, Any] = Field(default_factory=dict, description="further members of the request, passed as given")


class LlmChat(Workload):
    recipe_keys: ClassVar[type[Options]] = ChatOptions
    summary: ClassVar[str] = "Chat requests to an OpenAI-compatible server, streamed or not"
    family: ClassVar[str] = "llm"
    targets: ClassVar[tuple[str, ...]] = ("openai",)
    prepared_by: ClassVar[tuple[str, ...]] = ("model", "system")
    transport: ClassVar[str] = "http"
    options: ChatOptions

    def prepare(self, context: PrepareContext) -> Mapping[str, Any]:
        """Learn the model's name and how many tokens a word takes. Raises LoadError when the server does not answer."""
        endpoint = context.target.endpoint(*self.targets)
        model = self.options.model or endpoint.attributes.get("model") or _served_model(endpoint)
        counts = [_count_tokens(self.options, endpoint, model, context.seed, words) for words in (16, 80)]
        facts: dict[str, Any] = {"model": model}
        if None not in counts and counts[1] > counts[0]:
            per_word = (counts[1] - counts[0]) / 64
            facts |= {"tokens_per_word": per_word, "tokens_around": counts[0] - 16 * per_word}
        context.say(f"model {model}, {facts.get('tokens_per_word', 'unknown')} tokens per word")
        return facts

    def open_client(self, context: WorkerContext) -> WireClient:
        return ChatClient(self.options, context)


def _headers(endpoint: Endpoint) -> dict[str, str]:
    key = endpoint.attributes.get("api_key")
    return {"Authorization": f"Bearer {resolve(str(key))}"} if key else {}


def _request(options: ChatOptions, model: str | None, text: str, limit: int) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    if options.system:
        messages.insert(0, {"role": "system", "content": options.system})
    body: dict[str, Any] = {"messages": messages, "max_tokens": limit}
    if model:
        body["model"] = model
    if options.temperature is not None:
        body["temperature"] = options.temperature
    if options.ignore_eos:
        body["ignore_eos"] = True
    return body


def _post(endpoint: Endpoint, path: str, body: Mapping[str, Any] | None) -> Any:
    """The decoded JSON answer. Raises LoadError with what the server said."""
    method = "GET" if body is None else "POST"
    raw = None if body is None else json.dumps(body).encode()
    trust = trust_of(endpoint.attributes)
    try:
        answer = fetch(endpoint.url, method, path, raw, _headers(endpoint), timeout_s=120.0, trust=trust)
        data = answer.body()
    except OSError as error:
        words, hint = explain(error)
        raise LoadError(f"the server did not answer: {words}", where=endpoint.url + path, hint=hint) from error
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    if answer.status != 200 or found is None:
        raise LoadError(
            f"{method} got status {answer.status}, expected 200 with JSON",
            where=endpoint.url + path,
            quoted=data[:500].decode("utf-8", "replace").splitlines(),
            hint="check that the target speaks the OpenAI API and serves the model named in the recipe",
        )
    return found


def _served_model(endpoint: Endpoint) -> str | None:
    try:
        models = _post(endpoint, "/v1/models", None)["data"]
    except (LoadError, LookupError, TypeError):
        return None
    return str(models[0]["id"]) if models else None


def _count_tokens(options: ChatOptions, endpoint: Endpoint, model: str | None, seed: int, words: int) -> Any:
    """How many prompt tokens the server counts for a prompt of `words` words; None when it does not say."""
    body = _request(options, model, prompt(seed, -words, words), 1)
    usage = _post(endpoint, PATH, body).get("usage")
    return usage.get("prompt_tokens") if isinstance(usage, dict) else None


def _by_seq(said: object, context: WorkerContext, which: int) -> Callable[[int], int]:
    """The number of tokens of each operation. Raises LoadError when the load has no trace of them."""
    if said != TRACE:
        assert isinstance(said, int)
        fixed: int = said
        return lambda _: fixed
    if context.lengths is None:
        raise LoadError(
            "input_tokens or output_tokens says `trace`, but the load has no trace with lengths",
            hint="load: {arrival: trace, file: …}, with input_column and output_column or a format that has both",
        )
    column = context.lengths[which]
    return lambda seq: int(column[seq])


class ChatClient:
    """Builds one request per operation and reads the answers after the load."""

    def __init__(self, options: ChatOptions, context: WorkerContext) -> None:
        self._options = options
        self._seed = context.seed
        self._model = context.prepared.get("model")
        endpoint = context.target.endpoint("openai")
        self._address = parse(endpoint.url)
        self._headers = _headers(endpoint)
        self.reuses_connections = not (options.stream and endpoint.attributes.get("stream_keep_alive") is False)
        if not self.reuses_connections:
            self._headers["Connection"] = "close"  # the server closes after a stream without saying so
        self._input_tokens = _by_seq(options.input_tokens, context, 0)
        self._limit = _by_seq(options.output_tokens, context, 1)
        self.events_per_operation = self._limit(0) if options.stream else 1
        self._per_word = float(context.prepared.get("tokens_per_word", 1.0))
        self._around = float(context.prepared.get("tokens_around", 0.0))
        self._http = HttpClient(
            endpoint.url,
            self._build,
            trust=trust_of(endpoint.attributes),
            kernel_stamps=context.timestamps == "kernel",
        )
        self.build_ahead = self._http.build_ahead
        self.kernel_stamped = self._http.kernel_stamped
        self._read = read_stream if options.stream else read_whole

    def kind(self, seq: int) -> str:
        return "chat"

    def _build(self, operation: Operation) -> bytes:
        seq = operation.seq
        text = prompt(self._seed, seq, self._words(self._input_tokens(seq)))
        body = _request(self._options, self._model, text, self._limit(seq))
        if self._options.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        body |= self._options.extra
        return encode_request("POST", PATH, self._address, json.dumps(body).encode(), self._headers)

    def _words(self, tokens: int) -> int:
        return max(1, round((tokens - self._around) / self._per_word))

    def open_slot(self, loop: Any, done: Done) -> Slot:
        return self._http.open_slot(loop, done)

    def columns(self, operations: Sequence[Operation]) -> Mapping[str, Sequence[Any]]:
        """Stamps of content events, token counts with their source, and how each answer ended."""
        self._http.settle(operations)
        read = [self._take(operation) for operation in operations]
        return {
            "event_ns": [answer.event_ns for answer in read],
            "answer_ns": [answer.answer_ns or None for answer in read],
            "other_events": [answer.other_events for answer in read],
            "output_tokens": [answer.output_tokens for answer in read],
            "output_tokens_source": [answer.output_tokens_source for answer in read],
            "input_tokens": [answer.input_tokens for answer in read],
            "response_id": [answer.response_id for answer in read],
            "finish_reason": [answer.finish_reason for answer in read],
        }

    def _take(self, operation: Operation) -> ChatAnswer:
        answer = operation.detail
        if not isinstance(answer, HttpAnswer) or not answer.status or answer.status >= 300:
            return ChatAnswer()
        found = self._read(answer)
        operation.detail = None
        if found.error and operation.status == OK:
            operation.fail(found.error, found.note)
        if found.event_ns:
            operation.first, operation.last = found.event_ns[0], found.event_ns[-1]
        return found

    def facts(self) -> Mapping[str, Any]:
        said = self._options.input_tokens
        words = self._words(said) if isinstance(said, int) else None  # of a trace: each its own
        return {**self._http.facts(), "model": self._model, "words_per_prompt": words}

    def close(self) -> None:
        self._http.close()
