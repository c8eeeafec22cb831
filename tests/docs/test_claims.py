"""What the docs claim is tested: each promise and each trap has tests, and those would see it broken."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.docs import evidence, markdown
from tests.docs.claims import GUARANTEES, TRAPS, Claim, claims
from tests.mutations import MUTATIONS
from tests.mutations.mutation import Mutation

PAGES = pytest.mark.parametrize("page", [TRAPS, GUARANTEES], ids=lambda page: page.stem)

PROVED = {
    "Append-only",
    "Context",
    "Installing, and taking out",
    "Logins and page views",
    "Nobody else's code",
    "Told before it hurts",
}
"""The sections of promises each of which a mutation has been seen to break, or is listed below."""

NOT_PROVED = {
    # Nothing that could be taken out keeps these: they hold because something is not there.
    "Nothing that is deleted elsewhere takes events along.",
    "Rolling back to a savepoint neither loses nor brings back a context.",
    "A dump that is restored has the same events, and goes on capturing and refusing.",
}


@cache
def in_file(path: str) -> dict[str, bool]:
    """Return the tests of a file, and of each whether it is expected to fail."""
    file = markdown.ROOT / path
    if not file.exists():
        return {}
    module = ast.parse(file.read_text(encoding="utf-8"))
    return {
        node.name: any("xfail" in ast.unparse(decorator) for decorator in node.decorator_list)
        for node in module.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name.startswith("test_")
    }


def exists(test: str) -> bool:
    path, _, name = test.partition("::")
    return name in in_file(path)


def is_expected_to_fail(test: str) -> bool:
    path, _, name = test.partition("::")
    return in_file(path).get(name, False)


def promises() -> list[Claim]:
    return [claim for claim in claims(GUARANTEES) if claim.section == "What is promised"]


@pytest.mark.slow
@PAGES
def test_every_test_that_is_named_exists(page: Path) -> None:
    named = {test for claim in claims(page) for test in claim.tests}
    assert named
    assert sorted(test for test in named if not exists(test)) == []


@PAGES
def test_every_path_of_a_test_is_written_so_that_it_is_found(page: Path) -> None:
    named = [test for claim in claims(page) for test in claim.tests]
    assert len(named) == page.read_text(encoding="utf-8").count("::")


@pytest.mark.slow
def test_every_promise_names_a_test_that_passes() -> None:
    assert promises()
    assert [claim.where for claim in promises() if not claim.tests] == []
    named = {test for claim in promises() for test in claim.tests}
    assert sorted(filter(is_expected_to_fail, named)) == []


@pytest.mark.slow
def test_the_known_gaps_are_the_tests_that_are_expected_to_fail() -> None:
    gaps = [claim for claim in claims(GUARANTEES) if claim.section == "Known gaps"]
    told = {test for gap in gaps for test in gap.tests}
    files = (path.relative_to(markdown.ROOT) for path in (markdown.ROOT / "tests").rglob("*.py"))
    failing = {
        f"{path}::{name}"
        for path in files
        for name, is_expected_to_fail in in_file(str(path)).items()
        if is_expected_to_fail
    }
    assert told == failing


def test_every_trap_stands_on_the_page_once() -> None:
    # Section F, tamper evidence, has no answer yet.
    assert [trap.number for trap in claims(TRAPS)] == [*range(1, 85), *range(90, 102)]


def test_every_trap_names_a_test_or_says_why_not() -> None:
    silent = [
        trap.number
        for trap in claims(TRAPS)
        if not trap.tests and "Not yet" not in trap.text and "By design" not in trap.text
    ]
    assert silent == []


def test_no_trap_rests_on_a_test_that_is_expected_to_fail() -> None:
    doubtful = [trap.number for trap in claims(TRAPS) if any(map(is_expected_to_fail, trap.tests))]
    assert doubtful == []


def test_the_page_of_evidence_is_made_of_what_it_is_about() -> None:
    assert evidence.PAGE.read_text(encoding="utf-8") == evidence.page(), (
        "Run python -m tests.docs.evidence."
    )


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.what)
def test_what_a_mutation_changes_is_still_there(mutation: Mutation) -> None:
    assert mutation.file()
    assert mutation.find != mutation.put


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.what)
def test_what_a_mutation_breaks_is_promised(mutation: Mutation) -> None:
    named = {test for page in (TRAPS, GUARANTEES) for claim in claims(page) for test in claim.tests}
    assert set(mutation.tests) <= named


@pytest.mark.parametrize("section", sorted(PROVED))
def test_each_promise_of_the_first_importance_has_been_seen_broken(section: str) -> None:
    seen = {test for mutation in MUTATIONS for test in mutation.tests}
    chosen = [claim for claim in promises() if claim.subsection == section]
    assert chosen
    unproved = [claim.text for claim in chosen if not seen & {*claim.tests}]
    assert [text for text in unproved if text not in NOT_PROVED] == []
