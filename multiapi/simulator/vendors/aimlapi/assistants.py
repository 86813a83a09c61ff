"""AI/ML API's assistants, threads, messages and runs, in the form of OpenAI's beta API."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import orjson

from multiapi.simulator.exchange import NAMED_DONE, Answer
from multiapi.simulator.minds import tokens
from multiapi.simulator.minds.conversation import Conversation, Reply, Tool, ToolCall, Turn
from multiapi.simulator.prices import price_of
from multiapi.simulator.vendors import chat_format
from multiapi.simulator.vendors.aimlapi.shared import Shared
from multiapi.simulator.vendors.vendor import Call, Refusal

_FINAL = frozenset({"cancelled", "failed", "completed", "incomplete", "expired"})
_EXPIRES_S = 600


class Assistants(Shared):
    """The operations of assistants."""

    # -------------------------------------------------------------- records

    def _own(self, table: str, record_id: str, call: Call, what: str) -> dict[str, Any]:
        record: dict[str, Any] | None = self.records[table].get(record_id)
        if record is None or record["owner"] != call.key:
            raise Refusal(404, f"No {what} found with id '{record_id}'.", bare=True)
        return record

    def _add(self, table: str, call: Call, record: dict[str, Any]) -> dict[str, Any]:
        self.records[table][record["id"]] = {**record, "owner": call.key}
        shown: dict[str, Any] = self.records[table][record["id"]]
        return shown

    def _page(self, call: Call, records: list[dict[str, Any]]) -> Answer:
        """A page of a list, newest first unless asked otherwise."""
        ordered = records if call.query.get("order") == "asc" else records[::-1]
        ids = [record["id"] for record in ordered]
        if (after := call.query.get("after")) in ids:
            ordered = ordered[ids.index(after) + 1 :]
        if (before := call.query.get("before")) in ids:
            ordered = ordered[: max(0, [record["id"] for record in ordered].index(before))]
        limit = call.query.get("limit", 20)
        shown = [_shown(record) for record in ordered[:limit]]
        first, last = (shown[0]["id"], shown[-1]["id"]) if shown else (None, None)
        return Answer.json(
            {"object": "list", "data": shown, "first_id": first, "last_id": last, "has_more": len(ordered) > limit}
        )

    # -------------------------------------------------------------- assistants

    def on_createAssistant(self, call: Call) -> Answer:  # noqa: N802
        """A new assistant."""
        record = {"id": self.new_id("asst_"), "object": "assistant", "created_at": self.now(), "tools": [], **call.body}
        return Answer.json(_shown(self._add("assistants", call, record)), 201)

    def on_listAssistants(self, call: Call) -> Answer:  # noqa: N802
        """The assistants of this key."""
        return self._page(
            call, [record for record in self.records["assistants"].values() if record["owner"] == call.key]
        )

    def on_getAssistant(self, call: Call) -> Answer:  # noqa: N802
        """One assistant."""
        return Answer.json(_shown(self._own("assistants", call.path["assistantId"], call, "assistant")))

    def on_updateAssistant(self, call: Call) -> Answer:  # noqa: N802
        """Change what is given."""
        record = self._own("assistants", call.path["assistantId"], call, "assistant")
        record.update(call.body)
        return Answer.json(_shown(record))

    def on_deleteAssistant(self, call: Call) -> Answer:  # noqa: N802
        """Delete an assistant."""
        record = self._own("assistants", call.path["assistantId"], call, "assistant")
        del self.records["assistants"][record["id"]]
        return Answer.json({"id": record["id"], "object": "assistant.deleted", "deleted": True})

    # -------------------------------------------------------------- threads

    def on_createThread(self, call: Call) -> Answer:  # noqa: N802
        """A new thread, perhaps with messages in it."""
        return Answer.json(_shown(self._new_thread(call, call.body)), 201)

    def _new_thread(self, call: Call, body: dict[str, Any]) -> dict[str, Any]:
        record = {
            "id": self.new_id("thread_"),
            "object": "thread",
            "created_at": self.now(),
            "metadata": body.get("metadata") or {},
            "tool_resources": body.get("tool_resources"),
        }
        thread = self._add("threads", call, record)
        for message in body.get("messages") or ():
            self._new_message(call, thread["id"], message)
        return thread

    def on_getThread(self, call: Call) -> Answer:  # noqa: N802
        """One thread."""
        return Answer.json(_shown(self._own("threads", call.path["threadId"], call, "thread")))

    def on_updateThread(self, call: Call) -> Answer:  # noqa: N802
        """Change its metadata or resources."""
        record = self._own("threads", call.path["threadId"], call, "thread")
        record.update({name: value for name, value in call.body.items() if name in ("metadata", "tool_resources")})
        return Answer.json(_shown(record))

    def on_deleteThread(self, call: Call) -> Answer:  # noqa: N802
        """Delete a thread."""
        record = self._own("threads", call.path["threadId"], call, "thread")
        del self.records["threads"][record["id"]]
        return Answer.json({"id": record["id"], "object": "thread.deleted", "deleted": True})

    # -------------------------------------------------------------- messages

    def _new_message(
        self, call: Call, thread_id: str, body: dict[str, Any], run: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        content = body["content"]
        parts = (
            [{"type": "text", "text": {"value": content, "annotations": []}}]
            if isinstance(content, str)
            else [_part(part) for part in content]
        )
        record = {
            "id": self.new_id("msg_"),
            "object": "thread.message",
            "role": body["role"],
            "status": "completed",
            "content": parts,
            "created_at": self.now(),
            "completed_at": self.now(),
            "incomplete_at": None,
            "incomplete_details": None,
            "assistant_id": run["assistant_id"] if run else None,
            "thread_id": thread_id,
            "run_id": run["id"] if run else None,
            "attachments": body.get("attachments") or [],
            "metadata": body.get("metadata") or {},
        }
        return self._add("messages", call, record)

    def _messages(self, thread_id: str) -> list[dict[str, Any]]:
        return [record for record in self.records["messages"].values() if record["thread_id"] == thread_id]

    def on_createThreadMessage(self, call: Call) -> Answer:  # noqa: N802
        """Add a message."""
        thread = self._own("threads", call.path["threadId"], call, "thread")
        return Answer.json(_shown(self._new_message(call, thread["id"], call.body)), 201)

    def on_listThreadMessages(self, call: Call) -> Answer:  # noqa: N802
        """The messages of a thread."""
        thread = self._own("threads", call.path["threadId"], call, "thread")
        wanted = call.query.get("run_id")
        return self._page(
            call, [record for record in self._messages(thread["id"]) if wanted in (None, record["run_id"])]
        )

    def _message(self, call: Call) -> dict[str, Any]:
        record = self._own("messages", call.path["messageId"], call, "message")
        if record["thread_id"] != call.path["threadId"]:
            raise Refusal(404, f"No message found with id '{record['id']}'.", bare=True)
        return record

    def on_getThreadMessage(self, call: Call) -> Answer:  # noqa: N802
        """One message."""
        return Answer.json(_shown(self._message(call)))

    def on_updateThreadMessage(self, call: Call) -> Answer:  # noqa: N802
        """Change its metadata."""
        record = self._message(call)
        record["metadata"] = call.body["metadata"]
        return Answer.json(_shown(record))

    def on_deleteThreadMessage(self, call: Call) -> Answer:  # noqa: N802
        """Delete a message."""
        record = self._message(call)
        del self.records["messages"][record["id"]]
        return Answer.json({"id": record["id"], "object": "thread.message.deleted", "deleted": True})

    # -------------------------------------------------------------- runs

    def on_createRun(self, call: Call) -> Answer:  # noqa: N802
        """Run an assistant on a thread."""
        thread = self._own("threads", call.path["threadId"], call, "thread")
        return self._begin(call, thread)

    def on_createThreadAndRun(self, call: Call) -> Answer:  # noqa: N802
        """Make a thread and run an assistant on it."""
        self._own("assistants", call.body["assistant_id"], call, "assistant")
        return self._begin(call, self._new_thread(call, call.body.get("thread") or {}))

    def _begin(self, call: Call, thread: dict[str, Any]) -> Answer:
        self.require_money(call)
        body = call.body
        assistant = self._own("assistants", body["assistant_id"], call, "assistant")
        for message in body.get("additional_messages") or ():
            self._new_message(call, thread["id"], message)
        instructions = body.get("instructions") or assistant.get("instructions") or ""
        if body.get("additional_instructions"):
            instructions = f"{instructions}\n{body['additional_instructions']}".strip()
        record = {
            "id": self.new_id("run_"),
            "object": "thread.run",
            "assistant_id": assistant["id"],
            "thread_id": thread["id"],
            "status": "queued",
            "created_at": self.now(),
            "expires_at": self.now() + _EXPIRES_S,
            "started_at": None,
            "completed_at": None,
            "cancelled_at": None,
            "failed_at": None,
            "last_error": None,
            "required_action": None,
            "incomplete_details": None,
            "instructions": instructions,
            "model": body.get("model") or assistant["model"],
            "tools": body.get("tools") or assistant.get("tools") or [],
            "metadata": body.get("metadata") or {},
            "usage": None,
            "_at": self.simulator.clock.now(),
            "_turns": [],
            "_body": body,
            "_fault": (call.fault.get("job") if call.fault else None) or "",
        }
        run = self._add("runs", call, record)
        if body.get("stream"):
            return Answer.events(self._streamed(call, run))
        return Answer.json(_shown(run), 201)

    def _advance(self, call: Call, run: dict[str, Any]) -> None:
        """Bring a run up to date with the clock."""
        now = self.simulator.clock.now()
        if run["status"] == "cancelling":
            run.update(status="cancelled", cancelled_at=self.now(), expires_at=None)
        if run["status"] in _FINAL:
            return
        if now >= run["created_at"] + _EXPIRES_S:
            run.update(status="expired", required_action=None)
            return
        if run["status"] == "requires_action" or run["_fault"] == "stuck":
            return
        waited = now - run["_at"]
        if run["status"] == "queued" and waited >= self.simulator.job_wait_s:
            run.update(status="in_progress", started_at=self.now())
        if run["status"] == "in_progress" and waited >= self.simulator.job_wait_s + self.simulator.job_run_s:
            self._finish_run(call, run)

    def _finish_run(self, call: Call, run: dict[str, Any]) -> Reply:
        """Let the model answer: a message, or calls that somebody has to make."""
        if run["_fault"] == "fail":
            error = {"code": "server_error", "message": "The model failed"}
            run.update(status="failed", failed_at=self.now(), last_error=error, expires_at=None)
            return Reply(None)
        made = self.reply(call, self._run_conversation(run))
        before = run["usage"] or {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        given, output = before["prompt_tokens"] + made.input_tokens, before["completion_tokens"] + made.output_tokens
        usage = {"prompt_tokens": given, "completion_tokens": output, "total_tokens": given + output}
        price = price_of(self.name, run["model"]).of(made.input_tokens, made.output_tokens)
        self._charge(call, price, run["model"], input_tokens=made.input_tokens, output_tokens=made.output_tokens)
        if made.tool_calls:
            calls = [
                {
                    "id": self.new_id("call_"),
                    "type": "function",
                    "function": {"name": one.name, "arguments": one.arguments},
                }
                for one in made.tool_calls
            ]
            action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": calls}}
            run.update(status="requires_action", required_action=action, usage=usage)
            step: dict[str, Any] = {"type": "tool_calls", "tool_calls": calls}
        else:
            message = self._new_message(call, run["thread_id"], {"role": "assistant", "content": made.text or ""}, run)
            status = "incomplete" if made.finish_reason == "length" else "completed"
            details = {"reason": "max_completion_tokens"} if status == "incomplete" else None
            run.update(
                status=status,
                completed_at=self.now(),
                required_action=None,
                incomplete_details=details,
                usage=usage,
                expires_at=None,
            )
            step = {"type": "message_creation", "message_creation": {"message_id": message["id"]}}
        self._add(
            "steps",
            call,
            {
                "id": self.new_id("step_"),
                "object": "thread.run.step",
                "run_id": run["id"],
                "thread_id": run["thread_id"],
                "assistant_id": run["assistant_id"],
                "type": step["type"],
                "status": "in_progress" if made.tool_calls else "completed",
                "step_details": step,
                "created_at": self.now(),
                "completed_at": None if made.tool_calls else self.now(),
                "cancelled_at": None,
                "failed_at": None,
                "expired_at": None,
                "last_error": None,
                "usage": usage,
            },
        )
        return made

    def _run_conversation(self, run: dict[str, Any]) -> Conversation:
        messages = self._messages(run["thread_id"])
        context = "\n".join(
            text
            for message in messages
            for entry in message["attachments"] or ()
            if (text := self._file_text(entry.get("file_id")))
        )
        turns = [Turn("system", run["instructions"])] if run["instructions"] else []
        if context:
            turns.append(Turn("system", f"Context:\n{context}"))
        for message in messages:
            if message["run_id"] == run["id"]:
                continue
            text = "\n".join(part["text"]["value"] for part in message["content"] if part["type"] == "text")
            turns.append(Turn(message["role"], text))
        turns += run["_turns"]
        tools = tuple(
            Tool(
                tool["function"]["name"],
                tool["function"].get("description") or "",
                tool["function"].get("parameters") or {},
            )
            for tool in run["tools"]
            if tool["type"] == "function"
        )
        body = run["_body"]
        choice, _, _ = chat_format.read_tool_choice(body.get("tool_choice"))
        form = body.get("response_format")
        return Conversation(
            run["model"],
            tuple(turns),
            tools,
            tool_choice=choice if not run["_turns"] else "auto",
            parallel_tool_calls=body.get("parallel_tool_calls", True),
            schema=chat_format.read_schema(form) if isinstance(form, dict) else None,
            max_tokens=body.get("max_completion_tokens"),
        )

    def _file_text(self, file_id: str | None) -> str:
        from multiapi.simulator import media

        record = self.records["files"].get(file_id or "")
        if record is not None:
            with suppress(ValueError):
                return "\n".join(media.read_document(record["data"]).pages)
        return ""

    def _run(self, call: Call) -> dict[str, Any]:
        run = self._own("runs", call.path["runId"], call, "run")
        if run["thread_id"] != call.path["threadId"]:
            raise Refusal(404, f"No run found with id '{run['id']}'.", bare=True)
        self._advance(call, run)
        return run

    def on_listRuns(self, call: Call) -> Answer:  # noqa: N802
        """The runs on a thread."""
        thread = self._own("threads", call.path["threadId"], call, "thread")
        runs = [run for run in self.records["runs"].values() if run["thread_id"] == thread["id"]]
        for run in runs:
            self._advance(call, run)
        return self._page(call, runs)

    def on_getRun(self, call: Call) -> Answer:  # noqa: N802
        """The state of a run."""
        return Answer.json(_shown(self._run(call)))

    def on_updateRun(self, call: Call) -> Answer:  # noqa: N802
        """Change its metadata."""
        run = self._run(call)
        run["metadata"] = call.body["metadata"]
        return Answer.json(_shown(run))

    def on_submitToolOutputs(self, call: Call) -> Answer:  # noqa: N802
        """Give a waiting run what its calls returned."""
        run = self._run(call)
        if run["status"] != "requires_action":
            raise Refusal(400, f'Runs in status "{run["status"]}" do not accept tool outputs.', bare=True)
        calls = run["required_action"]["submit_tool_outputs"]["tool_calls"]
        outputs = {entry.get("tool_call_id"): entry.get("output") or "" for entry in call.body["tool_outputs"]}
        if missing := [one["id"] for one in calls if one["id"] not in outputs]:
            raise Refusal(400, f"Expected tool outputs for call_ids {missing}", bare=True)
        made = tuple(ToolCall(one["function"]["name"], one["function"]["arguments"], one["id"]) for one in calls)
        run["_turns"].append(Turn("assistant", "", tool_calls=made))
        run["_turns"] += [Turn("tool", outputs[one["id"]], (), (), one["id"], one["function"]["name"]) for one in calls]
        for step in self.records["steps"].values():
            if step["run_id"] == run["id"] and step["status"] == "in_progress":
                step.update(status="completed", completed_at=self.now())
        run.update(status="queued", required_action=None, _at=self.simulator.clock.now())
        if call.body.get("stream"):
            return Answer.events(self._streamed(call, run))
        return Answer.json(_shown(run))

    def on_cancelRun(self, call: Call) -> Answer:  # noqa: N802
        """Stop a run."""
        run = self._run(call)
        if run["status"] in _FINAL:
            raise Refusal(400, f"Cannot cancel run with status '{run['status']}'.", bare=True)
        run["status"] = "cancelling"
        return Answer.json(_shown(run))

    def on_listRunSteps(self, call: Call) -> Answer:  # noqa: N802
        """What a run did."""
        run = self._run(call)
        return self._page(call, [step for step in self.records["steps"].values() if step["run_id"] == run["id"]])

    def on_getRunStep(self, call: Call) -> Answer:  # noqa: N802
        """One step of a run."""
        run = self._run(call)
        step = self._own("steps", call.path["stepId"], call, "run step")
        if step["run_id"] != run["id"]:
            raise Refusal(404, f"No run step found with id '{step['id']}'.", bare=True)
        return Answer.json(_shown(step))

    # -------------------------------------------------------------- events

    def _streamed(self, call: Call, run: dict[str, Any]) -> Iterator[bytes]:
        """A run as named events; it does not wait for the clock."""
        if run["_turns"]:
            yield _event("thread.run.queued", _shown(run))
        else:
            if call.operation.id == "createThreadAndRun":
                yield _event("thread.created", _shown(self.records["threads"][run["thread_id"]]))
            yield _event("thread.run.created", _shown(run))
            yield _event("thread.run.queued", _shown(run))
        run.update(status="in_progress", started_at=self.now())
        yield _event("thread.run.in_progress", _shown(run))
        made = self._finish_run(call, run)
        if run["status"] == "failed":
            yield _event("thread.run.failed", _shown(run))
            yield NAMED_DONE
            return
        step = list(self.records["steps"].values())[-1]
        yield _event("thread.run.step.created", {**_shown(step), "status": "in_progress"})
        yield _event("thread.run.step.in_progress", {**_shown(step), "status": "in_progress"})
        if made.tool_calls:
            for index, one in enumerate(step["step_details"]["tool_calls"]):
                delta = {"step_details": {"type": "tool_calls", "tool_calls": [{"index": index, **one}]}}
                yield _event(
                    "thread.run.step.delta", {"id": step["id"], "object": "thread.run.step.delta", "delta": delta}
                )
            yield _event("thread.run.requires_action", _shown(run))
        else:
            message = _shown(self.records["messages"][step["step_details"]["message_creation"]["message_id"]])
            begun = {**message, "status": "in_progress", "content": [], "completed_at": None}
            yield _event("thread.message.created", begun)
            yield _event("thread.message.in_progress", begun)
            for piece in tokens.split(made.text or ""):
                part = {"index": 0, "type": "text", "text": {"value": piece, "annotations": []}}
                yield _event(
                    "thread.message.delta",
                    {"id": message["id"], "object": "thread.message.delta", "delta": {"content": [part]}},
                )
            yield _event("thread.message.completed", message)
            yield _event("thread.run.step.completed", _shown(step))
            yield _event(f"thread.run.{run['status']}", _shown(run))
        yield NAMED_DONE


def _event(name: str, value: Any) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(value) + b"\n\n"


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "owner" and not name.startswith("_")}


def _part(part: dict[str, Any]) -> dict[str, Any]:
    if part.get("type") == "text" and isinstance(part.get("text"), str):
        return {"type": "text", "text": {"value": part["text"], "annotations": []}}
    return part
