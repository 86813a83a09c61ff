"""A very fast OpenAI-like server for benchmarks, on loopback only.

Raw asyncio Protocol, uvloop and orjson when they are installed, answers precomputed and
cached, so that the client under test is always the slow side.

Routes (any prefix):
  POST .../chat/completions             OpenAI style, JSON or SSE      (/v1, /api/v1, ...)
  POST /api/v1/ai/chat/completions      Bineric style JSON; SSE is OpenAI style (assumed)
  POST .../embeddings                   OpenAI style, float JSON or base64
  GET  .../models                       a short list
  GET  /__stats   /__reset   /__last    counters, reset, the last request (headers + body)

What is answered is driven by the model name: tokens joined with '.', any order, all optional.
  size-200        bytes of answer text, non-stream                           (default 200)
  stream-1000     number of content chunks of a stream                       (default 20)
  chunk-4         bytes of text in each streamed chunk                       (default 4)
  tools-100000    answer with one tool call; bytes of its JSON arguments
  frag-2-20       streamed argument fragments cycle through 2..20 bytes      (default 2-20)
  reason-100      number of `reasoning_content` chunks before the content
  write-each      one transport.write per SSE event
  write-all       every event is its own HTTP chunk, but all are written at once (default)
  bulk-16         16 SSE events per HTTP chunk (what some proxies do)
  pace-500us      one event every 500 us (a real token stream); ms also allowed
  sleep-50ms      latency before the first byte of the answer; us also allowed
  dims-1536       embedding dimensions                                       (default 1536)
  usage-0         no usage chunk at the end of the stream
  status-429      answer this status with an error body
The header `x-bench: <tokens>` is merged over the model name.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import re
import struct
import sys
import time
from functools import lru_cache

import orjson

loads, dumps = orjson.loads, orjson.dumps


CREATED = 1_760_000_000
LOREM = (
    'The quick brown fox jumps over the lazy dog, and "quotes" with \\ and \n newlines '
    "keep the JSON honest; été, naïve, 東京 too. "
)


def text_of(n: int) -> str:
    """ASCII-mostly text of n characters."""
    return (LOREM * (n // len(LOREM) + 1))[:n]


def args_json(n: int) -> str:
    """A JSON object of about n bytes: nested values and escapes, as real tool arguments have."""
    rows, size, i = [], 40, 0
    while size < n:
        row = {"id": i, "name": "item %d" % i, "ok": bool(i % 2), "note": 'say "hi"\n\\ there'}
        size += len(json.dumps(row)) + 2
        rows.append(row)
        i += 1
    return json.dumps({"city": "Paris", "rows": rows})


def fragments(s: str, lo: int, hi: int) -> list[str]:
    out, i, k = [], 0, lo
    while i < len(s):
        out.append(s[i : i + k])
        i += k
        k = k + 1 if k < hi else lo
    return out


class Spec:
    """A parsed model name."""

    __slots__ = ("size stream chunk tools frag_lo frag_hi reason write bulk pace sleep dims usage status").split()

    def __init__(self, name: str):
        def num(key, default):
            m = re.search(r"(?:^|[./:])%s-(\d+)" % key, name)
            return int(m.group(1)) if m else default

        def secs(key):
            m = re.search(r"(?:^|[./:])%s-(\d+)(us|ms|s)" % key, name)
            return int(m.group(1)) * {"us": 1e-6, "ms": 1e-3, "s": 1.0}[m.group(2)] if m else 0.0

        self.size = num("size", 200)
        self.stream = num("stream", 20)
        self.chunk = num("chunk", 4)
        self.tools = num("tools", 0)
        m = re.search(r"frag-(\d+)-(\d+)", name)
        self.frag_lo, self.frag_hi = (int(m.group(1)), int(m.group(2))) if m else (2, 20)
        self.reason = num("reason", 0)
        self.write = "each" if "write-each" in name else "all"
        self.bulk = num("bulk", 1)
        self.pace = secs("pace")
        self.sleep = secs("sleep")
        self.dims = num("dims", 1536)
        self.usage = num("usage", 1)
        self.status = num("status", 200)


spec_of = lru_cache(4096)(Spec)


def head(status: int, ctype: bytes, extra: bytes) -> bytes:
    reason = {200: b"OK", 404: b"Not Found", 429: b"Too Many Requests"}.get(status, b"Status")
    return (
        b"HTTP/1.1 %d %s\r\nserver: bench\r\ndate: Mon, 01 Jan 2026 00:00:00 GMT\r\n"
        b"content-type: %s\r\nx-request-id: req_bench\r\n%s\r\n" % (status, reason, ctype, extra)
    )


def json_response(body: bytes, status: int = 200) -> bytes:
    return head(status, b"application/json", b"content-length: %d\r\n" % len(body)) + body


USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 22,
    "total_tokens": 33,
    "prompt_tokens_details": {"cached_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0},
}


@lru_cache(256)
def chat_json(name: str, style: str) -> bytes:
    s = spec_of(name)
    if s.status != 200:
        return json_response(dumps({"error": {"message": "bench error", "type": "bench", "code": "bench"}}), s.status)
    if style == "bineric":
        return json_response(
            dumps(
                {
                    "success": True,
                    "request_id": "req_bench",
                    "model": name,
                    "response": text_of(s.size),
                    "usage": USAGE,
                }
            )
        )
    msg: dict = {"role": "assistant", "content": text_of(s.size), "refusal": None}
    finish = "stop"
    if s.tools:
        finish = "tool_calls"
        msg["content"] = None
        msg["tool_calls"] = [
            {
                "id": "call_bench",
                "type": "function",
                "function": {"name": "bench_tool", "arguments": args_json(s.tools)},
            }
        ]
    return json_response(
        dumps(
            {
                "id": "chatcmpl-bench",
                "object": "chat.completion",
                "created": CREATED,
                "model": name,
                "choices": [{"index": 0, "message": msg, "logprobs": None, "finish_reason": finish}],
                "usage": USAGE,
                "system_fingerprint": "fp_bench",
                "service_tier": "default",
            }
        )
    )


def _event(name: str, delta: dict, finish=None, usage=False, choices=True) -> bytes:
    d: dict = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": name,
        "service_tier": "default",
        "system_fingerprint": "fp_bench",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}] if choices else [],
    }
    d["usage"] = USAGE if usage else None
    return b"data: " + dumps(d) + b"\n\n"


STREAM_HEAD = head(
    200, b"text/event-stream; charset=utf-8", b"transfer-encoding: chunked\r\ncache-control: no-cache\r\n"
)


@lru_cache(64)
def stream_parts(name: str) -> tuple[list[bytes], bytes]:
    """(the HTTP chunks, all of them joined with head and terminator)."""
    s = spec_of(name)
    ev = [_event(name, {"role": "assistant", "content": "", "refusal": None})]
    for i in range(s.reason):
        ev.append(_event(name, {"reasoning_content": text_of(s.chunk)}))
    if s.tools:
        ev.append(
            _event(
                name,
                {
                    "tool_calls": [
                        {
                            "index": 0,
                            "id": "call_bench",
                            "type": "function",
                            "function": {"name": "bench_tool", "arguments": ""},
                        }
                    ]
                },
            )
        )
        for f in fragments(args_json(s.tools), s.frag_lo, s.frag_hi):
            ev.append(_event(name, {"tool_calls": [{"index": 0, "function": {"arguments": f}}]}))
        ev.append(_event(name, {}, "tool_calls"))
    else:
        body = text_of(s.chunk * s.stream)
        for i in range(s.stream):
            ev.append(_event(name, {"content": body[i * s.chunk : (i + 1) * s.chunk]}))
        ev.append(_event(name, {}, "stop"))
    if s.usage:
        ev.append(_event(name, {}, usage=True, choices=False))
    ev.append(b"data: [DONE]\n\n")
    groups = [b"".join(ev[i : i + s.bulk]) for i in range(0, len(ev), s.bulk)]
    chunks = [b"%x\r\n%s\r\n" % (len(g), g) for g in groups]
    return chunks, STREAM_HEAD + b"".join(chunks) + b"0\r\n\r\n"


@lru_cache(64)
def embed_vector(dims: int, b64: bool) -> bytes:
    vals = [((i * 2654435761) % 2000003) / 1000001.5 - 1.0 for i in range(dims)]
    if b64:
        return b'"' + base64.b64encode(struct.pack("<%df" % dims, *vals)) + b'"'
    vals = struct.unpack("<%df" % dims, struct.pack("<%df" % dims, *vals))
    return b"[" + b",".join(repr(round(v, 9)).encode() for v in vals) + b"]"


@lru_cache(8)
def embed_json(n: int, dims: int, b64: bool, model: str) -> bytes:
    v = embed_vector(dims, b64)
    rows = b",".join(b'{"object":"embedding","index":%d,"embedding":%s}' % (i, v) for i in range(n))
    return json_response(
        b'{"object":"list","data":[%s],"model":%s,"usage":{"prompt_tokens":%d,"total_tokens":%d}}'
        % (rows, dumps(model), n, n)
    )


MODELS = json_response(
    dumps(
        {
            "object": "list",
            "data": [
                {"id": m, "object": "model", "created": CREATED, "owned_by": "bench"}
                for m in ("size-200", "stream-1000", "dims-1536")
            ],
        }
    )
)

STATS = {"requests": 0, "connections": 0, "open": 0, "peak_open": 0, "bytes_in": 0, "aborted": 0}
TASKS: set = set()  # the loop keeps only weak references
LAST: dict = {"path": "", "headers": "", "body": b""}
NOT_FOUND = json_response(b'{"error":{"message":"no such route"}}', 404)
XBENCH = re.compile(rb"\r\nx-bench:[ \t]*([^\r\n]+)", re.I)
CLEN = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.I)


class Server(asyncio.Protocol):
    __slots__ = ("t", "buf", "have", "need", "head", "loop", "busy", "queue", "writable", "dead")

    def __init__(self, loop):
        self.loop = loop
        self.buf: list[bytes] = []
        self.have = 0
        self.need = -1
        self.head = b""
        self.busy = False
        self.dead = False
        self.queue: list = []
        self.writable = None

    def connection_made(self, t):
        self.t = t
        t.set_write_buffer_limits(high=1 << 20)
        STATS["connections"] += 1
        STATS["open"] += 1
        STATS["peak_open"] = max(STATS["peak_open"], STATS["open"])

    def connection_lost(self, exc):
        STATS["open"] -= 1
        self.dead = True
        if self.writable is not None and not self.writable.done():
            self.writable.set_result(None)

    def pause_writing(self):
        self.writable = self.loop.create_future()

    def resume_writing(self):
        if self.writable is not None and not self.writable.done():
            self.writable.set_result(None)
        self.writable = None

    def data_received(self, data):
        self.buf.append(data)
        self.have += len(data)
        while True:
            if self.need < 0:
                raw = b"".join(self.buf) if len(self.buf) > 1 else self.buf[0]
                i = raw.find(b"\r\n\r\n")
                if i < 0:
                    self.buf = [raw]
                    return
                self.head = raw[: i + 2]
                low = self.head
                m = CLEN.search(low)
                if m:
                    n = int(m.group(1))
                elif b"transfer-encoding: chunked" in low.lower():
                    self.t.write(json_response(b'{"error":{"message":"chunked requests are not supported"}}', 400))
                    self.t.close()
                    return
                else:
                    n = 0
                if b"100-continue" in low:
                    self.t.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                self.need = i + 4 + n
                self.buf = [raw]
                self.have = len(raw)
            if self.have < self.need:
                return
            raw = b"".join(self.buf) if len(self.buf) > 1 else self.buf[0]
            body = raw[len(self.head) + 2 : self.need]
            rest = raw[self.need :]
            self.buf = [rest] if rest else []
            self.have = len(rest)
            self.need = -1
            if self.busy:
                self.queue.append((self.head, body))
            else:
                self.handle(self.head, body)
            if not rest:
                return

    def handle(self, hd: bytes, body: bytes):
        line = hd[: hd.find(b"\r\n")]
        parts = line.split(b" ")
        path = parts[1].decode("latin-1").split("?")[0] if len(parts) > 1 else ""
        if path.startswith("/__"):
            if path == "/__reset":
                STATS.update(requests=0, connections=STATS["open"], peak_open=STATS["open"], bytes_in=0, aborted=0)
            if path == "/__last":
                body = LAST["body"]
                out = {
                    "path": LAST["path"],
                    "headers": LAST["headers"],
                    "body": body[:200_000].decode("utf-8", "replace"),
                }
            else:
                out = dict(STATS, cpu=time.process_time(), pid=os.getpid())
            self.t.write(json_response(dumps(out)))
            return
        STATS["requests"] += 1
        STATS["bytes_in"] += len(body)
        LAST.update(path=path, headers=hd.decode("latin-1"), body=body)
        if path.endswith("/models"):
            self.t.write(MODELS)
            return
        try:
            req = loads(body)
            name = req.get("model") or ""
        except Exception:
            self.t.write(json_response(b'{"error":{"message":"bad JSON"}}', 400))
            return
        x = XBENCH.search(hd)
        if x:
            name = x.group(1).decode() + "." + name
        s = spec_of(name)
        if path.endswith("/embeddings"):
            inp = req.get("input")
            n = 1 if isinstance(inp, str) or (inp and isinstance(inp[0], int)) else len(inp)
            out = embed_json(n, req.get("dimensions") or s.dims, req.get("encoding_format") == "base64", name)
            self.later(s, lambda: self.send(out))
        elif path.endswith("/chat/completions"):
            if req.get("stream") and s.status == 200:
                self.later(s, lambda: self.stream(name, s))
            else:
                style = "bineric" if path.endswith("/ai/chat/completions") else "openai"
                out = chat_json(name, style)
                if s.sleep:
                    self.later(s, lambda: self.send(out))
                else:
                    self.t.write(out)
        else:
            self.t.write(NOT_FOUND)

    def later(self, s, fn):
        self.busy = True
        if s.sleep:
            self.loop.call_later(s.sleep, fn)
        else:
            fn()

    def done(self):
        self.busy = False
        while self.queue and not self.busy:
            self.handle(*self.queue.pop(0))

    def send(self, data):
        if not self.dead:
            self.t.write(data)
        self.done()

    def stream(self, name, s):
        chunks, whole = stream_parts(name)
        if s.pace or s.write == "each":
            task = self.loop.create_task(self.events(chunks, s.pace))
            TASKS.add(task)
            task.add_done_callback(TASKS.discard)
        else:
            self.send(whole)

    async def events(self, chunks, pace):
        """one write per event, `pace` seconds apart; the terminator right after the last one"""
        t = self.loop.time()
        w = self.t.write
        try:
            w(STREAM_HEAD)
            for c in chunks:
                if self.dead or self.t.is_closing():
                    STATS["aborted"] += 1
                    return
                w(c)
                if pace and c is not chunks[0]:  # the role event and the first content go together
                    t += pace
                    d = t - self.loop.time()
                    if d > 0 and c is not chunks[-1]:
                        await asyncio.sleep(d)
                if self.writable is not None:
                    await self.writable
            if not self.dead and not self.t.is_closing():
                w(b"0\r\n\r\n")
        except (RuntimeError, OSError):
            STATS["aborted"] += 1
        self.done()


async def main(port: int, max_s: float):
    loop = asyncio.get_running_loop()
    srv = await loop.create_server(lambda: Server(loop), "127.0.0.1", port, backlog=4096)
    print("PORT %d" % srv.sockets[0].getsockname()[1], flush=True)
    parent, end = os.getppid(), time.monotonic() + max_s
    while time.monotonic() < end and os.getppid() == parent:
        await asyncio.sleep(1)


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--port", type=int, default=0, help="0: any free port, printed as 'PORT n'")
    ap.add_argument("--max-seconds", type=float, default=3600, help="the server ends itself after this")
    a = ap.parse_args()
    try:
        import uvloop

        run = uvloop.run
    except ImportError:
        run = asyncio.run
    try:
        run(main(a.port, a.max_seconds))
    except KeyboardInterrupt:
        sys.exit(0)
