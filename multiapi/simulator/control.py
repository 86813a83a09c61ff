"""The controls below `/_simulator`: faults, clock, limits, state. They are the simulator's own, no vendor has them.

- `POST /_simulator/faults` with `{"fault": "status=503", "vendor": "aicredits", "operation": null, "times": 2}`; `GET`, `DELETE`
- `POST /_simulator/clock` with `{"advance": 30}`; `GET`
- `POST /_simulator/limits` with `{"vendor": "aicredits", "on": true}`, and `requests`, `window_s`, `concurrency` for other limits
- `POST /_simulator/as-seen` with `{"as_seen": true}`, `false` or a list of names (see `as_seen.py`); `GET`
- `POST /_simulator/withdrawn` with `{"on": true}`: serve what providers have withdrawn, as documented before its withdrawal; `GET`, `DELETE`
- `GET /_simulator/counts`: requests, by status, how often each text was answered and charged, the most at once and in any minute
- `POST /_simulator/accounts` with `{"vendor": "aimlapi", "key": "a-key", "deposit": "100"}`: open an account, or set its balance
- `POST /_simulator/answers` with `{"answers": [...], "otherwise": "model"}`, or one answer (see `script.py`); `GET` says what is
  left and what went wrong, `DELETE` forgets all of it
- `POST /_simulator/delays` with `{"vendor": "aicredits", "delay": 0.2}`, or `{"logs_after": 600}`; `GET`, `DELETE`
- `POST /_simulator/reset`
- `GET /_simulator/state`: what was answered, balances, jobs, files
"""

from typing import Any

import orjson

from multiapi.simulator.contract import VENDORS
from multiapi.simulator.exchange import Answer, Request
from multiapi.simulator.faults import FaultError
from multiapi.simulator.limits import DOCUMENTED, Limit
from multiapi.simulator.state import State, delays, seconds


def answer(simulator: State, request: Request) -> Answer:
    """Do what is asked, or say what can be asked."""
    what = request.path.removeprefix("/_simulator").strip("/")
    if (reason := foreign(simulator, request)) is not None:
        return Answer.json({"error": reason}, 403)
    handlers = {
        "faults": _faults,
        "clock": _clock,
        "limits": _limits,
        "as-seen": _as_seen,
        "withdrawn": _withdrawn,
        "answers": _answers,
        "delays": _delays,
        "reset": _reset,
        "counts": _counts,
        "accounts": _accounts,
        "state": _state,
    }
    if what not in handlers:
        return Answer.json({"controls": [f"/_simulator/{name}" for name in handlers]}, 404)
    if request.method not in {"GET", "HEAD", "POST", "DELETE"} or (what == "reset" and request.method != "POST"):
        return Answer.json({"error": f"{what} does not take {request.method}"}, 405)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and kind != "application/json" and (kind or request.body):
        return Answer.json({"error": "a change is a POST with the content type application/json"}, 415)
    try:
        body = orjson.loads(request.body) if request.body else {}
        return handlers[what](simulator, request.method, body)
    except (orjson.JSONDecodeError, FaultError, KeyError, TypeError, ValueError) as error:
        return Answer.json({"error": str(error) or type(error).__name__}, 400)


LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1", "simulator", "testserver"})


def foreign(simulator: State, request: Request) -> str | None:
    """Why a request comes from a web page that is none of the simulator's; None if it does not."""
    host = _host_of(request.headers.get("host", ""))
    if host and host not in LOCAL_HOSTS and host not in simulator.trusted_hosts:
        return "the controls are for this machine and for the hosts that the simulator was started with"
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host", ""):
        return "the controls are not for pages of other sites"
    return None


def _host_of(text: str) -> str:
    """A host without its port, in lower case."""
    if text.startswith("["):
        return text[1:].partition("]")[0].lower()
    return text.partition(":")[0].lower()


def _faults(simulator: State, method: str, body: dict[str, Any]) -> Answer:
    if method == "DELETE":
        simulator.faults.clear()
    elif method == "POST":
        vendor = body.get("vendor")
        if vendor is not None and vendor not in VENDORS:
            raise ValueError(f"vendor must be one of {', '.join(VENDORS)}")
        rate = body.get("rate")
        simulator.faults.add(
            body["fault"],
            vendor=vendor,
            operation=body.get("operation"),
            times=body.get("times", 1),
            rate=None if rate is None else float(rate),
            seed=int(body.get("seed", 0)),
        )
    planned = [
        {"fault": entry.text, "vendor": entry.vendor, "operation": entry.operation, "times": entry.times}
        for entry in simulator.faults.planned
    ]
    return Answer.json({"faults": planned})


def _clock(simulator: State, method: str, body: dict[str, Any]) -> Answer:
    if method == "POST":
        simulator.clock.advance(float(body["advance"]))
    return Answer.json({"now": simulator.clock.now()})


def _limits(simulator: State, method: str, body: dict[str, Any]) -> Answer:
    if method == "POST":
        vendor = body["vendor"]
        usual = DOCUMENTED[vendor]
        if body.get("on", True):
            limit = Limit(
                body.get("requests", usual.requests),
                body.get("window_s", usual.window_s),
                body.get("concurrency", usual.concurrency),
            )
            simulator.limits.switch_on(vendor, limit)
        else:
            simulator.limits.switch_off(vendor)
    elif method == "DELETE":
        simulator.limits.switch_off()
    in_force = {
        name: {"requests": limit.requests, "window_s": limit.window_s, "concurrency": limit.concurrency}
        for name, limit in simulator.limits.in_force.items()
    }
    return Answer.json({"limits": in_force})


def _answers(simulator: State, method: str, body: Any) -> Answer:
    if method == "DELETE":
        simulator.script.clear()
    elif method == "POST":
        listed = body["answers"] if isinstance(body, dict) and "answers" in body else body
        otherwise = body.get("otherwise") if listed is not body else None
        simulator.script.add(listed if isinstance(listed, list) else [listed], otherwise)
    script = simulator.script
    return Answer.json(
        {
            "left": [str(entry) for entry in script.entries if entry.left],
            "unused": [str(entry) for entry in script.unused],
            "missing": script.missing,
            "problems": script.problems,
            "report": script.report(),
        }
    )


def _as_seen(simulator: State, method: str, body: dict[str, Any]) -> Answer:
    if method == "POST":
        simulator.as_seen = body["as_seen"]
    elif method == "DELETE":
        simulator.as_seen = False
    return Answer.json({"as_seen": sorted(simulator.as_seen)})


def _withdrawn(simulator: State, method: str, body: dict[str, Any]) -> Answer:
    if method == "POST":
        if not isinstance(body["on"], bool):
            raise ValueError("on must be true or false")
        simulator.withdrawn = body["on"]
    elif method == "DELETE":
        simulator.withdrawn = False
    return Answer.json({"withdrawn": simulator.withdrawn})


def _delays(simulator: State, method: str, body: dict[str, Any]) -> Answer:
    if method == "DELETE":
        simulator.delay, simulator.logs_after = {}, 0.0
    elif method == "POST":
        if "delay" not in body and "logs_after" not in body:
            raise ValueError("write how many seconds: delay, with the vendor or for all, or logs_after")
        if "logs_after" in body:
            simulator.logs_after = seconds("logs_after", body["logs_after"])
        if "delay" in body:
            given = {body["vendor"]: body["delay"]} if body.get("vendor") is not None else body["delay"]
            simulator.delay = {**simulator.delay, **delays(given)}
    return Answer.json({"delay": simulator.delay, "logs_after": simulator.logs_after})


def _reset(simulator: State, method: str, body: dict[str, Any]) -> Answer:
    simulator.reset()
    return Answer.json({"reset": True})


def _counts(simulator: State, method: str, body: dict[str, Any]) -> Answer:
    return Answer.json(simulator.counts.as_json())


def _accounts(simulator: State, method: str, body: dict[str, Any]) -> Answer:
    if method == "POST":
        if body["vendor"] not in VENDORS:
            raise ValueError(f"vendor must be one of {', '.join(VENDORS)}")
        simulator.open_account(body["vendor"], str(body["key"]), str(body["deposit"]))
    return Answer.json(
        {
            vendor: [{"key": key, "balance": balance} for key, balance, _ in simulator.charges_of(vendor)]
            for vendor in VENDORS
        }
    )


def _state(simulator: State, method: str, body: dict[str, Any]) -> Answer:
    now = simulator.clock.now()
    return Answer.json(
        {
            "now": now,
            "answered": simulator.answered,
            "balances": {
                vendor: [{"key": key, "balance": balance} for key, balance, _ in simulator.charges_of(vendor)]
                for vendor in VENDORS
            },
            "jobs": [
                {"id": job.id, "vendor": job.vendor, "kind": job.kind, "state": job.state(now)}
                for job in simulator.jobs.all.values()
            ],
            "files": [
                {"name": file.name, "mime_type": file.mime_type, "bytes": len(file.data)}
                for file in simulator.files.kept.values()
            ],
            "requests": [
                {
                    "vendor": entry.vendor,
                    "method": entry.method,
                    "path": entry.path,
                    "operation": entry.operation,
                    "status": entry.status,
                    "key": entry.key,
                    "model": entry.model,
                    "mind": entry.mind,
                    "understood": entry.understood,
                    "cost": entry.cost,
                    "price": entry.price,
                    "input_tokens": entry.input_tokens,
                    "output_tokens": entry.output_tokens,
                }
                for entry in simulator.log
            ],
        }
    )
