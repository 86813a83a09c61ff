"""What a provider is to us: names, an address, and pure functions that build requests and parse answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar
from weakref import WeakValueDictionary

from multiapi.errors import InvalidRequestError, MultiApiError, StatusError, UnsupportedError
from multiapi.http.exchange import HttpRequest, HttpResponse
from multiapi.types.chat import ChatApi, ChatDelta, ChatRequest, ChatResponse, StructuredMethod
from multiapi.types.limits import Limits
from multiapi.types.usage import Cost

if TYPE_CHECKING:
    from typing import Protocol

    class StreamDecoder(Protocol):
        """Turns the bytes of one streamed answer into deltas; see `multiapi.formats.stream.ChatStream`."""

        done: bool
        """The provider said that this was all."""

        def feed(self, chunk: bytes) -> Sequence[ChatDelta]:
            """The deltas that became complete with these bytes."""

        def close(self) -> Sequence[ChatDelta]:
            """The end of the body. Raises `StreamInterruptedError` if it came too early."""

        def partial(self) -> ChatResponse:
            """What has arrived so far."""

        @property
        def events(self) -> int:
            """How many events were read; keep-alives do not count."""

    class EventDecoder(Protocol):
        """Turns the bytes of one response into what is handed on: see `multiapi.formats.named_events.NamedEvents` and
        `multiapi.formats.streamed_sound.SoundStream`.
        """

        done: bool
        """The provider said that this was all."""

        def feed(self, chunk: bytes) -> Sequence[Any]:
            """The events, or the sound, that became complete with these bytes."""

        def close(self) -> Sequence[Any]:
            """The end of the body. Raises `StreamInterruptedError` if it came too early."""

        def partial(self) -> Any:
            """What has arrived so far."""

        @property
        def events(self) -> int:
            """How many events were read."""

        @property
        def last(self) -> Mapping[str, Any]:
            """What the events are about, as the newest of them shows it."""

        @property
        def is_complete(self) -> bool:
            """What breaks now takes nothing away."""


class Retry(Enum):
    """What may be repeated; the columns of the table in `docs/errors.md`."""

    READ = "read"
    """GET and HEAD: nothing is charged."""
    ANSWER = "answer"
    """Chat, embeddings, transcription, moderation: charged per answer."""
    MEDIA = "media"
    """Images, speech, music that come at once: paid, expensive."""
    JOB = "job"
    """Starts a job: a repetition may start, and later charge, a second one."""


Q = TypeVar("Q")
R = TypeVar("R")

Status = Literal["documented", "assumed", "none", "legacy", "removed"]


if TYPE_CHECKING:  # making it costs an import 166 calls
    Capability = Literal[
        "chat", "streaming", "tools", "structured_output", "json_mode", "reasoning", "vision", "documents", "audio_in", "video_in",
        "audio_out", "embeddings", "image", "image_edit", "speech", "transcription", "transcription_jobs", "music", "music_jobs", "video",
        "3d", "ocr", "vision_features", "moderation", "web_search", "search_engine", "assistants", "batches", "files", "jobs", "models",
        "model", "model_schema", "metrics", "deprecations", "usage", "daily_usage", "transactions", "balance", "credits", "logs", "keys", "health",
        "responses", "messages", "file_to_base64", "decode_base64",
    ]  # fmt: skip
"""What a provider of this package may have, by the contracts' words."""


class Withdrawal(NamedTuple):
    """When an operation was withdrawn, as far as it is known, and what does the same today.

    With `is_guess` it is still described, and nobody knows whether it is served: a 404 that is not about an id of the request says no.
    """

    since: str | None
    instead: str
    is_guess: bool = False


_WORDS: dict[str, tuple[str, Capability]] = {
    "embed": ("embeddings", "embeddings"),
    "models": ("list of models", "models"),
    "model": ("operation for a single model", "model"),
    "model_schema": ("description of what a model takes", "model_schema"),
    "metrics": ("metrics of models", "metrics"),
    "deprecations": ("feed of deprecated models", "deprecations"),
    "image": ("image generation", "image"),
    "edit_image": ("image editing", "image_edit"),
    "speech": ("speech", "speech"),
    "transcribe": ("transcription", "transcription"),
    "start_transcription": ("transcription jobs", "transcription_jobs"),
    "poll_transcription": ("transcription jobs", "transcription_jobs"),
    "music": ("music", "music"),
    "start_music": ("music jobs", "music_jobs"),
    "poll_music": ("music jobs", "music_jobs"),
    "start_video": ("video", "video"),
    "poll_video": ("video", "video"),
    "mesh": ("3D models", "3d"),
    "ocr": ("OCR", "ocr"),
    "moderate": ("moderation", "moderation"),
    "search": ("search engine", "search_engine"),
    "vision_features": ("recognition of image features", "vision_features"),
    "balance": ("balance", "balance"),
    "credits": ("credits", "credits"),
    "usage": ("usage report", "usage"),
    "daily_usage": ("daily usage", "daily_usage"),
    "health": ("health check", "health"),
    "ready": ("health check", "health"),
    "live": ("health check", "health"),
    "logs": ("logs", "logs"),
    "transactions": ("list of transactions", "transactions"),
    "file_to_base64": ("file conversion", "file_to_base64"),
    "decode_base64": ("base64 decoding", "decode_base64"),
    "responses": ("Responses API", "responses"),
    "messages": ("Anthropic messages", "messages"),
    "create_batch": ("batches", "batches"),
    "get_batch": ("batches", "batches"),
    "cancel_batch": ("batches", "batches"),
    "create_key": ("key management", "keys"),
    "upload_file": ("files", "files"),
}
"""What operations are called in a sentence, and the capability that says who has them, by the names that several providers share."""


@dataclass(frozen=True, slots=True)
class Operation(Generic[Q, R]):
    """One thing a provider does: how to ask for it and how to read the response. Neither function sends, waits or knows a key.

    Attributes:
        noun: What it is called in a sentence; what every provider calls an operation of this name unless it is given.
        capability: The word for it in `Provider.capabilities`; as `noun`.
        retry: What may be repeated when it fails.
        limit: Which of `Limits` bounds its response.
        withdrawn: Set for what the provider has withdrawn: its 404 is a `WithdrawnError`.
        elsewhere: Another path that is asked once after a 404; only for what is free and changes nothing.
        free: Nothing is charged for it, although it is not a reading.
        events: The same, handed on while it comes; None where no such response is documented.
    """

    name: str
    build: Callable[[Q], HttpRequest]
    parse: Callable[[HttpResponse], R]
    retry: Retry = Retry.ANSWER
    limit: Literal["answer_bytes", "embeddings_bytes", "media_answer_bytes", "file_bytes", "document_bytes"] = (
        "answer_bytes"
    )
    elsewhere: str | None = None
    withdrawn: Withdrawal | None = None
    free: bool = False
    events: EventOperation | None = None
    noun: str = ""
    capability: str = ""
    unchecked: Callable[[Q], HttpRequest] = field(init=False, repr=False, compare=False)
    """What `build` calls; anything may come out of it."""

    def __post_init__(self) -> None:
        noun, capability = _WORDS.get(self.name) or (f"operation {self.name!r}", self.name)
        object.__setattr__(self, "noun", self.noun or noun)
        object.__setattr__(self, "capability", self.capability or capability)
        given: Any = self.build
        object.__setattr__(self, "unchecked", given.build if isinstance(given, _Checked) else given)
        if not isinstance(given, _Checked):
            object.__setattr__(self, "build", _Checked(given, self.name))
        if self.events is not None and not isinstance(self.events.build, _Checked):
            self.events.build = _Checked(self.events.build, self.name)


def _words(operation: str) -> tuple[str, str]:
    """The noun and the capability of an operation that says neither."""
    return _WORDS.get(operation, (f"operation {operation!r}", operation))


class _Checked:
    """A `build` that raises only errors of this package, whatever the fields of a request hold."""

    __slots__ = ("build", "name")

    def __init__(self, build: Callable[[Any], HttpRequest], name: str) -> None:
        self.build = build
        self.name = name

    def __call__(self, request: Any) -> HttpRequest:
        try:
            return self.build(request)
        except MultiApiError:
            raise
        except Exception as error:
            wrong = f"{type(error).__name__}: {_unfit(request)}"
        raise InvalidRequestError(f"the request for {self.name} cannot be built ({wrong})")


def _unfit(request: Any) -> str:
    """The fields of a request whose values are of a type that their annotation does not name; no value is shown."""
    if not is_dataclass(request) or isinstance(request, type):
        return f"it is of the type {type(request).__name__}"
    held = [(each.name, str(each.type), type(getattr(request, each.name)).__name__) for each in fields(request)]
    odd = [
        f"`{name}` is {kind}, not {wanted}"
        for name, wanted, kind in held
        if kind not in wanted and kind not in {"list", "tuple", "dict", "NoneType"}
    ]
    return "; ".join(odd) or "a value in it does not fit"


@dataclass(frozen=True, slots=True)
class StreamOperation:
    """A streamed answer: how to ask for it, and what reads it."""

    build: Callable[[ChatRequest], HttpRequest]
    decoder: Callable[[HttpResponse, Limits], StreamDecoder]


class EventOperation:
    """A response that is handed on while it comes, in named events or as sound: how to ask for it, and what reads it."""

    __slots__ = ("build", "decoder", "yields")

    def __init__(
        self,
        build: Callable[[Any], HttpRequest],
        decoder: Callable[[HttpResponse, Limits], EventDecoder],
        yields: Literal["events", "sound"] = "events",
    ) -> None:
        self.build = build
        self.decoder = decoder
        self.yields = yields


class LateOperations(Mapping[str, Operation[Any, Any]]):
    """Operations of a provider, of which the rarer ones are imported when one of them is first asked for.

    Args:
        module: Has them as `OPERATIONS`, by name.
        known: Those that are there from the beginning.
    """

    def __init__(self, module: str, known: Mapping[str, Operation[Any, Any]] | None = None) -> None:
        self._module = module
        self._known = dict(known or {})
        self._complete = False

    def _all(self) -> Mapping[str, Operation[Any, Any]]:
        if not self._complete:
            self._known = {**import_module(self._module).OPERATIONS, **self._known}
            self._complete = True
        return self._known

    def __getitem__(self, name: str) -> Operation[Any, Any]:
        return self._known[name] if name in self._known else self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


@dataclass(frozen=True, kw_only=True, eq=False)
class Provider:
    """One provider.

    Attributes:
        name: What users type.
        title: What the provider calls itself.
        base_url: The API root as documented.
        other_key_envs: Variables that other packages read the key from; looked at in this order after `api_key_env`.
        other_base_url_envs: The same for the address.
        attribution: Headers that say on whose behalf requests are made, by the fields of `Attribution`.
        auth_header: Header that carries the key, and what stands before it.
        chat_stream: None where the provider documents no streaming; the whole response is then one delta.
        operations: Everything but chat, by name.
        final_statuses: Which 5xx would come again, from the contract's `x-retry`; the others are worth a repetition (chat, embeddings).
        rate_limit_is_final: A 429 means a limit that a short wait cannot help; repeated only with a Retry-After.
        rate_limit_wait_s: How long to wait at least after a 429 without Retry-After.
        native_tools: Tools are documented, or follow from stated compatibility; else they are asked for in the prompt.
        cuts_stop: Stop words are not documented, and are cut off on our side.
        unstreamed_limit_s: A 5xx that comes this many seconds after an unstreamed chat was sent stands for a limit of the provider's gateway: it is final.
        structured: Ways to structured output, best first.
        structured_by_model: The same for one model, where it depends on that; see `structured_for`.
        apis: The protocols that carry a chat, as in `ChatRequest.api`; its chat operations build and read all of them.
        choose_api: Which of them a request with `api="auto"` takes; None: always "chat".
        searching: Writes `ChatRequest.web_search` in the words of the model; None where no chat searches.
        prompt_cache_field: The field of a chat that `ChatRequest.prompt_cache` goes out in; None where the provider has no such switch.
        known_fields: The fields that a chat with one model is known to take; None where bodies are open.
        media_urls: Media in messages may be given by their address.
        capabilities: What it has, by the contract's words.
        operation_paths: Paths of operations that users copy into the address; they are taken off its end.
        normalize_base_url: Brings a configured address into the form that paths are appended to.
        routers: Models that choose another one, for which the provider charges once more than it tells in the response.
        withdrawn_models: Models that were sold as a system of their own and are withdrawn, with what does the same today.
        deprecation_of: What the packed list says of a model that is deprecated, superseded or withdrawn.
        request_id_header: Header in which the provider takes a client's own id.
        max_concurrency: Calls the provider lets run at once.
        requests_per_minute: The documented rate.
        read_cost: What a call cost, from its body and headers, for answers that cannot be read otherwise.
        units: Units in which the provider counts money; None is a provider that names none. Empty: not known.
        tells_cost: Paid answers are documented to say what they cost; elsewhere it is estimated from usage and prices, where they are known.
        batch_share: What part of the list price is charged for what is done in a batch; None is not known.
        embed_batch_size: Texts that go into one embedding request unless the caller says otherwise; None: as many as the package allows.
        max_body_bytes: The largest body that is taken; a larger one is refused before a connection is made.
        announces_per_minute: `x-ratelimit-limit` is documented as the requests per minute that this key has.
        default_models: The model of a call ("chat", "image", "speech", ...) where tools, readers and the command line are given none: one that
            the provider's own documentation uses in its examples.
        known_models: Ids of models for a call of `default_models`, as far as they are known without asking.
        default_voice: The voice of tools and the command line, for a provider that wants one to be named.
        context_windows: How many tokens models take, by the beginning of their ids, where that is not what their makers publish.
        preload: Reads what calls read from the disk at their first use; the async client calls it in a thread.
        hidden_tool_parameters: What a tool of agents does not offer because the provider has no field for it, by the tool's name.
    """

    name: str
    title: str
    base_url: str
    api_key_env: str
    base_url_env: str
    chat: Operation[ChatRequest, ChatResponse]
    read_error: Callable[[HttpResponse], StatusError]
    other_key_envs: tuple[str, ...] = ()
    other_base_url_envs: tuple[str, ...] = ()
    attribution: Mapping[str, str] = field(default_factory=dict)
    auth_header: tuple[str, str] = ("authorization", "Bearer ")
    chat_stream: StreamOperation | None = None
    operations: Mapping[str, Operation[Any, Any]] = field(default_factory=dict)
    final_statuses: frozenset[int] = frozenset()
    rate_limit_is_final: bool = False
    rate_limit_wait_s: float = 0.0
    native_tools: bool = True
    cuts_stop: bool = False
    unstreamed_limit_s: float | None = None
    structured: tuple[StructuredMethod, ...] = ("json_schema", "function_calling", "json_mode", "prompted")
    structured_by_model: Callable[[str], tuple[StructuredMethod, ...]] | None = None
    apis: tuple[ChatApi, ...] = ("chat",)
    choose_api: Callable[[ChatRequest], ChatApi] | None = None
    searching: Callable[[ChatRequest], ChatRequest] | None = None
    prompt_cache_field: str | None = None
    known_fields: Callable[[str], Collection[str]] | None = None
    media_urls: bool = True
    capabilities: Mapping[str, Status] = field(default_factory=dict)
    operation_paths: tuple[str, ...] = ("/chat/completions",)
    normalize_base_url: Callable[[str], str] = str
    routers: frozenset[str] = frozenset()
    withdrawn_models: Mapping[str, Withdrawal] = field(default_factory=dict)
    deprecation_of: Callable[[str], Any] | None = None
    preload: Callable[[], None] | None = None
    request_id_header: str | None = None
    max_concurrency: int | None = None
    requests_per_minute: int | None = None
    units: tuple[str | None, ...] = ()
    tells_cost: bool = True
    batch_share: Decimal | None = None
    embed_batch_size: int | None = None
    read_cost: Callable[[Mapping[str, Any], Mapping[str, str]], Cost | None] | None = None
    announces_per_minute: bool = False
    max_body_bytes: int | None = None
    default_models: Mapping[str, str] = field(default_factory=dict)
    known_models: Callable[[str], Collection[str]] | None = None
    default_voice: str | None = None
    context_windows: Mapping[str, int] = field(default_factory=dict)
    hidden_tool_parameters: Mapping[str, Collection[str]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Provider {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return find_provider, (self.name,)

    @property
    def key_variables(self) -> tuple[str, ...]:
        """The environment variables that the key is looked for in, the provider's own one first."""
        return (self.api_key_env, *self.other_key_envs)

    @property
    def base_url_variables(self) -> tuple[str, ...]:
        """The environment variables that the address is looked for in."""
        return (self.base_url_env, *self.other_base_url_envs)

    def __copy__(self) -> Provider:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Provider:
        return self

    def default_model(self, call: str) -> str:
        """Return the model for a call of a client, as in "image" or "speech".

        Raises:
            InvalidRequestError: There is none for this call; it has to be named.
        """
        found = self.default_models.get(call)
        if found is None:
            raise InvalidRequestError(
                f"{self.name}: name a model for {call}; there is no default model", provider=self.name
            )
        return found

    def structured_for(self, model: str) -> tuple[StructuredMethod, ...]:
        """Ways to structured output with one model, best first; one that is not among them can still be named."""
        return self.structured if self.structured_by_model is None else self.structured_by_model(model)

    def has(self, capability: str) -> bool:
        """Whether the provider has it, documented or by a stated assumption."""
        return self.capabilities.get(capability, "none") in {"documented", "assumed", "legacy"}


ProviderName = Literal["bineric", "binom_router", "aimlapi", "aicredits", "binobox"]
"""The names of the five providers of this package, for type checkers. A provider of your own is handed in as the `Provider`."""

PROVIDERS: dict[str, Provider] = {}
"""All providers by name: the five of this package, filled in by `multiapi.providers`, and what `register` added."""

_HANDED_OVER: WeakValueDictionary[str, Provider] = WeakValueDictionary()
"""Providers that were given as objects and are in use: copies, pickles and dumps of what holds one know its name alone."""


def register(provider: Provider) -> Provider:
    """Make a provider known by its name, for `find_provider` and the prefix of a model.

    Raises:
        InvalidRequestError: Another provider has this name.
    """
    known = PROVIDERS.get(provider.name)
    if known is not None and known is not provider:
        raise InvalidRequestError(f"there is a provider {provider.name!r} already; give yours another name")
    PROVIDERS[provider.name] = provider
    return provider


def find_provider(name: str | Provider) -> Provider:
    """Return the provider of this name: one of this package, a registered one, or one that an installed package adds.

    A `Provider` is returned as it is; its name is known from then on, for as long as something in this process holds it.

    Raises:
        InvalidRequestError: Nothing is known by this name; the message lists the names.
    """
    if isinstance(name, Provider):
        if PROVIDERS.get(name.name) is not name:
            _HANDED_OVER[name.name] = name
        return name
    found = PROVIDERS.get(name) or _added().get(name) or _HANDED_OVER.get(name)
    if found is None:
        raise InvalidRequestError(f"unknown provider {name!r}; it must be one of {_known()}")
    return found


def split_model(model: str, provider: str | Provider | None) -> tuple[Provider, str]:
    """Return the provider and the model id that `provider=` and `model=` mean; the provider may stand before the id, as in `aimlapi:openai/gpt-4o`.

    The prefix is cut off only if it is the name of a provider: ids hold colons themselves.
    """
    prefix, colon, rest = model.partition(":")
    if provider is not None:
        found = find_provider(provider)
        if colon and prefix == found.name:
            return found, rest
        check_prefix(model, found)
        return found, model
    if colon and _is_known(prefix):
        return find_provider(prefix), rest
    raise InvalidRequestError(
        f"no provider for model {model!r}: pass provider=... or write the model as 'PROVIDER:{model}' ({_known()})"
    )


def check_prefix(model: str, provider: Provider) -> None:
    """Refuse a model id that begins with the name of another provider: the one in force can only refuse it.

    Raises:
        InvalidRequestError: It does; the message says how to ask the other provider.
    """
    prefix, colon, _ = model.partition(":")
    if colon and prefix != provider.name and _is_known(prefix):
        raise InvalidRequestError(
            f"{provider.name}: the model {model!r} is one of {prefix}; name {prefix} as the provider instead of {provider.name} to use it",
            provider=provider.name,
            belongs_to=prefix,
        )


def known_providers() -> dict[str, Provider]:
    """Return every provider that has a name here: of this package, registered, or of an installed package."""
    return {**_added(), **PROVIDERS}


def _is_known(name: str) -> bool:
    return name in PROVIDERS or name in _added() or name in _HANDED_OVER


def _known() -> str:
    return ", ".join(dict.fromkeys([*PROVIDERS, *_added()]))


@cache
def _added() -> dict[str, Provider]:
    """Providers of installed packages: entry points of the group `multiapi.providers` that name a `Provider`."""
    from importlib.metadata import entry_points

    loaded = [entry.load() for entry in entry_points(group="multiapi.providers")]
    return {provider.name: provider for provider in loaded if isinstance(provider, Provider)}


def operation_of(provider: Provider, name: str) -> Operation[Any, Any]:
    """The provider's operation of this name.

    Raises:
        UnsupportedError: It has none; the message names the providers that have.
    """
    found = provider.operations.get(name)
    if found is None:
        others = [other.operations[name] for other in known_providers().values() if name in other.operations]
        noun, capability = (others[0].noun, others[0].capability) if others else _words(name)
        raise unsupported(provider.name, noun, capability)
    return found


def names(items: Iterable[str]) -> str:
    """A list as it stands in a sentence."""
    listed = sorted(items)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}" if listed else "none"


def unsupported(provider: str, what: str, capability: str | None = None, *, hint: str = "") -> UnsupportedError:
    """The error for what a provider lacks, with the providers that have it."""
    message = f"{provider} has no {what}"
    if capability is not None:
        known = known_providers().values()
        having = [
            other.name
            for other in known
            if other.name != provider and (other.has(capability) or capability in other.operations)
        ]
        message += f"; {names(having)} {'has' if len(having) == 1 else 'have'}" if having else "; no provider has"
    if hint:
        message += f"; {hint}"
    return UnsupportedError(message, provider=provider)
