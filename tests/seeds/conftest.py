"""Fixtures: ``example`` opens an example of the test module's page."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from functools import cache

import pytest
from django.conf import settings

from tests.seeds import pages
from tests.seeds.opening import GROUPS, MakeProject, Open, ProjectOf
from tests.seeds.pages import Example
from tests.seeds.project import Project, Session


@pytest.fixture(scope="session")
def make_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeProject]:
    """Projects that end with the tests."""
    folder = tmp_path_factory.mktemp("seeds")
    numbers = itertools.count()

    def make(examples: Sequence[Example], more_settings: str = "") -> Project:
        number = next(numbers)
        name = f"test_pgaudit_log_seeds_{os.getpid()}_{number}"
        database = {**settings.DATABASES["default"], "NAME": name}
        project = Project(folder / f"project_{number}", examples, database, more_settings)
        running.callback(project.stop)
        project.start()
        return project

    with contextlib.ExitStack() as running:
        yield make


@pytest.fixture(scope="session")
def project_of(make_project: MakeProject) -> ProjectOf:
    """The projects that most tests share."""
    return cache(lambda group: make_project(GROUPS[group]))


@pytest.fixture
def example(request: pytest.FixtureRequest, project_of: ProjectOf) -> Iterator[Open]:
    """The examples of the page that the test module is named after."""
    page = request.module.__name__.rpartition("test_")[2]
    sessions: list[Session] = []

    def open_example(name: str) -> Session:
        found = pages.find(page, name)
        (group,) = [number for number, group in enumerate(GROUPS) if found in group]
        session = Session(project_of(group), found)
        session.begin()
        sessions.append(session)
        return session

    yield open_example
    for session in sessions:
        session.end()
