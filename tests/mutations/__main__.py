"""Sees each promise's tests fail without what keeps it: ``python -m tests.mutations [word …]``.

Runs the tests of each mutation (those whose ``what`` has one of the words) in a copy of the repository
in which it was made. A test that passes there, or a copy in which nothing works any more, is a failure
here. Before that, all of them have to pass as the code is.

``DATABASE_URL`` names the server. It takes a quarter of a minute a mutation, so it is run by hand and
once a week.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.mutations import MUTATIONS
from tests.mutations.mutation import ROOT, Mutation

CONTROL = "tests/integration/test_capture.py::test_create_leaves_one_insert"
"""Passes whatever is mutated: a package that cannot be imported would make all tests fail."""

LEFT_OUT = (".git", ".venv*", "build", "dist", ".*_cache", "__pycache__", "node_modules")


def main(words: list[str]) -> int:
    """Return the number of mutations that were not noticed."""
    chosen = [
        mutation
        for mutation in MUTATIONS
        if not words or any(word in mutation.what for word in words)
    ]
    tests = sorted({test for mutation in chosen for test in mutation.tests} | {CONTROL})
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        root = Path(folder) / "as-it-is"
        _copy(root)
        output = _run(root, tests, is_new=True)
        if failed := _outcomes(output, "FAILED", "ERROR"):
            print(output, f"As the code is, {len(failed)} tests fail.", sep="\n")
            return len(failed)
        survived = 0
        for number, mutation in enumerate(chosen):
            root = Path(folder) / str(number)
            _copy(root)
            problem = _problem(mutation, root)
            survived += problem is not None
            print(f"{'not noticed' if problem else 'noticed'}: when {mutation.what}", flush=True)
            if problem:
                print(problem, flush=True)
            shutil.rmtree(root)
    print(f"{len(chosen) - survived} of {len(chosen)} mutations were noticed.")
    return survived


def _problem(mutation: Mutation, root: Path) -> str | None:
    """Make the mutation in the copy at ``root``; return which of its tests do not see it."""
    mutation.apply(root)
    if mutation.is_frozen:
        _freeze_triggers(root)
    output = _run(root, [*mutation.tests, CONTROL], is_new=not mutation.is_python)
    failed = _outcomes(output, "FAILED")
    # What a mutation lets through may show once more as its test ends.
    if CONTROL in failed or _outcomes(output, "ERROR") - failed:
        return f"It breaks more than it should:\n{output}"
    passed = [test for test in mutation.tests if test not in failed]
    return f"These pass: {', '.join(passed)}\n{output}" if passed else None


def _copy(root: Path) -> None:
    shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(*LEFT_OUT))


def _freeze_triggers(root: Path) -> None:
    """Make the migration of the tests' app anew."""
    (root / "tests/shop/migrations/0001_initial.py").unlink()
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "django", "makemigrations", "shop", "-n", "initial"],
        cwd=root,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        check=True,
        capture_output=True,
    )


def _run(root: Path, tests: list[str], *, is_new: bool) -> str:
    """Return what pytest says of ``tests``; a database of mutated SQL ``is_new`` for each."""
    name = os.environ.get("PGAUDIT_LOG_TEST_NAME", "test_pgaudit_log")
    mode = "--create-db" if is_new else "--reuse-db"
    # The first run makes the database that is used again; one that was mutated is another.
    suffix = "mutations" if root.name == "as-it-is" or not is_new else "mutated"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=line", "-rfE"),
            *("--no-header", mode if suffix == "mutated" else "--reuse-db"),
            *tests,
        ],
        cwd=root,
        env={
            **os.environ,
            "PGAUDIT_LOG_TEST_NAME": f"{name}_{suffix}",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout)
    return done.stdout


def _outcomes(output: str, *words: str) -> set[str]:
    """Return the tests, whatever their parameters, with one of the outcomes."""
    found = re.findall(rf"^(?:{'|'.join(words)}) (\S+?::\w+)", output, re.M)
    return set(found)


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
