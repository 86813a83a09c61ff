"""How it ends when it does not go well: one line, one code, and never a key."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from typer.main import get_command

from multiapi import errors
from multiapi.cli import exit_codes, output
from multiapi.cli.commands import app
from multiapi.cli.exit_codes import EXIT_CODES, exit_code
from multiapi.client.client import Client
from multiapi.providers import PROVIDERS
from multiapi.simulator import Simulator
from tests.cli import samples
from tests.cli.conftest import COMMAND, RunCli


def test_every_error_has_a_code() -> None:
    classes = [
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.MultiApiError)
    ]
    without = {each.__name__ for each in classes if exit_code(each("x")) == exit_codes.OTHER}
    assert without == {"MultiApiError", "EmbeddingBatchError"}
    batch = errors.EmbeddingBatchError("one batch failed")
    batch.__cause__ = errors.RateLimitError("slow down")
    assert exit_code(batch) == 6
    assert exit_code(KeyboardInterrupt()) == 130


def test_the_documented_codes_are_the_codes() -> None:
    table = re.findall(r"^\| (\d+) \| .* \| (.*) \|$", exit_codes.__doc__ or "", re.MULTILINE)
    documented = {name: int(code) for code, names in table for name in re.findall(r"\w+Error", names)}
    assert {each.__name__: code for each, code in EXIT_CODES.items() if each is not errors.StatusError} == {
        name: code for name, code in documented.items() if name not in {"ServerError", "ContextLengthError"}
    }
    assert documented["ServerError"] == exit_code(errors.ServerError("x"))
    assert documented["ContextLengthError"] == exit_code(errors.ContextLengthError("x"))
    assert re.findall(r"(\d+) ", exit_codes.SUMMARY) == [
        code for code, _ in re.findall(r"^\| (\d+) \|(.*)$", exit_codes.__doc__ or "", re.MULTILINE)
    ]


@pytest.mark.parametrize(
    ("fault", "code", "name"),
    [
        ("status=400", 2, "InvalidRequestError"),
        ("status=413", 2, "RequestTooLargeError"),
        ("status=401", 3, "AuthenticationError"),
        ("status=402", 4, "InsufficientCreditsError"),
        ("status=404", 5, "NotFoundError"),
        ("status=429", 6, "RateLimitError"),
        ("status=500", 7, "ServerError"),
        ("html", 7, "ServerError"),
        ("drop", 8, "ConnectionFailedError"),
        ("malformed", 9, "ResponseFormatError"),
    ],
)
def test_what_vendors_do_ends_with_a_code(
    cli: RunCli, served: Simulator, at_once: list[float], fault: str, code: int, name: str
) -> None:
    served.faults.add(fault, vendor="aimlapi", times=20)
    text = cli("chat", "-p", "aimlapi", "--no-stream", "hello")
    assert (text.code, text.out) == (code, "")
    assert len(text.err.splitlines()) == 1
    assert text.error.startswith("error: ")
    scripted = cli("chat", "-p", "aimlapi", "--json", "hello")
    assert scripted.code == code
    assert scripted.json["error"] | {"type": name, "exit_code": code, "provider": "aimlapi"} == scripted.json["error"]


def test_the_vendors_words_and_the_request_id_are_told(cli: RunCli, served: Simulator) -> None:
    served.faults.add("status=400; message=the%20moon%20is%20%1b[31mfull", vendor="aimlapi")
    ran = cli("chat", "-p", "aimlapi", "hello")
    assert re.fullmatch(r"error: aimlapi answered 400: .*the moon is .*full \(request [0-9a-f-]+\)", ran.error)
    assert "\x1b" not in ran.err


def test_the_providers_own_word_and_details_are_there_for_scripts(cli: RunCli, served: Simulator) -> None:
    body = '{"error": {"type": "guardrail_violation", "code": "blocked_keyword", "message": "no", "details": ["a"]}}'
    served.faults.add(f"status=400; body={body}", vendor="aicredits", times=2)
    ran = cli("chat", "-p", "aicredits", "--json", "--no-stream", "hello")
    assert ran.code == 14
    assert (
        ran.json["error"] | {"code": "blocked_keyword", "details": ["a"], "type": "ContentFilterError"}
        == ran.json["error"]
    )


def test_keys_that_fail(cli: RunCli, served: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in PROVIDERS.values():
        monkeypatch.setenv(provider.api_key_env, "invalid-key")
        ran = cli("chat", "-p", provider.name, "hello")
        assert ran.code == 3, provider
        assert "invalid-key" not in ran.err
    monkeypatch.setenv("BINOBOX_API_KEY", "empty-wallet")
    assert cli("chat", "-p", "binobox", "--json", "hello").json["error"]["type"] == "InsufficientCreditsError"
    assert cli("chat", "-p", "binobox", "hello").code == 4
    monkeypatch.setenv("BINOBOX_API_KEY", "only-chat-image")
    assert cli("speech", "-p", "binobox", "--json", "hello").json["error"]["type"] == "PermissionDeniedError"
    assert cli("speech", "-p", "binobox", "hello").code == 4


def test_a_missing_key_says_what_to_do(cli: RunCli) -> None:
    for provider in PROVIDERS.values():
        ran = cli("chat", "-p", provider.name, "hello")
        assert (ran.code, ran.error) == (
            3,
            (
                f"error: {provider.name} needs a key: set the environment variable {provider.api_key_env}, "
                "or try it without one: --simulator"
            ),
        )


def test_nobody_listens(cli: RunCli, served: Simulator, monkeypatch: pytest.MonkeyPatch, at_once: list[float]) -> None:
    monkeypatch.setenv("BINOBOX_BASE_URL", "http://127.0.0.1:9/v1")
    ran = cli("chat", "-p", "binobox", "hello")
    assert ran.code == 8
    assert "at http://127.0.0.1:9 (from BINOBOX_BASE_URL)" in ran.error


def test_a_port_that_is_taken_is_named(cli: RunCli) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = cli("simulator", "--port", str(port))
    assert (ran.code, ran.out) == (1, "")
    assert f"Address already in use: port {port} of 127.0.0.1" in ran.error


def test_a_stream_that_breaks_off_keeps_what_came(cli: RunCli, served: Simulator) -> None:
    served.faults.add("cut=3", vendor="aimlapi")
    ran = cli("chat", "-p", "aimlapi", "Count to ten.")
    assert ran.code == 8
    assert ran.out.startswith("1")
    assert ran.out.endswith("\n")
    assert "broke the stream off" in ran.error


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["chat", "hello"], "no provider given: use -p NAME"),
        (["chat", "-m", "gpt-4o", "hello"], "no provider given: use -p NAME"),
        (["chat", "-p", "nobody", "hello"], "unknown provider 'nobody'"),
        (["image", "-p", "aimlapi", "cat", "--size", "big", "--simulator"], "--size is WIDTHxHEIGHT in pixels"),
        (["chat", "-p", "aimlapi", "hi", "--extra", "[1]", "--simulator"], "--extra is not a JSON object"),
        (["chat", "-p", "aimlapi", "hi", "--extra", "{", "--simulator"], "--extra is not valid JSON"),
        (["transcribe", "-p", "aimlapi", "--simulator"], "no recording"),
    ],
)
def test_wrong_usage_ends_with_two(cli: RunCli, words: list[str], sentence: str) -> None:
    ran = cli(*words)
    assert ran.code == 2
    assert ran.error.startswith(f"error: {sentence}")
    assert cli(*words, "--json").json["error"]["exit_code"] == 2


WRONG = {
    "unknown option": ("--bogus",),
    "wrong type": ("--timeout", "abc"),
    "wrong port": ("--port", "abc"),
    "value missing": ("--proxy",),
    "missing file": ("--output", "no-such-folder/made"),
    "missing schema": ("--schema", "no-such-file.json"),
    "missing attachment": ("--file", "no-such-file.txt"),
    "missing picture": ("--image", "no-such-file.png"),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("command", samples.names())
def test_wrong_usage_is_one_object_for_scripts(cli: RunCli, command: str, wrong: str, at_once: list[float]) -> None:
    words = (
        [command, *([] if command in {"simulator", "mcp"} | samples.OWN else ["-p", "aimlapi", "x"])]
        if command in samples.SERVES | samples.OWN
        else samples.words_of(command)
    )
    declared = {option for each in get_command(app).commands[command].params for option in each.opts}  # type: ignore[attr-defined]
    if wrong != "unknown option" and WRONG[wrong][0] not in declared:
        return
    if (command, wrong) == ("models", "missing schema"):
        return  # there it is a model's name
    for given in (["--json", *WRONG[wrong]], [*WRONG[wrong], "--json"]):
        if wrong == "value missing" and given[-1] == "--json":
            continue
        ran = cli(*words, *given)
        assert ran.code == 2, ran.err
        error = ran.json["error"]
        assert (error["exit_code"], error["retryable"]) == (2, False)
        assert error["message"] in ran.err
    first = cli("--json", *words, *WRONG[wrong])
    assert first.json["error"]["exit_code"] == 2


def test_json_behind_two_dashes_is_text(cli: RunCli) -> None:
    ran = cli("chat", "--bogus", "--", "--json")
    assert (ran.code, ran.out) == (2, "")


def test_wrong_usage_is_one_line_that_leads_to_the_help(cli: RunCli) -> None:
    ran = cli("chat", "--max-token", "5", "hi")
    assert ran.err == f"{ran.error}\n"
    assert "--max-tokens" in ran.error
    assert ran.error.endswith("see multiapi chat --help")


def test_unknown_options_end_with_two(cli: RunCli) -> None:
    assert cli("chat", "--bogus").code == 2
    assert cli("bogus").code == 2


def test_who_has_it_is_told(cli: RunCli) -> None:
    for command, words in {"image": "cat", "speech": "hi", "music": "calm", "video": "cat", "embed": "hi"}.items():
        ran = cli(command, "-p", "binom_router", "--simulator", words)
        assert ran.code == 11, command
        assert "aimlapi" in ran.error
    for command in ("models", "balance", "usage", "health", "credits", "logs", "transactions", "keys", "metrics"):
        assert cli(command, "-p", "binom_router", "--simulator").code == 11


def test_no_usual_model_lists_some(cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROVIDERS, "binobox", replace(PROVIDERS["binobox"], default_models={}))
    ran = cli("chat", "-p", "binobox", "--simulator", "hello")
    assert ran.code == 2
    assert ran.error == (
        "error: binobox: name a model for chat with -m; none is usual. It has gemini-3.1-flash-lite, "
        "gemini-3.1-pro, gpt-5-mini, imagen-4-fast-generate, gemini-3.1-flash-tts, lyria-3-clip, veo-3-lite-generate"
    )


def test_debug_shows_the_traceback_and_nothing_else_does(cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Client, "balance", broken)
    ran = cli("balance", "-p", "aimlapi", "--simulator")
    assert ran.code == 1
    assert ran.error == "error: an error of multiapi itself: RuntimeError: a bug (--debug shows where)"
    assert "Traceback" not in ran.err
    assert "Traceback" in cli("balance", "-p", "aimlapi", "--simulator", "--debug").err
    assert "Traceback" in cli("--debug", "balance", "-p", "aimlapi", "--simulator").err


def test_terminals_get_no_commands_from_a_model() -> None:
    assert output.shown("a\x1b]52;c;AAAA\x07b\r\nc\td\u202e") == "a]52;c;AAAAb\nc\td"
    assert output.one_line("a\n\x1b[31m b") == "a [31m b"
    for character in map(chr, range(sys.maxunicode + 1)):
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and character not in "\n\t\u200c\u200d":
            assert character not in output.shown(f"a{character}b")
    assert output.shown("می\u200cخواهم 👩\u200d👩") == "می\u200cخواهم 👩\u200d👩"


# ------------------------------------------------------------------------------------------------ as a process


def run(*words: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=60, **options)


def test_a_process_reads_pipes_and_ends_with_the_code(environment: dict[str, str]) -> None:
    done = run("chat", "-p", "aimlapi", "-", env=environment, input="Say hello in three words.")
    assert (done.returncode, done.stdout) == (0, "hello in three words\n")
    assert run("chat", "-p", "aimlapi", "-m", "no-such-model", "hi", env=environment).returncode == 5


def test_what_is_piped_in_goes_behind_the_prompt(environment: dict[str, str], served: Simulator) -> None:
    text = "The harbour code is 4711."
    done = run("chat", "-p", "aimlapi", "Repeat:", env=environment, input=text)
    assert done.returncode == 0
    assert "4711" in done.stdout
    alone = run("chat", "-p", "aimlapi", "Say hello in three words.", env=environment, stdin=subprocess.DEVNULL)
    assert alone.stdout == "hello in three words\n"


def test_a_reader_that_goes_away_is_no_error(environment: dict[str, str]) -> None:
    shell = f"{sys.executable} -c 'from multiapi.cli import main; main()' models -p aimlapi -q | head -n 1"
    done = subprocess.run(["sh", "-c", shell], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("model")
    assert done.stderr == ""


def test_help_is_fast_and_tells_the_codes() -> None:
    heavy = (
        "multiapi.simulator.simulator",
        "httpx",
        "PIL",
        "rich.progress",
        "uvicorn",
    )
    program = (
        "import sys\nfrom multiapi.cli import main\nsys.argv = ['multiapi', '--help']\n"
        f"try:\n    main()\nexcept SystemExit:\n    print('LOADED', [name for name in {heavy} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "LOADED []"
    for word in ("chat", "simulator", "Exit codes", "--install-completion"):
        assert word in done.stdout


def test_without_the_extra_it_says_which_to_install(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError(\"No module named 'typer'\", name='typer')\n")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from multiapi.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("the command line needs the extra `cli` (")
    assert len(done.stderr.splitlines()) == 1


def test_every_command_helps_itself(cli: RunCli) -> None:
    for name in samples.names():
        ran = cli(str(name), "--help")
        assert ran.code == 0
        assert "Exit codes" in ran.out
        assert f"Example: multiapi {name} " in ran.out
        assert "--json" in ran.out
        assert "<bool>" not in ran.out


def test_the_version(cli: RunCli) -> None:
    from multiapi import __version__

    assert cli("--version").out == f"{__version__}\n"
