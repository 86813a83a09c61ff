"""The simulator: all of its state, and the way from a request to the vendor's answer."""

import time
from decimal import Decimal
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from functools import cached_property
from itertools import chain
from typing import Any

import httpx
import orjson

from multiapi._package import __version__, new_lock
from multiapi.simulator import control, faults, prices
from multiapi.simulator.contract import VENDORS, Operation, base_url_of, contract
from multiapi.simulator.exchange import Answer, Drop, Pause, Request, event
from multiapi.simulator.files import StoredFile
from multiapi.simulator.ledger import iso
from multiapi.simulator.seen import Seen
from multiapi.simulator.state import Answered, State
from multiapi.simulator.vendors import ALL, Vendor
from multiapi.simulator.vendors.labels import check_labels
from multiapi.simulator.vendors.vendor import EMPTY_WALLET, EXPIRED_KEY, INVALID_KEY, Call, FilePart, Refusal

HEADER = "x-multiapi-simulator"
UNDERSTOOD = "x-multiapi-understood"
"""Says "no" with an answer to a prompt that the simulated model can do nothing with."""
PRICE = "x-multiapi-price"
"""Says of an answer with a price, or with a list of them, whether a provider documents it or the simulator assumes it."""


class Simulator(State):
    """Five simulated vendors. Everything it knows is in the object; nothing is written anywhere.

    `job_wait_s` and `job_run_s` say how long a job waits and runs on the simulator's clock. `as_seen` switches on forms that users
    saw live and no page shows: True for all, or names from the table in `as_seen.py`. `withdrawn` serves operations that their
    vendor has withdrawn, from the contract's examples; without it they are 404. `unknown="drop"` leaves fields out that no
    schema knows, as AI/ML API does (measured 2026-09-10), instead of refusing them. `cache` is AICredits'
    semantic cache: a repeated chat is answered from it, as JSON even where a stream was asked for. `blocked_words` are those of its
    guardrails. `brain` is the address of an OpenAI-compatible server on this machine whose `brain_model` thinks instead of the
    simulated model (`brain_remote=True` allows other machines, `brain_key` is sent to it); `answers` scripts what is said.
    `strict=True` refuses prompts that the simulated model does not understand. `delay={"aicredits": 0.2}` is how many seconds a
    provider takes for each answer (one number: every provider), `logs_after` how many seconds of the clock pass before AI/ML API's
    logs show a call, and `deposits={"aimlapi": "100"}` what is in each new account.
    """

    def reset(self) -> None:
        """Forget every request, account, job and file; the clock and the switches stay as they are."""
        super().reset()
        self._vendors: dict[str, Vendor] = {}
        self._counting = new_lock()

    # -------------------------------------------------------------- places

    def base_url(self, vendor: str, origin: str = "http://127.0.0.1") -> str:
        """The address of a vendor's API below the simulator's own address."""
        return base_url_of(vendor, origin)

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
            self._vendors.setdefault(name, ALL[name](self))
        return self._vendors[name]

    # -------------------------------------------------------------- answers

    def answer(self, request: Request) -> Answer:
        """The answer to any request."""
        started = time.perf_counter()
        answer = self._special(request)
        if answer is None:
            name, path = self._sort(request)
            if name is None:
                places = ", ".join(f"/{vendor}" for vendor in VENDORS)
                answer = Answer.json({"error": f"nothing is here; the vendors are below {places}"}, 404)
            else:
                request.path = path
                answer = self._of_vendor(self.vendor(name), request, started)
        answer.headers[HEADER] = __version__
        return answer

    def _special(self, request: Request) -> Answer | None:
        """The page, the controls and the files."""
        if request.host not in self.hosts:
            if request.path in ("", "/"):
                from multiapi.simulator.page import page

                if (foreign := control.foreign(self, request)) is not None:
                    return Answer.json({"error": foreign}, 403)
                return page(self, request)
            if request.path.startswith("/_simulator"):
                return control.answer(self, request)
        if request.method in ("GET", "HEAD") and (file := self.files.get(request.path.rsplit("/", 1)[-1])):
            return self._file(file, request)
        return None

    def _file(self, file: StoredFile, request: Request) -> Answer:
        if file.signature:
            query = request.query
            if query.get("s") != [file.signature] or query.get("e") != [str(int(file.expires_at))]:
                return Answer.json({"error": {"message": "Signature missing or wrong", "code": "FORBIDDEN"}}, 403)
            if self.clock.now() > file.expires_at:
                return Answer.json({"error": {"message": "The address has expired", "code": "EXPIRED"}}, 403)
        return Answer(200, {"content-type": file.mime_type}, file.data if request.method == "GET" else b"")

    def _sort(self, request: Request) -> tuple[str | None, str]:
        """Whose request it is, and its path below the vendor's server."""
        if vendor := self.hosts.get(request.host):
            path = request.path
        else:
            first, _, rest = request.path.lstrip("/").partition("/")
            if first not in VENDORS:
                return None, request.path
            vendor, path = first, f"/{rest}"
        prefix = contract(vendor).prefix
        if not prefix:
            return vendor, path
        return vendor, path[len(prefix) :] if path.startswith(f"{prefix}/") else f"/?{path}"

    def _of_vendor(self, vendor: Vendor, request: Request, started: float) -> Answer:
        key = vendor.key_of(request)
        self.counts.begun(vendor.name, self.clock.now())
        operation: Operation | None = None
        call: Call | None = None
        fault: faults.Fault | None = None
        try:
            matched = vendor.contract.match(request.method, vendor.path_of(request.path))
            if matched is None or (matched[0].status == "removed" and not self.withdrawn):
                raise Refusal(404, f"Cannot {request.method} {request.path}", bare=True)
            if matched[0].status == "seen" and not vendor.serves(matched[0]):
                if matched[0].path in vendor.contract.document["paths"]:
                    raise Refusal(404, "404 page not found", text=True)
                raise Refusal(404, f"Cannot {request.method} {request.path}", bare=True)
            operation, path = matched
            fault = self.faults.take(vendor.name, operation.id, request.headers.get(faults.HEADER))
            if fault is not None and fault.status is not None and fault.get("body") is None:
                message = fault.get("message") or vendor.documented_message(operation, fault.status)
                raise Refusal(fault.status, message, fault=True)
            if operation.needs_key:
                vendor.check_key(key)
            self._limit(vendor, key or "")
            call = self._read(vendor, operation, request, path, key or "")
            call.fault = fault
            if fault is not None and fault.missing_polls:
                for value in (*call.path.values(), *call.query.values()):
                    self.jobs.hide(str(value), fault.missing_polls)
            refused = fault.get("refuses") if fault is not None else None
            if refused and isinstance(call.body, dict) and refused in call.body:
                assert fault is not None
                message = fault.get("message") or f"Unknown parameter: '{refused}'."
                raise Refusal(int(fault.get("status") or 400), message, fault=True)
            check_labels(call)
            vendor.check(call)
            if fault is not None and "lost" in fault:
                answer = Answer(499, {})  # nobody gets it: the connection is closed before anything is carried out
            else:
                answer = vendor.answer(call)
                vendor.finish(answer, call)
                if call.pause_s and answer.pieces is None:
                    answer.before.append(Pause(call.pause_s))
        except Refusal as refusal:
            if fault is not None:
                refusal.details.setdefault("form", fault.get("form"))
            answer = vendor.refusal(refusal, request)
            vendor.after_refusal(answer, refusal, operation, key, request)
            if (wait := refusal.details.get("wait")) is not None:
                answer.headers["retry-after"] = f"{wait:g}"
        except faults.FaultError as error:
            answer = Answer.json({"error": f"x-multiapi-fault: {error}"}, 400)
        if call is not None:
            fault = call.fault
            if not call.understood:
                answer.headers[UNDERSTOOD] = "no"
            if (grade := self._grade(vendor, call)) and answer.status < 400:
                answer.headers[PRICE] = grade
        if fault is not None:
            self._break(vendor, fault, answer, request)
        if (delay := self.delay.get(vendor.name)) and self._waits(pause := Pause(delay), delay):
            answer.before.insert(0, pause)
        if vendor.name in self.limits.in_force:
            self._count_active(vendor.name, key or "", answer)
        charged = answer.status < 300 and call is not None and operation is not None and operation.method == "POST"
        self.counts.ended(request, answer, call.body if call is not None else None, charged=charged)
        model = call.body.get("model", "") if call is not None and isinstance(call.body, dict) else ""
        with self._counting:
            self.answered += 1
            number = self.answered
        self.seen.append(Seen.of(number, vendor.name, request, answer, key))
        self.log.append(
            Answered(
                self.clock.now(),
                vendor.name,
                request.method,
                request.path.replace(key, masked(key)) if key else request.path,
                operation.id if operation else "",
                answer.status,
                masked(key),
                (time.perf_counter() - started) * 1000,
                str(model),
                call.mind if call is not None else "",
                call is None or call.understood,
                number,
                f"{call.cost:f} {vendor.unit}" if call is not None and call.cost is not None else "",
                answer.headers.get(PRICE, ""),
                call.input_tokens if call is not None else 0,
                call.output_tokens if call is not None else 0,
            )
        )
        return answer

    def _grade(self, vendor: Vendor, call: Call) -> str:
        """Whether the price of a call, or those of a list, are documented; empty where there is none."""
        if call.operation.id in vendor.lists_prices:
            return "assumed"
        if call.cost is None:
            return ""
        return "documented" if prices.is_documented(vendor.name, call.priced_model, call.cost) else "assumed"

    def _break(self, vendor: Vendor, fault: faults.Fault, answer: Answer, request: Request) -> None:
        """Do to an answer what a fault asks for."""
        status = int(fault.get("status") or 500)
        refused = vendor.refusal(
            Refusal(status, fault.get("message") or "The model failed", fault=True, form=fault.get("form")), request
        )
        error_event = b"data: " + refused.body + b"\n\n" if refused.body else event({"error": "failed"})
        if fault.get("body") is not None and fault.get("status"):
            answer.status = int(fault.get("status") or 200)
        faults.apply(fault, answer, error_event)
        longest = vendor.longest_wait_s(answer)
        if longest is not None:
            answer.before = [step for step in answer.before if self._waits(step, longest)]
            answer.before = [
                Pause(min(step.seconds, longest)) if isinstance(step, Pause) else step for step in answer.before
            ]

    def _waits(self, step: Pause | Drop, longest_s: float) -> bool:
        """Whether real time has to pass; a clock that stands is moved instead."""
        if not isinstance(step, Pause) or not self.clock.stands:
            return True
        self.clock.advance(min(step.seconds, longest_s))
        return False

    def _limit(self, vendor: Vendor, key: str) -> None:
        if vendor.name in self.limits.in_force:
            exceeded = self.limits.enter(vendor.name, key, self.clock.now())
            if exceeded is not None:
                left = self.limits.left(vendor.name, key, self.clock.now())
                raise Refusal(429, exceeded, retry_after_s=max(1, left[2]))

    def _count_active(self, vendor: str, key: str, answer: Answer) -> None:
        """Count a call as running until its answer has been delivered."""
        window = self.limits.window(vendor, key)
        window.active += 1

        def over() -> None:
            window.active -= 1

        answer.on_close = over

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
                raise Refusal(400, f"{parameter.name}: {texts[-1][:80]!r} is not valid")
            query[parameter.name] = value
        reference = self.new_id(vendor.reference_prefix, 24)
        call = Call(operation, request, path, query, None, key, reference=reference)
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
            wanted = " or ".join(operation.content_types)
            raise Refusal(400, f"Content-Type must be {wanted}, not {media_type or 'empty'}")
        if media_type == "multipart/form-data":
            call.body, call.files = read_multipart(request)
            call.body = typed(call.body, operation.contract, operation.body_schemas[media_type])
        else:
            try:
                call.body = orjson.loads(request.body)
            except orjson.JSONDecodeError as error:
                raise Refusal(400, f"The body is not valid JSON: {error}") from None
        if self.unknown == "drop" and vendor.drops_unknown and isinstance(call.body, dict):
            known = operation.known_fields(media_type)
            call.body = {name: value for name, value in call.body.items() if not known or name in known}
        if (violation := operation.check_body(call.body, media_type)) is not None:
            raise Refusal(400, str(violation))

    def charges_of(self, vendor: str) -> list[tuple[str, str, str]]:
        """Masked key, balance and time of each account of a vendor, for the page."""
        accounts = self.vendor(vendor).accounts.values()
        return [(masked(account.key), f"{account.balance:f}", iso(account.opened_at)) for account in accounts]

    def open_account(self, vendor: str, key: str, deposit: str) -> None:
        """Open an account, or set its balance."""
        account = self.vendor(vendor).account(key)
        account.balance = Decimal(deposit)

    def unit_of(self, vendor: str) -> str:
        """The unit in which a vendor counts money."""
        return self.vendor(vendor).unit


def masked(key: str | None) -> str:
    """A key with nothing but its ends; the special keys are shown."""
    if not key:
        return ""
    if key in (INVALID_KEY, EXPIRED_KEY, EMPTY_WALLET):
        return key
    return f"{key[:3]}…{key[-2:]}" if len(key) > 8 else "…"


def read_multipart(request: Request) -> tuple[dict[str, Any], dict[str, list[FilePart]]]:
    """The fields and files of a form; `image[]` is read as `image`."""
    head = Message()
    head["content-type"] = request.headers["content-type"]
    boundary = head.get_param("boundary")
    if not isinstance(boundary, str):
        raise Refusal(400, "The form has no boundary")
    fields: dict[str, Any] = {}
    files: dict[str, list[FilePart]] = {}
    for part in (b"\r\n" + request.body).split(b"\r\n--" + boundary.encode())[1:]:
        top, separator, data = part.partition(b"\r\n\r\n")
        if not separator:
            continue
        described = BytesParser(policy=HTTP).parsebytes(top.lstrip(b"\r\n") + b"\r\n\r\n", headersonly=True)
        name = str(described.get_param("name", header="content-disposition") or "").removesuffix("[]")
        filename = described.get_filename()
        value: Any = data.decode("utf-8", "replace") if filename is None else filename
        if filename is not None:
            files.setdefault(name, []).append(FilePart(filename, described.get_content_type(), data))
        fields[name] = value if name not in fields else list(chain(_listed(fields[name]), [value]))
    if not fields:
        raise Refusal(400, "The form cannot be read")
    return fields, files


def typed(fields: dict[str, Any], document: Any, schema: dict[str, Any]) -> dict[str, Any]:
    """The texts of a form as the values that the schema wants."""
    properties = _properties(document, schema)
    return {name: _typed(value, properties.get(name, {})) for name, value in fields.items()}


def _properties(document: Any, schema: dict[str, Any]) -> dict[str, Any]:
    schema = document.resolve(schema)
    found = dict(schema.get("properties", {}))
    for branch in schema.get("allOf", []):
        found.update(_properties(document, branch))
    return found


def _typed(value: Any, schema: dict[str, Any]) -> Any:
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if not isinstance(value, str) or "string" in kinds:
        return value
    if "boolean" in kinds and value in ("true", "false"):
        return value == "true"
    if {"integer", "number"} & set(kinds) or {"array", "object"} & set(kinds):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
