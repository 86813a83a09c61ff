"""Binom.Router: one chat operation in the OpenAI form, charged in credits of one US dollar."""

from decimal import Decimal
from typing import ClassVar

from multiapi.simulator.exchange import Answer, Request
from multiapi.simulator.ledger import iso
from multiapi.simulator.prices import price_of
from multiapi.simulator.vendors import chat_format
from multiapi.simulator.vendors.schema_roots import check_roots
from multiapi.simulator.vendors.vendor import Call, Refusal, Vendor, money

_WORDS = {
    400: ("BAD_REQUEST", "Invalid request parameters"),
    401: ("UNAUTHORIZED", "Authentication required"),
    402: ("PAYMENT_REQUIRED", "Insufficient funds in the balance"),
    404: ("NOT_FOUND", "Not found"),
    429: ("TOO_MANY_REQUESTS", "Rate limit exceeded"),
    500: ("INTERNAL_SERVER_ERROR", "An internal server error occurred"),
    503: ("SERVICE_UNAVAILABLE", "No available workers to handle the request"),
}


class BinomRouter(Vendor):
    """The simulated Binom.Router."""

    name: ClassVar[str] = "binom_router"
    deposit = Decimal(25)
    unit = "credits"
    shape = chat_format.Shape()

    def refusal(self, refusal: Refusal, request: Request) -> Answer:
        """The form of the errors page: a code word, a message, details and an id."""
        word, message = _WORDS.get(refusal.status, ("ERROR", "The request failed"))
        if refusal.status == 401:
            refusal.message = "Valid API key must be provided in Authorization header"
        error = {
            "code": word,
            "message": message,
            "details": refusal.message,
            "requestId": self.new_id("req_", 12),
            "timestamp": iso(self.simulator.clock.now()),
        }
        return Answer.json({"error": error}, refusal.status)

    def refused_model(self, model: str, hint: str) -> Refusal:
        """A model that is not there is a wrong request here."""
        return Refusal(400, f"Model {model} is not known{hint}")

    def check(self, call: Call) -> None:
        """The roots of schemas."""
        if call.operation.id == "createChatCompletion":
            check_roots(call.body)

    def on_createChatCompletion(self, call: Call) -> Answer:  # noqa: N802
        """Chat, whole or streamed."""
        self.known(call.body["model"])
        self.require_money(call)
        made = self.replies(call, chat_format.conversation(call.body))
        head = {"id": call.reference, "created": self.now(), "model": call.body["model"]}
        ids = [[self.new_id("call_") for _ in reply.tool_calls] for reply in made]
        output_tokens = sum(reply.output_tokens for reply in made)
        price = money(price_of(self.name, call.body["model"]).of(made[0].input_tokens, output_tokens), "0.00000001")
        self.book(call, call.body["model"], price, input_tokens=made[0].input_tokens, output_tokens=output_tokens)
        if call.body.get("stream"):
            return Answer.events(chat_format.chunks(head, made, ids, self.shape, call.body))
        return Answer.json(chat_format.completion(head, made, ids, self.shape, call.body))
