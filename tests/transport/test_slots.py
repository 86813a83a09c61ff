"""Which idle connection gives way when there are too many."""

from __future__ import annotations

from typing import Any

from multiapi.transport.slots import Origin, Slots


class Connection:
    idle_since = 0.0


def origin(name: str) -> Origin:
    return b"https", name.encode(), 443


def used(slots: Slots[Any, Any], name: str, now: float) -> tuple[Connection, tuple[Connection, ...]]:
    grant = slots.take(origin(name))
    assert grant is not None
    connection = grant.connection or Connection()
    return connection, slots.give_back(origin(name), connection, now).surplus


def test_the_connection_that_was_used_last_is_kept_and_the_longest_idle_one_gives_way() -> None:
    slots: Slots[Any, Any] = Slots(10, 2, 30.0)
    first, _ = used(slots, "a", 1)
    second, _ = used(slots, "b", 2)
    third, surplus = used(slots, "c", 3)
    assert surplus == (first,)
    assert used(slots, "c", 4) == (third, ())
    assert used(slots, "b", 5) == (second, ())
    _, surplus = used(slots, "d", 6)
    assert surplus == (third,)
    assert (slots.open, slots.idle_count) == (2, 2)


def test_an_expired_one_of_the_same_origin_is_closed() -> None:
    slots: Slots[Any, Any] = Slots(10, 5, 30.0)
    one, two = slots.take(origin("a")), slots.take(origin("a"))
    assert one is not None
    assert two is not None
    old, new = Connection(), Connection()
    slots.give_back(origin("a"), old, 0.0)
    assert slots.give_back(origin("a"), new, 40.0).surplus == (old,)
    assert (slots.open, slots.idle_count) == (1, 1)
