"""What AI/ML API sold and then withdrew, as it was documented before: guard models, the search engine, plain completions.

It is served where the simulator is told to (`Simulator(withdrawn=True)`); without that each is the 404 of today.
"""

import re
import zlib
from typing import Any
from urllib.parse import quote

from multiapi.simulator.contract import first_violation
from multiapi.simulator.exchange import Answer
from multiapi.simulator.minds.attachments import describe
from multiapi.simulator.model import Conversation, Reply, Turn, tokens
from multiapi.simulator.vendors.aimlapi.shared import Shared
from multiapi.simulator.vendors.vendor import Call, Refusal

_SEES = "meta-llama/Llama-Guard-3-11B-Vision-Turbo"
_HARM = {
    "S1": ("bomb", "kill", "murder", "weapon", "explosive", "attack", "shoot", "stab", "terror"),
    "S2": ("steal", "hack", "fraud", "scam", "launder", "counterfeit", "smuggle", "drug", "cocaine"),
    "S6": ("poison", "overdose"),
    "S10": ("hate", "slur"),
    "S11": ("suicide", "self-harm"),
}
"""Words, by the category that the guard is made to name. The real categories are each model's own."""
_OF_ONE_MODEL = {"Meta-Llama/Llama-Guard-7b": "{:02d}"}
"""Where the printed sample has figures alone."""
_DAYS = ("Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_SKIES = ("Cloudy", "Sunny", "Rain", "Snow", "Fog")


class Withdrawn(Shared):
    """The operations and models."""

    def withdrawn_models(self, kind: str) -> list[str]:
        """The ids of models that were withdrawn: "guard" or "search"."""
        ids: list[str] = self.contract.document["x-withdrawn-models"][kind]["ids"]
        return ids

    def check_withdrawn(self, call: Call) -> None:
        """Refuse a model that is gone, or a request that its documentation did not allow."""
        model = call.body.get("model")
        for kind, schema in (("guard", "GuardChatRequest"), ("search", "BagoodexChatRequest")):
            if model not in self.withdrawn_models(kind):
                continue
            if not self.simulator.withdrawn or call.operation.id != "createChatCompletion":
                raise Refusal(404, f"Model {model} not found", bare=True)
            wanted = self.contract.compile({"$ref": f"#/components/schemas/{schema}"})
            if (violation := first_violation(wanted, call.body)) is not None:
                raise Refusal(400, str(violation))

    # -------------------------------------------------------------- guard models

    def verdict(self, call: Call, asked: Conversation) -> list[Reply] | None:
        """What a guard model says of the last message; None for other models, and where a test's author speaks."""
        if asked.model not in self.withdrawn_models("guard") or self.simulator.script.in_force:
            return None
        last = asked.turns[-1]
        if last.attachments and asked.model != _SEES:
            raise Refusal(400, "messages: this model does not take images")
        text = "\n".join([last.text, *describe(last.attachments)]).lower()
        found = [
            code for code, words in _HARM.items() if any(re.search(rf"\b{re.escape(word)}", text) for word in words)
        ]
        form = _OF_ONE_MODEL.get(asked.model)
        named = [form.format(int(code[1:])) if form else code for code in found]
        said = "safe" if not found else f"unsafe\n{','.join(named)}"
        given = tokens.count("\n".join(turn.text for turn in asked.turns))
        return [Reply(said, input_tokens=given, output_tokens=tokens.count(said))] * asked.n

    # -------------------------------------------------------------- the search engine

    def remember_search(self, call: Call, completion_id: str, asked: Conversation) -> None:
        """Keep what was asked, for the routes that follow."""
        if asked.model in self.withdrawn_models("search"):
            query = next((turn.text for turn in reversed(asked.turns) if turn.role == "user"), "")
            self.records["searches"][completion_id] = {"owner": call.key, "query": " ".join(query.split())}

    def _query(self, call: Call) -> str:
        """What was asked; nothing for an id that is not known, because no error form was ever printed."""
        found = self.records["searches"].get(call.query["followup_id"])
        return str(found["query"]) if found is not None and found["owner"] == call.key else ""

    def _found_pages(self, call: Call, most: int) -> list[tuple[str, str]]:
        """Title and address of what was found."""
        query = self._query(call)
        if not query:
            return []
        return [
            (f"{query[:80]} ({number})", f"https://example.com/{quote(query[:80], safe='')}/{number}")
            for number in range(1, most + 1)
        ]

    def on_bagoodexLinks(self, call: Call) -> Answer:  # noqa: N802
        """Addresses."""
        return Answer.json([address for _, address in self._found_pages(call, 3)])

    def on_bagoodexImages(self, call: Call) -> Answer:  # noqa: N802
        """Images with the pages that they are on."""
        return Answer.json(
            [
                {"source": address, "original": f"{address}.jpg", "title": title, "source_name": "Example"}
                for title, address in self._found_pages(call, 2)
            ]
        )

    def on_bagoodexVideos(self, call: Call) -> Answer:  # noqa: N802
        """Videos."""
        return Answer.json(
            [
                {"link": f"{address}/video", "thumbnail": f"{address}/video.jpg", "title": title}
                for title, address in self._found_pages(call, 2)
            ]
        )

    def on_bagoodexWeather(self, call: Call) -> Answer:  # noqa: N802
        """The weather now, and for eight days."""
        query = self._query(call)
        if not query:
            return Answer.json({})
        number = zlib.crc32(query.encode("utf-8", "replace"))
        forecast: list[dict[str, Any]] = [
            {
                "day": day,
                "temperature": {"high": str(60 + (number + place) % 30), "low": str(40 + (number + place) % 15)},
                "thumbnail": "https://example.com/sky.png",
                "weather": _SKIES[(number + place) % len(_SKIES)],
                "humidity": f"{30 + (number + 7 * place) % 60}%",
                "precipitation": f"{(number + 13 * place) % 100}%",
                "wind": f"{(number + place) % 20} mph",
            }
            for place, day in enumerate(_DAYS)
        ]
        today: dict[str, Any] = forecast[0]
        return Answer.json(
            {
                "type": "weather_result",
                "temperature": today["temperature"]["high"],
                "unit": "Fahrenheit",
                **{name: today[name] for name in ("precipitation", "humidity", "wind", "weather", "thumbnail")},
                "location": query[:80],
                "date": today["day"],
                "forecast": forecast,
                "sources": [{"title": title, "link": address} for title, address in self._found_pages(call, 1)],
            }
        )

    def on_bagoodexLocalMap(self, call: Call) -> Answer:  # noqa: N802
        """A map."""
        query = self._query(call)
        if not query:
            return Answer.json({})
        number = zlib.crc32(query.encode("utf-8", "replace"))
        (_, address), *_ = self._found_pages(call, 1)
        place = {"latitude": number % 18000 / 100 - 90, "longitude": number // 18000 % 36000 / 100 - 180}
        return Answer.json({"link": f"{address}/map", "image": f"{address}/map.webp", "gps_coordinates": place})

    def on_bagoodexKnowledge(self, call: Call) -> Answer:  # noqa: N802
        """A card of knowledge."""
        query = self._query(call)
        if not query:
            return Answer.json({})
        about = f"A simulated card about {query[:200]}."
        return Answer.json({"title": query[:80], "type": "Topic", "description": about, "born": None, "died": None})

    # -------------------------------------------------------------- plain completions

    def on_createCompletion(self, call: Call) -> Answer:  # noqa: N802
        """A text, gone on with."""
        self.require_money(call)
        body = call.body
        if body.get("stream"):
            raise Refusal(400, "stream: no form of the events was ever printed; the simulator has none")
        asked = Conversation(
            body["model"],
            (Turn("user", body["prompt"]),),
            max_tokens=None if body.get("max_tokens") is None else int(body["max_tokens"]),
            stop=tuple(body.get("stop") or ()),
            n=int(body.get("n") or 1),
        )
        made = self.replies(call, asked)
        given, output = made[0].input_tokens, sum(reply.output_tokens for reply in made)
        meta = self.book_text(call, given, output)
        before = body["prompt"] if body.get("echo") else ""
        choices = [
            {
                "index": place,
                "text": before + (reply.text or ""),
                "finish_reason": reply.finish_reason,
                "logprobs": _logprobs(reply.text or ""),
            }
            for place, reply in enumerate(made)
        ]
        usage = {"prompt_tokens": given, "completion_tokens": output, "total_tokens": given + output}
        answer = {
            "id": f"cmpl-{call.reference}",
            "object": "text_completion",
            "created": self.now(),
            "model": body["model"],
            "choices": choices,
            "prompt": [{"text": body["prompt"], "logprobs": _logprobs(body["prompt"])}],
            "usage": usage,
            "meta": meta,
        }
        priced = self._priced(Answer.json(answer), meta)
        priced.status = 201
        return priced


def _logprobs(text: str) -> dict[str, Any]:
    pieces = tokens.split(text)
    return {"tokens": pieces, "token_logprobs": [-0.1 for _ in pieces]}
