"""A worker: one variant in a process of its own, which does what the controller asks on a pipe.

A question is a line of JSON, `{"do": "name of a task", "with": {…}}`; so is the answer.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

Task = Callable[..., Any]


def tasks() -> dict[str, Task]:
    """Return what a worker can do, by name."""
    from django.conf import settings

    from benchmarks import growing, preparing, sizes, variants, writes

    found = [*preparing.TASKS, *writes.TASKS, *sizes.TASKS, *growing.TASKS]
    if settings.VARIANT is variants.READING:
        from benchmarks import filling, questions

        found += [*filling.TASKS, *questions.TASKS]
    if settings.VARIANT in variants.SCREENS:
        from benchmarks import company_filling, visits

        found += [*company_filling.TASKS, *visits.TASKS]
    return {task.__name__: task for task in found}


def main() -> None:
    """Answer until the controller hangs up."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a peer prints must not become an answer
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    import django

    django.setup()
    known = tasks()
    gc.collect()
    gc.freeze()  # what Django has loaded is looked through by no later collection
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = {"answer": known[question["do"]](**question["with"])}
        except Exception:
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
