"""A project with three roles: one owns, one migrates, one serves requests; each logs in as itself."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pytest

from tests.projects import MODELS, SETTINGS, Project, driver, project

pytestmark = pytest.mark.slow

PASSWORD = "only-for-tests"

ASSUMING = """
if os.environ.get("ASSUMED_ROLE"):
    DATABASES["default"]["OPTIONS"] = {
        **DATABASES["default"].get("OPTIONS", {}),
        "assume_role": os.environ["ASSUMED_ROLE"],
    }
"""

MORE_MODELS = """

@pgaudit_log.track(pgaudit_log.InsertEvent(), pgaudit_log.ManualEvent("seen"))
class Shelf(models.Model):
    items = models.ManyToManyField(Item)


pgaudit_log.track()(Shelf.items.through)


class Note(models.Model):
    text = models.TextField()
"""


class Roles:
    """The names of the roles, and how a project logs in as one of them."""

    def __init__(self) -> None:
        self._suffix = uuid.uuid4().hex[:12]
        self.owner, self.migrator, self.app = (
            f"audit_{name}_{self._suffix}" for name in ("owner", "migrator", "app")
        )

    def log_in(self, made: Project, role: str | None, *, assumed: str = "") -> None:
        """Let the next commands of a project run as a role; ``None`` is the tests' own."""
        made.environment["ASSUMED_ROLE"] = assumed
        parts = urlsplit(made.environment["SUPERUSER_URL"])
        if role is not None:
            host = parts.netloc.rpartition("@")[2]
            parts = parts._replace(
                netloc=f"{role}:{PASSWORD}@{host}",
                query=urlencode(
                    [(k, v) for k, v in parse_qsl(parts.query) if k not in ("user", "password")]
                ),
            )
        made.environment["PROJECT_DATABASE_URL"] = urlunsplit(parts)


@pytest.fixture
def roles() -> Iterator[Roles]:
    names = Roles()
    connection = driver.connect(os.environ["DATABASE_URL"])
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(f"CREATE ROLE {names.owner} NOLOGIN")
    for role in (names.migrator, names.app):
        cursor.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    cursor.execute(f"GRANT {names.owner} TO {names.migrator}")
    yield names
    for role in (names.migrator, names.app, names.owner):
        cursor.execute(f"DROP ROLE {role}")
    connection.close()


@pytest.fixture
def made(tmp_path: Path, roles: Roles) -> Iterator[Project]:
    """A project that its application has migrated, as most have."""
    with project(tmp_path) as one:
        one.write("settings.py", SETTINGS + ASSUMING)
        url = one.environment["SUPERUSER_URL"] = one.environment["PROJECT_DATABASE_URL"]
        connection = driver.connect(url)
        connection.autocommit = True
        database = urlsplit(url).path.lstrip("/")
        connection.cursor().execute(f"ALTER DATABASE {database} OWNER TO {roles.app}")
        connection.close()
        roles.log_in(one, roles.app)
        one.manage("makemigrations", "store")
        one.manage("migrate")
        yield one


def harden(made: Project, roles: Roles) -> None:
    roles.log_in(made, None)
    made.manage("pgaudit_log", "harden", "--owner", roles.owner, "--app", roles.app, "--apply")


def as_owner_by_login(made: Project, roles: Roles) -> None:
    """Migrate as a member of the owner, which makes things of its own."""
    roles.log_in(made, roles.migrator)


def as_owner_by_set_role(made: Project, roles: Roles) -> None:
    """Migrate as the owner, with Django's ``assume_role``."""
    roles.log_in(made, roles.migrator, assumed=roles.owner)


@pytest.mark.parametrize("log_in", [as_owner_by_login, as_owner_by_set_role])
def test_who_migrates_makes_what_is_new_as_it_should_be(
    made: Project, roles: Roles, log_in: Callable[[Project, Roles], None]
) -> None:
    harden(made, roles)
    made.write("store/models.py", MODELS + MORE_MODELS)
    log_in(made, roles)
    made.manage("makemigrations", "store")
    made.manage("migrate")
    assert "nothing to do" in made.manage("pgaudit_log", "harden")
    made.manage("migrate")  # again
    assert "nothing to do" in made.manage("pgaudit_log", "harden")

    roles.log_in(made, roles.app)
    made.manage("migrate", "--check")
    # Its exit code tells that nothing is wrong.
    made.manage("pgaudit_log", "status")
    printed = made.shell(
        """
        import pgaudit_log
        from pgaudit_log.models import Events
        from store.models import Item, Note, Shelf

        shelf = Shelf.objects.create()
        shelf.items.add(Item.objects.create(name="a"))
        Note.objects.create(text="not tracked")
        pgaudit_log.create_event(shelf, label="seen")
        for event in Events.objects.order_by("pgh_id"):
            print(event.pgh_obj_model, event.pgh_label, event.pgh_operation, event.pgh_role)
        """
    )
    events = [line for line in printed.splitlines() if roles.app in line]
    assert [line.rsplit(" ", 1)[0] for line in events] == [
        "store.Shelf insert I",
        "store.Item insert I",
        "store.Shelf_items insert I",
        "store.Shelf seen M",
    ]


BECOMING = (
    "SET ROLE {owner}",
    "SET SESSION AUTHORIZATION {owner}",
    "SET SESSION AUTHORIZATION {migrator}",
    "GRANT {owner} TO {app}",
    "ALTER TABLE store_item OWNER TO {app}",
    "REASSIGN OWNED BY {owner} TO {app}",
    "DROP OWNED BY {owner}",
    "SET session_replication_role = replica",
    "DROP EXTENSION plpgsql CASCADE",
    "ALTER DATABASE {database} SET search_path = evil",
)
"""What only a real login can try."""


def test_the_application_can_neither_migrate_nor_become_another(
    made: Project, roles: Roles
) -> None:
    harden(made, roles)
    made.write("store/models.py", MODELS + MORE_MODELS)
    roles.log_in(made, roles.app)
    made.manage("makemigrations", "store")
    assert "permission denied" in made.manage("migrate", fails=True)
    assert "may not install" in made.manage("pgaudit_log", "install", fails=True)
    url = made.environment["PROJECT_DATABASE_URL"]
    names = {**vars(roles), "database": urlsplit(url).path.lstrip("/")}
    connection = driver.connect(url)
    connection.autocommit = True
    for statement in BECOMING:
        with pytest.raises(driver.Error) as error:
            connection.cursor().execute(statement.format(**names))
        # By either driver: insufficient_privilege.
        code = getattr(error.value, "sqlstate", None) or getattr(error.value, "pgcode", None)
        assert code == "42501", (statement, error.value)
    connection.close()


def test_old_events_are_masked_by_the_owner_alone_and_when_it_was_killed_again(
    made: Project, roles: Roles
) -> None:
    made.shell("from store.models import Item; Item.objects.create(name='secret')")
    harden(made, roles)
    made.write("store/models.py", MODELS.replace("track()", 'track(mask=["name"])', 1))
    as_owner_by_set_role(made, roles)
    made.manage("makemigrations", "store")
    made.manage("migrate")
    roles.log_in(made, roles.app)
    refused = made.run("-m", "django", "pgaudit_log", "mask", "--apply", fails=True)
    assert f"{roles.owner} owns the event table. Nothing was done" in refused

    as_owner_by_set_role(made, roles)
    reader = driver.connect(made.environment["SUPERUSER_URL"])
    reader.cursor().execute("SELECT count(*) FROM pgaudit_log_event")
    with subprocess.Popen(
        [sys.executable, "-m", "django", "pgaudit_log", "mask", "--apply"],
        cwd=made.folder,
        env=made.environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as operator:
        assert operator.stderr is not None
        # It has copied all, and cannot swap.
        assert "waiting for process" in operator.stderr.readline()
        operator.kill()
    reader.close()
    made.manage("pgaudit_log", "mask", "--apply")
    assert "No event has a value" in made.manage("pgaudit_log", "mask")
    assert "nothing to do" in made.manage("pgaudit_log", "harden")
    roles.log_in(made, roles.app)
    printed = made.shell(
        """
        from pgaudit_log.models import Events
        from store.models import Item

        Item.objects.create(name="secret, too")
        for event in Events.objects.filter(pgh_obj_model="store.Item").order_by("pgh_id"):
            print(event.pgh_data["name"])
        """
    )
    assert printed.splitlines()[-2:] == ["{'pgaudit_log.masked': True}"] * 2
    made.manage("pgaudit_log", "verify")
    made.manage("pgaudit_log", "status")
