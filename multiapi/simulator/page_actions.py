"""What the forms of the page do: plan faults, script responses, move the clock, switch limits, set balances, start anew."""

from collections.abc import Callable
from decimal import Decimal
from html import escape
from urllib.parse import parse_qsl, urlencode

from multiapi.simulator import control
from multiapi.simulator.contract import VENDORS
from multiapi.simulator.exchange import Answer, Request
from multiapi.simulator.faults import FaultError
from multiapi.simulator.limits import DOCUMENTED
from multiapi.simulator.state import State, of_a_provider


def act(simulator: State, request: Request) -> Answer:
    """Do what a form asks for, and lead back to the page, which says what was done."""
    origin = request.headers.get("origin", "")
    if control.foreign(simulator, request) is not None or origin.partition("://")[2] != request.headers.get("host", ""):
        return Answer.json({"error": "the forms are for the simulator's own page"}, 403)
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        return Answer.json({"error": "a form is sent as application/x-www-form-urlencoded"}, 415)
    given = dict(parse_qsl(request.body.decode("utf-8", "replace")))
    try:
        said = _DOES[given["do"]](simulator, given)
    except KeyError as error:
        said = f"Not done: {error} is missing."
    except ArithmeticError:
        said = "Not done: the amount is not a valid number."
    except (FaultError, ValueError) as error:
        said = f"Not done: {error}"
    return Answer(303, {"location": f"/?{urlencode({'said': said})}", "cache-control": "no-store"})


def _fault(simulator: State, given: dict[str, str]) -> str:
    vendor = of_a_provider(given["vendor"]) if given.get("vendor") else None
    simulator.faults.add(given["fault"], vendor=vendor, times=int(given.get("times") or 1))
    return f"Planned {given['fault']!r} for {vendor or 'any provider'}."


def _answer(simulator: State, given: dict[str, str]) -> str:
    simulator.answers(given["text"], otherwise="model")
    return "The next chat gets this response; the ones after it come from the model."


def _clock(simulator: State, given: dict[str, str]) -> str:
    simulator.clock.advance(float(given["advance"]))
    return f"The clock is {float(given['advance']):g} seconds further."


def _limits(simulator: State, given: dict[str, str]) -> str:
    vendor = of_a_provider(given["vendor"])
    if vendor in simulator.limits.in_force:
        simulator.limits.switch_off(vendor)
        return f"The limits of {vendor} are off."
    simulator.limits.switch_on(vendor, DOCUMENTED[vendor])
    return f"The documented limits of {vendor} are on."


def _account(simulator: State, given: dict[str, str]) -> str:
    vendor = of_a_provider(given["vendor"])
    if not Decimal(given["deposit"]).is_finite():
        raise ValueError("the amount is not a valid number")
    simulator.open_account(vendor, given["key"], given["deposit"])
    return f"The account has {given['deposit']} {simulator.unit_of(vendor)}."


def _reset(simulator: State, given: dict[str, str]) -> str:
    simulator.reset()
    simulator.faults.clear()
    return "Requests, accounts, jobs, files, responses and faults are forgotten."


_DOES: dict[str, Callable[[State, dict[str, str]], str]] = {
    "fault": _fault,
    "answer": _answer,
    "clock": _clock,
    "limits": _limits,
    "account": _account,
    "reset": _reset,
}


def forms(simulator: State) -> str:
    """The forms as HTML."""
    vendors = "".join(f'<option value="{name}">{name}</option>' for name in VENDORS)
    chosen = f'<label>provider <select name="vendor">{vendors}</select></label>'
    any_of = f'<label>provider <select name="vendor"><option value="">any</option>{vendors}</select></label>'
    on = ", ".join(simulator.limits.in_force) or "none"
    waiting = len([entry for entry in simulator.script.entries if entry.left])
    planned = "; ".join(f"{entry.text} ({entry.vendor or 'any'})" for entry in simulator.faults.planned) or "none"
    return "".join(
        [
            _form("fault", "Plan a fault", f'<label>fault <input name="fault" value="status=503; retry-after=1" required></label>{any_of}<label>times <input name="times" type="number" min="1" value="1"></label>', f"planned: {planned}"),
            _form("answer", "Script the next response", '<label>text <textarea name="text" rows="1" required>It rains.</textarea></label>', f"waiting: {waiting}"),
            _form("clock", "Move the clock", '<label>seconds <input name="advance" type="number" min="0" step="any" value="60" required></label>'),
            _form("limits", "Switch limits on or off", chosen, f"on: {on}"),
            _form("account", "Set a balance", f'{chosen}<label>key <input name="key" value="simulated-key" required></label><label>amount <input name="deposit" value="10" required></label>'),
            _form("reset", "Start anew", ""),
        ]
    )  # fmt: skip


def _form(name: str, title: str, fields: str, state: str = "") -> str:
    about = f"<p>{escape(state)}</p>" if state else ""
    return f'<form method="post" action="/" class="act"><input type="hidden" name="do" value="{name}">{fields}<button>{title}</button>{about}</form>'
