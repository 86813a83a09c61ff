"""The commands that ask for text: `chat` and `embed`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from multiapi.cli import conversation, kept, output
from multiapi.cli.files import Destination, media_of, text_of
from multiapi.cli.options import Extra, Words, object_of
from multiapi.cli.run import Run
from multiapi.client.client import Client
from multiapi.errors import InvalidRequestError, ResponseFormatError
from multiapi.types.chat import ChatRequest, ChatResponse, MediaPart, Message, Part, TextPart
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.media import Media


def chat(
    run: Run,
    prompt: Words = None,
    *,
    system: Annotated[str | None, typer.Option("--system", "-s", help="Instructions.")] = None,
    file: Annotated[
        list[str] | None,
        typer.Option(
            "--file", "-f", metavar="PATH|URL", help="An image, sound, video, document or text to send along."
        ),
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="Sampling temperature.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="The longest response, in tokens.", min=1)] = None,
    reasoning_effort: Annotated[str | None, typer.Option(help="Reasoning effort: low, medium, high, ...")] = None,
    reasoning: Annotated[bool, typer.Option("--reasoning", help="Show on stderr what it thinks.")] = False,
    schema: Annotated[
        Path | None,
        typer.Option(help="A JSON schema; the response is then a JSON value of it.", exists=True, dir_okay=False),
    ] = None,
    stream: Annotated[bool, typer.Option(help="Show the response as it is written.")] = True,
    api: Annotated[
        Literal["auto", "chat", "responses", "messages"],
        typer.Option(help="Which of the provider's protocols carries it."),
    ] = "auto",
    web_search: Annotated[
        bool | None, typer.Option(help="Search the web first, where the model can; sources stand below the response.")
    ] = None,
    prompt_cache: Annotated[
        bool | None, typer.Option(help="Let the provider keep the beginning of the prompt (AICredits).")
    ] = None,
    go_on: Annotated[
        bool, typer.Option("--continue", "-c", help="Go on with the last conversation at this terminal.")
    ] = False,
    template: Annotated[
        str | None, typer.Option("--template", "-t", metavar="NAME", help="A prompt that `multiapi template` keeps.")
    ] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="What goes into a gap of the template.")
    ] = None,
    extra: Extra = None,
) -> None:
    """Ask a model. What is piped in goes behind the prompt; without one it is the prompt. At a terminal without a prompt: a conversation."""
    settings: dict[str, Any] = {
        "extra_name": "--extra",
        "temperature": temperature,
        "max_tokens": max_tokens,
        "reasoning_effort": reasoning_effort,
        "response_format": _response_format(schema),
        "api": api,
        "web_search": web_search,
        "prompt_cache": prompt_cache,
        "extra": object_of(extra),
    }
    earlier = None
    if go_on:
        earlier = conversation.last()
        if run.provider_given is None and run.model_given is None:
            run.provider_given, run.model_given = earlier.provider, earlier.model
    made = kept.template(template) if template is not None else None
    if made is None and sets:
        raise InvalidRequestError("--set fills the gaps of a template: name one with -t")
    if made is not None:
        if run.model_given is None and run.provider_given is None:
            run.model_given = kept.expanded(made.model)
        if system is None and made.system is not None:
            system = _filled(made.system, str(template), sets, None)
    starts_with_a_prompt = made is not None and made.prompt is not None
    if not prompt and not starts_with_a_prompt and conversation.at_a_terminal() and not run.json and schema is None:
        dialogue = conversation.Dialogue(
            run,
            answer=lambda request: _shown(run, run.client(), request, show_reasoning=reasoning),
            content=_content,
            settings=settings,
        )
        dialogue.begin(system=system, earlier=earlier)
        dialogue.converse()
        return
    if made is not None and made.prompt is not None:
        given = text_of(prompt, what="prompt", piped_too=True) if "input" in kept.gaps(made.prompt) else None
        text = _filled(made.prompt, str(template), sets, given)
        if given is None and prompt:
            text = f"{text}\n\n{text_of(prompt, what='prompt', piped_too=True)}"
    else:
        text = text_of(prompt, what="prompt", piped_too=True)
    client = run.client()
    before = list(earlier.messages) if earlier is not None else []
    if system is not None:
        before = [Message("system", system), *(each for each in before if each.role != "system")]
    messages = [*before, Message("user", _content(text, file or []))]
    request = ChatRequest(model=run.model(client, "chat"), messages=messages, **settings)
    whole = run.json or schema is not None or not stream
    run.keep = lambda partial: _what_came(partial, shown=not whole, as_json=run.json)
    response = client.chat(request) if whole else _streamed(run, client, request, show_reasoning=reasoning)
    value = None
    if schema is not None:
        from multiapi.negotiation.wanted import read_structured

        value = read_structured(response, request.response_format)
    if response.media:
        response = _with_saved_media(run, client, response)
    if run.json:
        output.write_json({**output.plain(response), **({"value": value} if schema is not None else {})})
    elif schema is not None:
        output.write_json(value, escaped=False)
    elif whole:
        if reasoning and response.reasoning is not None:
            output.note(response.reasoning.text)
        output.write_text(response.text or response.refusal or "")
    if not run.json:
        for media in response.media:
            output.write_text(str(media.path))
        if schema is None:
            write_sources(response)
    if go_on:
        conversation.keep(client.provider.name, request.model, [*messages, Message("assistant", response.text)])
    if response.finish_reason == "length":
        run.note("the response was cut off: it reached the longest length")
    run.priced(response)


def _filled(text: str, template: str, sets: list[str] | None, given: str | None) -> str:
    """A text of a template with its gaps filled."""
    values = {} if given is None else {"input": given}
    for each in sets or []:
        name, sign, value = each.partition("=")
        if not (name and sign):
            raise InvalidRequestError(f"--set takes NAME=VALUE, as in --set language=Norwegian, not {each!r}")
        values[name] = value
    return kept.filled(text, values, template=template)


def _shown(run: Run, client: Client, request: ChatRequest, *, show_reasoning: bool) -> ChatResponse:
    """One response of a conversation, written as it arrives, with its sources and its price."""
    response = _streamed(run, client, request, show_reasoning=show_reasoning)
    if response.media:
        response = _with_saved_media(run, client, response)
    for media in response.media:
        output.write_text(str(media.path))
    write_sources(response)
    run.is_saved()
    run.priced(response)
    return response


def write_sources(response: ChatResponse) -> None:
    """The sources that a response names, below it."""
    sources = dict.fromkeys((each.url or "", each.title or "") for each in response.citations if each.url or each.title)
    if not sources:
        return
    output.write_text("")
    for number, (url, title) in enumerate(sources, 1):
        words = " ".join(part for part in (output.one_line(title), output.one_line(url)) if part)
        output.write_text(f"[{number}] {words}")


def _what_came(partial: Any, *, shown: bool, as_json: bool) -> dict[str, Any]:
    """What arrived before a response broke off, unless it is on stdout already."""
    text = getattr(partial, "text", None)
    if as_json:
        return {"partial": output.plain(partial)}
    if not shown and isinstance(text, str) and text:
        output.write_text(text)
    return {}


def _content(text: str, files: list[str]) -> str | list[Part]:
    """The prompt with what goes with it; texts are written into it, because every provider takes text."""
    media = [media_of(each) for each in files]
    texts = [each for each in media if each.kind == "text" and each.data is not None]
    blocks = [f"{each.name or 'text'}:\n```\n{each.read().decode('utf-8', 'replace')}\n```" for each in texts]
    whole = "\n\n".join([text, *blocks])
    rest = [each for each in media if each not in texts]
    return [TextPart(whole), *(_part(each) for each in rest)] if rest else whole


def _part(media: Media) -> MediaPart:
    kind: Literal["image", "audio", "video", "file"] = (
        media.kind if media.kind in {"image", "audio", "video"} else "file"
    )
    if media.data is None:
        # Addresses without an ending are most often those of images.
        return MediaPart("image" if media.mime_type is None else kind, url=media.url, filename=media.name)
    return MediaPart(kind, data=media.base64(), mime_type=media.mime_type, filename=media.name)


def _response_format(schema: Path | None) -> Any:
    if schema is None:
        return None
    from multiapi.types.chat import ResponseFormat

    return ResponseFormat(schema=object_of(schema.read_text(encoding="utf-8"), "--schema"))


def _streamed(run: Run, client: Client, request: ChatRequest, *, show_reasoning: bool) -> ChatResponse:
    """The response, written as it arrives. It is read to its end, and kept, where nobody takes what is written."""
    response: ChatResponse | None = None
    thinking = last = ""
    said: list[str] = []
    failure: OSError | None = None

    def write(text: str, end: str = "") -> None:
        nonlocal failure
        if failure is None:
            try:
                output.write_text(text, end=end)
            except OSError as error:
                failure = error

    try:
        for delta in client.chat_stream(request):
            response = delta.response or response
            if show_reasoning and delta.reasoning:
                thinking += delta.reasoning
                *lines, thinking = thinking.split("\n")
                for line in lines:
                    output.note(line)
            if delta.text or delta.refusal:
                if thinking:
                    output.note(thinking)
                    thinking = ""
                last = delta.text or delta.refusal
                said.append(last)
                write(last)
    finally:
        if last and not last.endswith("\n"):
            write("", end="\n")
        if failure is not None and response is None:
            run.unsaved.append({"text": "".join(said)})
    if failure is not None:
        raise failure
    if response is None:
        raise ResponseFormatError(
            f"{client.provider.name} ended the stream without a response", provider=client.provider.name
        )
    return response


def _with_saved_media(run: Run, client: Client, response: ChatResponse) -> ChatResponse:
    from dataclasses import replace

    saved = Destination(Path()).put(client, response.media)
    run.saved += [each.path for each in saved if each.path is not None]
    return replace(response, media=saved)


def embed(
    run: Run,
    texts: Annotated[list[str] | None, typer.Argument(help="The texts; `-` or nothing reads lines from stdin.")] = None,
    *,
    dimensions: Annotated[int | None, typer.Option(help="How many numbers per text.", min=1)] = None,
    input_type: Annotated[str | None, typer.Option(help="query or document, where the model has it.")] = None,
    extra: Extra = None,
) -> None:
    """Turn texts into vectors. Whole vectors come with --json; without it, how near the texts are to the first one."""
    given = texts if texts and texts != ["-"] else text_of(None, what="text").splitlines()
    given = [text for text in given if text.strip()]
    client = run.client()
    request = EmbedRequest(
        model=run.model(client, "embed", "embed"),
        texts=given,
        dimensions=dimensions,
        input_type=input_type,
        extra=object_of(extra),
    )
    response = client.embed(request)
    if run.json:
        output.write_json({**output.plain(response), "texts": given})
    else:
        first = response.vectors[0]
        rows = [
            (text, len(vector), f"{_cosine(first, vector):.3f}")
            for text, vector in zip(given, response.vectors, strict=True)
        ]
        columns = ("text", "length", "like the first")
        output.write(output.table(rows, columns, right=columns[1:]))
    run.priced(response)


def _cosine(one: list[float], other: list[float]) -> float:
    import math

    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0
