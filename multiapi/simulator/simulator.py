"""The simulator: all of its state, and the way from a request to the vendor's answer."""

import hashlib
import time
import uuid
from collections import deque
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from functools import cached_property
from typing import Any

import httpx
import orjson

from multiapi._version import __version__
from multiapi.simulator.clock import Clock
from multiapi.simulator.contract import HOSTS, SERVERS, VENDORS, Operation, contract
from multiapi.simulator.exchange import Answer, Request
from multiapi.simulator.vendors import ALL, Vendor
from multiapi.simulator.vendors.vendor import EMPTY_WALLET, EXPIRED_KEY, INVALID_KEY, Call, FilePart, Refusal

HEADER = "x-multiapi-simulator"


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that was answered, for the page; keys are masked."""

    at: float
    vendor: str
    method: str
    path: str
    operation: str
    status: int
    key: str
    took_ms: float
    model: str


class Simulator:
    """Five simulated vendors. Everything it knows is in the object; nothing is written anywhere."""

    def __init__(self, seed: int = 0, clock: Clock | None = None) -> None:
        self.seed = seed
        self.clock = clock or Clock()
        self.log: deque[Answered] = deque(maxlen=1000)
        self.answered = 0
        self._count = 0
        self._vendors: dict[str, Vendor] = {}

    # -------------------------------------------------------------- places

    def base_url(self, vendor: str, origin: str = "http://127.0.0.1") -> str:
        """The address of a vendor's API below the simulator's own address."""
        return f"{origin.rstrip('/')}/{vendor}{httpx.URL(SERVERS[vendor]).path.rstrip('/')}"

    @cached_property
    def transport(self) -> httpx.BaseTransport:
        """A transport for `httpx.Client` that answers without a socket."""
        from multiapi.simulator.transport import SimulatorTransport

        return SimulatorTransport(self)

    @cached_property
    def async_transport(self) -> httpx.AsyncBaseTransport:
        """A transport for `httpx.AsyncClient` that answers without a socket."""
        from multiapi.simulator.transport import AsyncSimulatorTransport

        return AsyncSimulatorTransport(self)

    def vendor(self, name: str) -> Vendor:
        """One of the five."""
        if name not in self._vendors:
            self._vendors[name] = ALL[name](self)
        return self._vendors[name]

    # -------------------------------------------------------------- ids

    def new_id(self, prefix: str, length: int = 24) -> str:
        """An id that follows from the seed and from how many were given before."""
        self._count += 1
        return prefix + hashlib.blake2b(f"{self.seed}:{self._count}".encode(), digest_size=16).hexdigest()[:length]

    def new_uuid(self) -> str:
        """The same in the form of a UUID."""
        return str(uuid.UUID(self.new_id("", 32), version=4))

    # -------------------------------------------------------------- answers

    def answer(self, request: Request) -> Answer:
        """The answer to any request."""
        started = time.perf_counter()
        name, path = self._sort(request)
        if name is None:
            answer = Answer.json({"error": f"nothing is here; the vendors are below {', '.join('/' + v for v in VENDORS)}"}, 404)
            answer.headers[HEADER] = __version__
            return answer
        vendor = self.vendor(name)
        request.path = path
        key = vendor.key_of(request)
        operation: Operation | None = None
        model = ""
        try:
            matched = contract(name).match(request.method, path)
            if matched is None or matched[0].status == "removed":
                raise Refusal(404, f"Cannot {request.method} {path}", bare=True)
            operation, parameters = matched
            if operation.needs_key:
                vendor.check_key(key)
            call = self._read(vendor, operation, request, parameters, key or "")
            if isinstance(call.body, dict):
                model = str(call.body.get("model", ""))
            answer = vendor.answer(call)
            vendor.finish(answer, call)
        except Refusal as refusal:
            answer = vendor.refusal(refusal, request)
        answer.headers[HEADER] = __version__
        took_ms = (time.perf_counter() - started) * 1000
        self.answered += 1
        self.log.append(
            Answered(
                self.clock.now(), name, request.method, path, operation.id if operation else "", answer.status,
                masked(key), took_ms, model,
            )
        )
        return answer

    def _sort(self, request: Request) -> tuple[str | None, str]:
        """Whose request it is, and its path below the vendor's server."""
        if vendor := HOSTS.get(request.host):
            path = request.path
        else:
            first, _, rest = request.path.lstrip("/").partition("/")
            if first not in VENDORS:
                return None, request.path
            vendor, path = first, f"/{rest}"
        prefix = contract(vendor).prefix
        return vendor, path[len(prefix) :] if prefix and path.startswith(f"{prefix}/") else path if not prefix else f"/?{path}"

    def _read(self, vendor: Vendor, operation: Operation, request: Request, path: dict[str, str], key: str) -> Call:
        """The call, if the contract allows it."""
        query: dict[str, Any] = {}
        given = request.query if request.query_string else {}
        for parameter in operation.parameters:
            if parameter.place == "query":
                texts = given.get(parameter.name)
            elif parameter.place == "path":
                texts = [path[parameter.name]] if parameter.name in path else None
            else:
                continue
            if texts is None:
                if parameter.required:
                    raise Refusal(400, f"{parameter.name} is required")
                continue
            value = parameter.read(texts)
            if not parameter.validator.is_valid(value):
                raise Refusal(400, f"{parameter.name} is not valid")
            query[parameter.name] = value
        call = Call(operation, request, path, query, None, key, reference=self.new_id(_PREFIXES.get(vendor.name, ""), 24))
        if operation.content_types:
            self._read_body(vendor, call)
        return call

    def _read_body(self, vendor: Vendor, call: Call) -> None:
        request, operation = call.request, call.operation
        if len(request.body) > vendor.max_body_bytes:
            raise Refusal(413, f"Request body exceeds {vendor.max_body_bytes // 1_000_000}MB")
        media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if not request.body and not operation.body_required:
            call.body = {}
            return
        if media_type not in operation.content_types:
            raise Refusal(400, f"Content-Type must be {' or '.join(operation.content_types)}, not {media_type or 'empty'}")
        if media_type == "multipart/form-data":
            call.body, call.files = read_multipart(request)
        else:
            try:
                call.body = orjson.loads(request.body)
            except orjson.JSONDecodeError as error:
                raise Refusal(400, f"The body is not valid JSON: {error}") from None
        if (violation := operation.check_body(call.body, media_type)) is not None:
            raise Refusal(400, str(violation))


_PREFIXES = {"bineric": "req_", "binom_router": "chatcmpl-", "aicredits": "chatcmpl-", "binobox": "chatcmpl-"}


def masked(key: str | None) -> str:
    """A key with nothing but its ends; the special keys are shown."""
    if not key:
        return ""
    if key in (INVALID_KEY, EXPIRED_KEY, EMPTY_WALLET):
        return key
    return f"{key[:3]}…{key[-2:]}" if len(key) > 8 else "…"


def read_multipart(request: Request) -> tuple[dict[str, Any], dict[str, list[FilePart]]]:
    """The fields and files of a form."""
    head = f"content-type: {request.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + request.body)
    fields: dict[str, Any] = {}
    files: dict[str, list[FilePart]] = {}
    for part in message.iter_parts():
        name = str(part.get_param("name", header="content-disposition") or "")
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        filename = part.get_filename()
        if filename is not None:
            files.setdefault(name, []).append(FilePart(filename, part.get_content_type(), data))
            value: Any = filename
        else:
            value = data.decode("utf-8", "replace")
        fields[name] = value if name not in fields else [*_listed(fields[name]), value]
    return fields, files


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
