"""The page at `/`: what the simulator can do and what it has done, as plain HTML without a line of script."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from multiapi._package import __version__
from multiapi.simulator import page_actions, startup
from multiapi.simulator.contract import TITLES, VENDORS, base_url_of, contract
from multiapi.simulator.exchange import Answer, Request
from multiapi.simulator.files import StoredFile

if TYPE_CHECKING:
    from multiapi.simulator.seen import Seen
    from multiapi.simulator.state import Answered, State

FILTERS = ("vendor", "status", "key", "model")
REFRESHES = ("2", "5", "30")
"""After how many seconds the page loads itself again, where its address asks for it."""

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2127; --soft: #5b6570; --paper: #fbfbf9; --card: #ffffff; --line: #dfe3e6;
  --accent: #0b6e5f; --good: #1a7f37; --bad: #b3261e; --warn: #8a5a00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ec; --soft: #9aa5b0; --paper: #14181c; --card: #1c2228; --line: #313942;
    --accent: #5cc8b5; --good: #62c584; --bad: #ff8a80; --warn: #e3b341; } }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
main, header { max-width: 82rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; }
p { margin: .3rem 0; color: var(--soft); }
code { font: .86em ui-monospace, monospace; }
.vendors { display: grid; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); gap: .8rem; }
article, table, figure { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
article { padding: .8rem 1rem; min-width: 0; } article h3 { margin: 0; font-size: 1rem; }
article code { overflow-wrap: anywhere; }
.tags { display: flex; flex-wrap: wrap; gap: .3rem; margin: .6rem 0; padding: 0; list-style: none; }
.tags li { font-size: .78rem; padding: .05rem .45rem; border: 1px solid var(--line); border-radius: 1rem; }
.tags .documented, .tags .current { border-color: var(--good); color: var(--good); }
.tags .assumed, .tags .legacy { border-color: var(--warn); color: var(--warn); }
.tags .none, .tags .removed { color: var(--soft); text-decoration: line-through; }
details summary { cursor: pointer; color: var(--accent); }
details ul { margin: .4rem 0; padding-left: 1rem; font-size: .86rem; }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: end; margin: 0 0 .6rem; font-size: .88rem; }
form label { display: grid; color: var(--soft); } input, select, button, textarea { font: inherit; color: inherit; background: var(--card);
  border: 1px solid var(--line); border-radius: .3rem; padding: .2rem .4rem; max-width: 100%; } button { cursor: pointer; border-color: var(--accent); }
input[type=number] { width: 6rem; } .acts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(21rem, 100%), 1fr)); gap: .8rem; }
.act { margin: 0; align-content: start; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; }
.act p { flex-basis: 100%; margin: 0; overflow-wrap: anywhere; } .said { color: var(--accent); font-weight: 600; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; margin: .3rem 0; overflow: auto; max-height: 24rem;
  font: .82rem/1.45 ui-monospace, monospace; } .copy { user-select: all; } h3 { font-size: .95rem; margin: .8rem 0 .2rem; } a { color: var(--accent); }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th, td { text-align: left; padding: .35rem .55rem; border-top: 1px solid var(--line); white-space: nowrap; }
thead th { border-top: 0; color: var(--soft); font-weight: 600; }
.ok { color: var(--good); } .refused { color: var(--bad); }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .8rem; }
figure { margin: 0; padding: .6rem; } figure img, figure video { width: 100%; border-radius: .3rem; display: block; }
figure audio { width: 100%; } figcaption { font-size: .82rem; color: var(--soft); overflow-wrap: anywhere; }
footer { max-width: 82rem; margin: 2rem auto; padding: 0 1.25rem; color: var(--soft); font-size: .86rem; }
"""


def page(simulator: "State", request: Request) -> Answer:
    """The page as it is now, with the requests that the query asks for, as often as it asks for them; what a form asks for is done first."""
    if request.method == "POST":
        return page_actions.act(simulator, request)
    query, origin = request.query, request.origin or "http://127.0.0.1"
    wanted = {name: query[name][-1].strip() for name in (*FILTERS, "refresh") if query.get(name, [""])[-1].strip()}
    refresh = wanted.pop("refresh", "")
    again = f'<meta http-equiv="refresh" content="{int(refresh)}">' if refresh in REFRESHES else ""
    sections = [
        *_chosen(simulator, query, origin),
        _section(
            "vendors", "Providers", f'<div class="vendors">{"".join(_vendor(name, origin) for name in VENDORS)}</div>'
        ),
        _section("point", "Point a program here", _exports(origin)),
        _section("change", "Change what happens", f'<div class="acts">{page_actions.forms(simulator)}</div>'),
        _section("balances", "Balances", _balances(simulator)),
        _section("jobs", "Jobs", _jobs(simulator)),
        _section("media", "Media made", _media(simulator)),
        _section("requests", "Requests answered", _filter(wanted, refresh) + _requests(simulator, wanted)),
    ]
    said = f'<p class="said" role="status">{escape(query["said"][-1][:300])}</p>' if query.get("said") else ""
    html = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>multiapi simulator</title>{again}<link rel="icon" href="data:,"><style>{_STYLE}</style></head><body>
<header><h1>multiapi simulator</h1>
<p>Five simulated providers. Nothing here reaches a provider, costs money or is kept. Any key is good, except
<code>invalid-key</code>, <code>expired-key</code> and <code>empty-wallet</code>. <code>free-account</code> is
Bineric's free plan, <code>only-chat-image</code> a key of Binobox for these scopes alone, <code>management...</code> one of AI/ML API that may manage
keys.</p>
<ul class="tags"><li class="documented">documented or current</li><li class="assumed">assumed, legacy or through the prompt</li>
<li class="none">not offered</li></ul>{said}</header>
<main>{"".join(sections)}</main>
<footer>Version {escape(__version__)} · {simulator.answered} requests answered · clock {_time(simulator.clock.now())} UTC ·
faults: header <code>x-multiapi-fault</code> or <code>/_simulator/faults</code> · state: <a href="/_simulator/state">/_simulator/state</a></footer>
</body></html>
"""
    headers = {"content-type": "text/html; charset=utf-8", "cache-control": "no-store"}
    headers["content-security-policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; media-src 'self'; form-action 'self'"
    )
    return Answer(200, headers, html.encode())


def _section(name: str, title: str, content: str) -> str:
    return f'<section id="{name}"><h2>{title}</h2>{content}</section>'


def _exports(origin: str) -> str:
    return f'<pre class="copy">{escape(startup.exports(startup.environment(lambda name: base_url_of(name, origin))))}</pre>'


def _chosen(simulator: "State", query: Mapping[str, list[str]], origin: str) -> list[str]:
    """The one request that the query asks to see, with its bodies and with itself to be copied."""
    number = query.get("request", [""])[-1]
    if not number:
        return []
    found = next((entry for entry in list(simulator.seen) if str(entry.number) == number), None)
    if found is None:
        return [_section("request", f"Request {escape(number[:20])}", "<p>Not kept: only the last requests are.</p>")]
    told = next((entry for entry in list(simulator.log) if entry.number == found.number), None)
    return [_section("request", f"Request {found.number}", _exchange(found, told, origin))]


def _exchange(seen: "Seen", told: "Answered | None", origin: str) -> str:
    place = f"{seen.path}?{seen.query}" if seen.query else seen.path
    facts = [f"{TITLES[seen.vendor]}, status {seen.status}"]
    if told is not None:
        minds = {"model": "the simulated model", "script": "a scripted response", "brain": "the brain"}
        facts += [f"said by {minds[told.mind]}"] if told.mind else []
        facts += [] if told.understood else ["not understood"]
        facts += [f"{told.input_tokens} tokens in, {told.output_tokens} out"] if told.input_tokens else []
        facts += [f"cost {told.cost} ({told.price} price)"] if told.cost else []
    blocks = [("Sent", seen.asked()), ("Answered", seen.answered())]
    copies = (
        [("As curl", seen.curl(origin)), ("As Python", seen.python(origin)), ("As a test", seen.pytest())]
        if seen.repeatable
        else []
    )
    return (
        f"<p><code>{escape(f'{seen.method} {place}')}</code></p><p>{escape(', '.join(facts))}</p>"
        + "".join(f"<h3>{name}</h3><pre>{escape(text)}</pre>" for name, text in blocks)
        + "".join(
            f'<details><summary>{name}</summary><pre class="copy">{escape(text)}</pre></details>'
            for name, text in copies
        )
        + '<p><a href="/#requests">back to all requests</a></p>'
    )


_PROMPTED = frozenset({"tools", "structured_output", "json_mode"})
"""What multiapi does through the prompt where a provider does not offer it."""


def _vendor(name: str, origin: str) -> str:
    described = contract(name)
    capabilities = described.document["x-capabilities"]
    tags = "".join(_tag(word, str(entry["status"])) for word, entry in capabilities.items())
    operations = "".join(
        f"<li><code>{operation.method} {escape(operation.path)}</code> {escape(operation.id)}"
        f"{'' if operation.status == 'current' else f' ({operation.status})'}</li>"
        for operation in described.operations.values()
    )
    offered = [operation for operation in described.operations.values() if operation.status != "removed"]
    return f"""<article id="{name}"><h3>{escape(TITLES[name])}</h3>
<p><code>{escape(base_url_of(name, origin))}</code><br>for <code>{escape(described.server)}</code></p>
<ul class="tags">{tags}</ul>
<details><summary>{len(offered)} {"operation" if len(offered) == 1 else "operations"}</summary><ul>{operations}</ul></details></article>"""


def _tag(word: str, status: str) -> str:
    prompted = status == "none" and word in _PROMPTED
    title = "not offered by the provider; multiapi does it through the prompt" if prompted else status
    text = word.replace("_", " ")
    return f'<li class="{"assumed" if prompted else escape(status)}" title="{escape(title)}">{escape(text)}{": prompted" if prompted else ""}</li>'


def _filter(wanted: Mapping[str, str], refresh: str) -> str:
    """A form without a script: what it says stands in the page's address."""
    fields = "".join(
        f'<label>{name} <input name="{name}" value="{escape(wanted.get(name, ""))}" list="{name}s"></label>'
        for name in FILTERS
    )
    vendors = "".join(f'<option value="{name}"></option>' for name in VENDORS)
    often = "".join(
        f'<option value="{each}"{" selected" if each == refresh else ""}>{f"every {each} s" if each else "never"}</option>'
        for each in ("", *REFRESHES)
    )
    return f"""<form method="get" action="/#requests">{fields}<datalist id="vendors">{vendors}</datalist>
<label>reload <select name="refresh">{often}</select></label> <button>Show</button> <a href="/#requests">all</a></form>"""


def _fits(entry: "Answered", wanted: Mapping[str, str]) -> bool:
    """Whether a request is among those asked for: 4xx and 40 are beginnings of a status, a part of a model is enough."""
    status = wanted.get("status", "").lower().rstrip("x")
    return (
        wanted.get("vendor", entry.vendor) == entry.vendor
        and str(entry.status).startswith(status)
        and wanted.get("key", entry.key) == entry.key
        and wanted.get("model", "").lower() in entry.model.lower()
    )


def _jobs(simulator: "State") -> str:
    now = simulator.clock.now()
    rows = (
        [
            escape(TITLES[job.vendor]),
            f"<code>{escape(job.id)}</code>",
            escape(job.kind),
            escape(job.model),
            escape(job.state(now)),
        ]
        for job in reversed(list(simulator.jobs.all.values())[-50:])
    )
    return _table(["Provider", "Job", "Kind", "Model", "State"], rows, "No job yet.")


def _requests(simulator: "State", wanted: Mapping[str, str]) -> str:
    rows = (
        [
            f'<time title="{_time(entry.at)}">{_time(entry.at)[11:]}</time>',
            escape(TITLES[entry.vendor]),
            f'<a href="/?request={entry.number}#request"><code>{entry.method} {escape(entry.path[:60])}</code></a>',
            escape(entry.model),
            f'<span class="{"ok" if entry.status < 400 else "refused"}">{entry.status}</span>',
            escape(f"{entry.cost}{' (assumed)' if entry.price == 'assumed' else ''}" if entry.cost else ""),
            f"{entry.input_tokens} + {entry.output_tokens}" if entry.input_tokens else "",
            escape(entry.mind if entry.understood else f"{entry.mind}, not understood"),
            f"<code>{escape(entry.key)}</code>",
            f"{entry.took_ms:.1f} ms",
        ]
        for entry in [each for each in reversed(simulator.log) if _fits(each, wanted)][:100]
    )
    return _table(
        ["Time", "Provider", "Request", "Model", "Status", "Cost", "Tokens", "Said by", "Key", "Took"],
        rows,
        "No such request." if wanted and simulator.log else "No request yet.",
    )


def _balances(simulator: "State") -> str:
    rows = (
        [escape(TITLES[name]), f"<code>{escape(key)}</code>", f"{balance} {escape(simulator.unit_of(name))}"]
        for name in VENDORS
        for key, balance, _ in simulator.charges_of(name)
    )
    return _table(["Provider", "Key", "Balance"], rows, "No account yet.")


def _table(heads: list[str], rows: Iterable[list[str]], otherwise: str) -> str:
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    if not body:
        return f"<p>{otherwise}</p>"
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _media(simulator: "State") -> str:
    files = list(reversed(simulator.files.kept.values()))[:24]
    if not files:
        return "<p>No picture, sound or film yet.</p>"
    return f'<div class="gallery">{"".join(_figure(file) for file in files)}</div>'


def _figure(file: StoredFile) -> str:
    query = f"?e={int(file.expires_at)}&amp;s={file.signature}" if file.signature else ""
    address = f"/files/{file.name}{query}"
    about = escape(file.about[:160])
    family = file.mime_type.split("/")[0]
    shown = {
        "image": f'<img src="{address}" alt="{about}" loading="lazy">',
        "audio": f'<audio controls preload="none" src="{address}"></audio>',
        "video": f'<video controls preload="metadata" src="{address}"></video>',
    }.get(family, f'<a href="{address}">{escape(file.name)}</a>')
    caption = f"{about} · {escape(TITLES[file.vendor])} · {escape(file.mime_type)}, {len(file.data):,} bytes"
    return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
