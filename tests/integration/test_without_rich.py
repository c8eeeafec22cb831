"""``manage.py pgaudit_log`` without the extra ``cli``: the same lines, without colours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.projects import project

pytestmark = pytest.mark.slow

COMMANDS = [
    ["trail"],
    ["trail", "--json"],
    ["show", "2"],
    ["show", "2", "--json"],
    ["diff", "1", "2"],
    ["diff", "1"],
    ["blame", "store.Item", "1"],
    ["as-of", "store.Item", "--at-event", "1"],
    ["backfill", "store.Item"],
    ["revert", "store.Item", "1", "--to-event", "1"],
    ["undo", "2"],
    ["restore", "4"],
    ["verify"],
    ["install"],
    ["partitions"],
    ["mask"],
    ["hold", "list"],
    ["uninstall", "--all"],
    ["status"],
]

RUN = """
import sys
from django.core.management import call_command

for arguments in {commands!r}:
    print("$", *arguments)
    try:
        call_command("pgaudit_log", *arguments)
    except SystemExit as error:
        print(error.code)
print("rich" in sys.modules and sys.modules["rich"] is not None)
"""


def test_it_writes_the_same(tmp_path: Path) -> None:
    with project(tmp_path) as made:
        made.manage("makemigrations", "store")
        made.manage("migrate")
        made.shell(
            "import pgaudit_log\n"
            "from store.models import Item\n"
            "with pgaudit_log.context(user_name='ana', why='tests'):\n"
            "    Item.objects.create(name='a')\n"
            "    Item.objects.update(name='b')\n"
            "    Item.objects.create(name='gone').delete()\n"
        )
        with_rich = made.shell(RUN.format(commands=COMMANDS))
        # As where it is not installed.
        made.write(
            "hidden/rich/__init__.py",
            "raise ModuleNotFoundError(\"No module named 'rich'\", name='rich')\n",
        )
        paths = [str(made.folder / "hidden"), made.environment["PYTHONPATH"]]
        made.environment["PYTHONPATH"] = os.pathsep.join(paths)
        without = made.shell(RUN.format(commands=COMMANDS))
    assert with_rich.splitlines()[-1] == "True"
    assert without.splitlines()[-1] == "False"
    assert with_rich.splitlines()[:-1] == without.splitlines()[:-1]
    assert without.count("\n$ ") == len(COMMANDS) - 1 and "ana" in without
