"""What ``context()`` adds when it is called, and takes back when it turns out to be a block or decorator."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pgaudit_log.contexts.stack import Context, context, current, late_context

METADATA = {"a": {"a": 1}, "b": {"b": 1}, "c": {"c": 1}, "A": {"a": 2}, "O": {"outer": 2}}

CALLED: dict[str, tuple[str, str, dict[str, int]]] = {
    # The calls that are made in the block {"outer": 1}, the one that is taken back, what is left.
    "one": ("a", "a", {"outer": 1}),
    "the first of two": ("ab", "a", {"outer": 1, "b": 1}),
    "the last of two": ("ab", "b", {"outer": 1, "a": 1}),
    "the middle of three": ("abc", "b", {"outer": 1, "a": 1, "c": 1}),
    "one that another one has overwritten": ("aA", "a", {"outer": 1, "a": 2}),
    "one that overwrites another one": ("aA", "A", {"outer": 1, "a": 1}),
    "one that overwrites the block": ("O", "O", {"outer": 1}),
}


@pytest.fixture
def outer() -> Iterator[Context]:
    with context(outer=1) as running:
        yield running


def running() -> Context:
    found = current()
    assert found is not None
    return found


@pytest.mark.parametrize("case", CALLED)
def test_what_a_call_added_is_taken_back(case: str, outer: Context) -> None:
    names, name, left = CALLED[case]
    calls = {called: context(**METADATA[called]) for called in names}
    found = running().without(calls[name])
    assert found.metadata == left
    assert (found.id, found.outside) == (outer.id, None)


def test_without_a_call_that_added_nothing_it_is_the_same(outer: Context) -> None:
    before = context(a=1)
    with context(inner=1) as inner:
        assert inner.without(before) is inner
    assert outer.without(before) is outer


def test_when_all_is_taken_back_there_is_what_was_before(outer: Context) -> None:
    for call in [context(a=1), context(b=1)]:
        call(len)
    assert current() is outer


def in_a_block(call: context) -> Context:
    with call:
        return running()


def as_a_decorator(call: context) -> Context:
    return call(running)()


def twice(call: context) -> Context:
    in_a_block(call)
    return in_a_block(call)


USES: dict[str, Callable[[context], Context]] = {
    "block": in_a_block,
    "decorator": as_a_decorator,
    "block, twice": twice,
}


@pytest.mark.parametrize("use", USES)
def test_a_use_in_a_block_ends(use: str, outer: Context) -> None:
    assert USES[use](context(a=1)).metadata == {"outer": 1, "a": 1}
    assert current() is outer


@pytest.mark.parametrize("use", USES)
def test_a_use_outside_of_blocks_ends(use: str) -> None:
    assert USES[use](context(a=1)).metadata == {"a": 1}
    assert current() is None


@pytest.mark.parametrize("use", USES)
def test_a_use_after_the_block_that_it_was_made_in(use: str, outer: Context) -> None:
    with context(inner=1):
        call = context(a=1)
    assert USES[use](call).metadata == {"outer": 1, "a": 1}
    assert current() is outer


def test_called_as_a_function_it_stays_until_the_block_ends() -> None:
    with context(outer=1):
        context(a=1)
        with context(inner=1) as inner:
            assert inner.metadata == {"outer": 1, "a": 1, "inner": 1}
        assert running().metadata == {"outer": 1, "a": 1}
    assert current() is None


def test_late_metadata_is_for_a_block_only(outer: Context) -> None:
    class Late:
        keys = frozenset({"user"})

        def __call__(self, *, writing: bool) -> None:
            return None

    late_context(Late(), a=1)
    assert current() is outer
