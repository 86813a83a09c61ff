"""Rows in and out: streamed, whole or not there, whatever text is in them."""

from __future__ import annotations

import gzip
import importlib.util
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from multiapi.bulk import rows as rows_module
from multiapi.bulk.json_form import from_dict, to_dict
from multiapi.bulk.row_files import MissingExtraError
from multiapi.bulk.rows import read_rows
from multiapi.bulk.worker import decode, encode
from multiapi.bulk.writers import open_writer
from multiapi.errors import InvalidRequestError
from multiapi.types.chat import ChatRequest, MediaPart, Message, TextPart, Tool, ToolCall

has_pyarrow = pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed (extra `bulk`)"
)
ROWS: list[dict[str, Any]] = [
    {"a": 1, "t": "x"},
    {"a": 2, "t": "日本語 \ud800"},
    {"a": None, "t": 'quote " and \n line'},
]


def written(path: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    with open_writer(path) as writer:
        for row in rows:
            writer.write(row)
    return [dict(row.row) for row in read_rows(path)]


@pytest.mark.parametrize("name", ["o.jsonl", "o.jsonl.gz", "o.ndjson"])
def test_lines_come_back_as_they_were(tmp_path: Path, name: str) -> None:
    assert written(tmp_path / name, ROWS) == ROWS


@has_pyarrow
def test_parquet_keeps_types_vectors_and_what_does_not_fit(tmp_path: Path) -> None:
    rows = [
        {"n": 1, "vector": [0.5, 1.0], "answer": {"good": True}, "cost": "0.1"},
        {"n": None, "vector": None, "answer": "text", "cost": None},
    ]
    assert written(tmp_path / "o.parquet", rows) == [
        {"n": 1, "vector": [0.5, 1.0], "answer": '{"good": true}', "cost": "0.1"},
        {"n": None, "vector": None, "answer": "text", "cost": None},
    ]


def test_nothing_half_written_is_ever_there(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    path.write_text('{"old": 1}\n')
    with pytest.raises(RuntimeError), open_writer(path) as writer:
        writer.write({"new": 1})
        raise RuntimeError
    assert path.read_text() == '{"old": 1}\n'
    assert [each.name for each in tmp_path.iterdir()] == ["o.jsonl"]


def test_csv_is_read_and_not_written(tmp_path: Path) -> None:
    (tmp_path / "i.csv").write_text('\ufeffa,t\n1,"x, y"\n2\n')
    first, second = read_rows(tmp_path / "i.csv")
    assert first.row == {"a": "1", "t": "x, y"}
    assert "another number of fields" in second.error
    with pytest.raises(InvalidRequestError, match="CSV has no place"):
        open_writer(tmp_path / "o.csv")


def test_lines_that_cannot_be_read_are_rows_with_an_error(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "i.jsonl.gz", "wb") as file:
        file.write(b'{"a": 1}\n\n{\n[1]\n"x"\n' + b"[" * 100_000 + b"\n\xff\n" + b'{"a": "\xff"}\n')
    found = list(read_rows(tmp_path / "i.jsonl.gz"))
    assert [bool(row.error) for row in found] == [False, True, True, True, True, True, False]
    assert [row.position for row in found] == list(range(7))


@pytest.mark.parametrize("name", ["i.txt", "i", "i.json"])
def test_another_kind_of_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    with pytest.raises(InvalidRequestError, match="not a kind of file"):
        read_rows(tmp_path / name)


def test_without_pyarrow_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"multiapi\[bulk\]"):
        rows_module.pyarrow()


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
PARTS = st.lists(
    st.text(max_size=20).map(TextPart) | st.just(MediaPart("image", url="https://a.example/b.png")),
    min_size=1,
    max_size=3,
)
CALLS = st.lists(st.text(min_size=1, max_size=5).map(lambda text: ToolCall(text, text, text)), max_size=2).map(tuple)
MESSAGES = st.tuples(st.sampled_from(["system", "user", "assistant"]), st.text(max_size=30) | PARTS, CALLS).map(
    lambda made: Message(made[0], made[1], tool_calls=made[2])
)
TOOLS = st.lists(st.text(min_size=1, max_size=5).map(Tool), max_size=2)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2),
        "max_tokens": st.integers(0, 10**6),
        "stop": st.lists(st.text(max_size=5), max_size=2),
        "extra": st.dictionaries(st.text(max_size=5), JSON, max_size=3),
    },
)
REQUESTS = st.tuples(st.text(min_size=1, max_size=9), st.lists(MESSAGES, max_size=3), TOOLS, SETTINGS).map(
    lambda made: ChatRequest(model=made[0], messages=made[1], tools=made[2], **made[3])
)


@given(REQUESTS)
@settings(deadline=None, max_examples=150)
def test_requests_come_back_from_their_json_form(request: ChatRequest) -> None:
    found = from_dict(ChatRequest, json.loads(json.dumps(to_dict(request))))
    assert to_dict(found) == to_dict(request)
    assert found.model == request.model
    assert [message.text for message in found.messages] == [message.text for message in request.messages]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], "must be an object"),
        ({"model": "m"}, "incomplete"),
        ({"model": 3, "messages": []}, "model must be str"),
        ({"model": "m", "messages": [], "nope": 1}, "no field 'nope'"),
    ],
)
def test_what_is_not_a_request_is_refused_with_its_place(found: Any, words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        from_dict(ChatRequest, found)


@given(
    st.dictionaries(TEXT.filter(lambda name: name != "vector"), JSON, max_size=4),
    st.none() | st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=9),
)
@settings(deadline=None)
def test_answers_come_back_from_their_bytes(columns: dict[str, Any], vector: list[float] | None) -> None:
    whole = columns if vector is None else {**columns, "vector": vector}
    assert decode(encode(whole)) == whole


@pytest.mark.parametrize("name", ["v.parquet", "v.jsonl", "v.jsonl.gz"])
def test_vectors_come_back_as_a_stream(tmp_path: Path, name: str) -> None:
    from multiapi.bulk import vectors

    with open_writer(tmp_path / name) as out:
        for number in range(2_500):
            done = number % 7 != 3
            vector = [float(number), 0.5] if done else None
            state = "done" if done else "failed"
            out.write({"id": str(number), "text": f"text {number}", "state": state, "vector": vector})
    found = list(vectors(tmp_path / name))
    assert [each.id for each in found] == [str(number) for number in range(2_500) if number % 7 != 3]
    assert all(list(each.vector) == [float(each.id), 0.5] and each.text == f"text {each.id}" for each in found)
    assert {each.vector.typecode for each in found} == {"f"}


def test_a_file_without_vectors_is_refused(tmp_path: Path) -> None:
    from multiapi.bulk import vectors

    with open_writer(tmp_path / "o.jsonl") as out:
        out.write({"id": "1", "state": "done", "answer": "x"})
    with pytest.raises(InvalidRequestError, match="no column 'vector'"):
        next(vectors(tmp_path / "o.jsonl"))
    with pytest.raises(InvalidRequestError, match="does not exist"):
        next(vectors(tmp_path / "none.jsonl"))


# ------------------------------------------------------------------------------------------------ columns whose type changes

MIXES: dict[str, list[Any]] = {
    "numbers that get a fraction": [1, 2, 3, 2.5, 4],
    "numbers, then text": [1, 2, "three", 4],
    "text, then numbers": ["one", 2, 3.5],
    "nothing, then numbers": [None, None, None, 7],
    "nothing, then vectors": [None, None, [0.5, 1.0]],
    "truths, then numbers": [True, False, 1],
    "large numbers, then a fraction": [2**53 + 1, 1, 0.5],
    "very large numbers": [1, 2**80],
    "numbers, then objects": [1, {"a": 1}, [2]],
    "dates, then times": [date(2020, 1, 1), datetime(2020, 1, 1, 3, 4)],
    "times of two zones": [datetime(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC)],
    "decimals of two sizes": [Decimal("1.5"), Decimal("123456.125")],
    "bytes, then text": [b"x", "y"],
    "text that UTF-8 cannot hold": ["a", "\ud800"],
}


def same(read: Any, given: Any) -> bool:
    """Whether a value came back: as it is, as a number of the same size, or as the text that says it."""
    if read == given:
        return True
    text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, default=str)
    if isinstance(given, int | float) and isinstance(read, str):
        return bool(json.loads(read) == given)
    return bool(read == text.encode("utf-8", "backslashreplace").decode())


@pytest.mark.parametrize("values", MIXES.values(), ids=MIXES)
@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_no_value_is_lost_where_a_column_changes_its_type(
    tmp_path: Path, values: list[Any], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.setattr("multiapi.bulk.parquet_rows.PARQUET_ROWS", at_once)
    path = tmp_path / "out.parquet"
    with open_writer(path) as writer:
        for number, value in enumerate(values):
            writer.write({"n": number, "value": value, **({"late": "x"} if number == len(values) - 1 else {})})
    read = [dict(each.row) for each in read_rows(path)]
    assert [each["n"] for each in read] == list(range(len(values)))
    assert [each["late"] for each in read] == [None] * (len(values) - 1) + ["x"]
    for found, value in zip(read, values, strict=True):
        assert same(found["value"], value), (found["value"], value)
    assert [each.name for each in tmp_path.iterdir()] == ["out.parquet"]


@given(
    st.lists(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(max_size=5)
        | st.lists(st.integers(), max_size=2),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 5),
)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_values_come_back(tmp_path: Path, values: list[Any], at_once: int) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "any.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("multiapi.bulk.parquet_rows.PARQUET_ROWS", at_once)
        with open_writer(path) as writer:
            for value in values:
                writer.write({"value": value})
    for found, value in zip(read_rows(path), values, strict=True):
        assert same(found.row["value"], value), (found.row["value"], value)


def test_a_part_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(KeyError), open_writer(tmp_path / "out.parquet") as writer:
        writer.write({"value": 1})
        raise KeyError
    assert list(tmp_path.iterdir()) == []
