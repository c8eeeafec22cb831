"""What django-pghistory's pages say of a whole project is true of one with their examples."""

from __future__ import annotations

import re

import pytest

from tests.seeds.opening import GROUPS, ProjectOf

_COLOUR = re.compile(r"\x1b\[\d+m")

pytestmark = [pytest.mark.parametrize("group", range(len(GROUPS))), pytest.mark.slow]


def test_check_reports_nothing(project_of: ProjectOf, group: int) -> None:
    checked = project_of(group).manage("check", "--database", "default")
    assert checked == "System check identified no issues (0 silenced)."


def test_makemigrations_has_nothing_to_add(project_of: ProjectOf, group: int) -> None:
    assert project_of(group).manage("makemigrations", "--check") == "No changes detected"


def test_pgtrigger_lists_triggers_as_installed(project_of: ProjectOf, group: int) -> None:
    listed = _COLOUR.sub("", project_of(group).manage("pgtrigger", "ls")).splitlines()
    assert {tuple(line.split()[:2]) for line in listed} == {("INSTALLED", "ENABLED")}
