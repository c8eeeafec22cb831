"""``track_models()`` in a project: what ``migrate`` installs, and takes away again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projects import SETTINGS, Project, project

pytestmark = pytest.mark.slow

ALL = """
import pgaudit_log

pgaudit_log.track_models("*", exclude=["auth.*.password"], into="store")
"""

INSTALLED = """
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute('''
            SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger
            WHERE starts_with(tgname, 'pgtrigger_') ORDER BY 1
        ''')
        print(*[name for (name,) in cursor.fetchall()])
        cursor.execute("SELECT viewname FROM pg_views WHERE starts_with(viewname, 'store_') ORDER BY 1")
        print(*[name for (name,) in cursor.fetchall()])
        cursor.execute("SELECT count(*) FROM pg_proc WHERE starts_with(proname, 'pgtrigger_')")
        print(cursor.fetchone()[0])
"""

CHANGE = """
    from django.contrib.auth.models import User
    from pgaudit_log.models import Events

    before = Events.objects.count()
    ana, _ = User.objects.get_or_create(username="ana")
    ana.last_name += "x"
    ana.save()
    print([(e.pgh_obj_model, e.pgh_label) for e in Events.objects.order_by("pgh_id")[before:]])
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path) as made:
        yield made


def installed(store: Project) -> tuple[list[str], list[str], int]:
    """Return the tables with capture triggers, the views, and how many capture functions there are."""
    tables, views, functions = store.shell(INSTALLED).split("\n")[:3]
    return tables.split(), views.split(), int(functions)


def test_tracking_is_taken_away_from_one_model_and_from_all(store: Project) -> None:
    store.write("store/models.py", ALL)
    store.manage("migrate")
    tables, views, functions = installed(store)
    assert tables == [
        *("auth_group", "auth_group_permissions", "auth_permission", "auth_user"),
        *("auth_user_groups", "auth_user_user_permissions", "django_content_type"),
    ]
    assert len(views) == 7
    assert functions == 28
    store.shell(CHANGE)

    store.write(
        "store/models.py", ALL.replace('"auth.*.password"', '"auth.*.password", "auth.User"')
    )
    assert "auth_user is removed: nothing declares it." in store.manage("migrate")
    assert [name for name in tables if "auth_user" not in name] == installed(store)[0]
    assert installed(store)[2] == 16
    assert "no issues" in store.manage("check", "--database", "default")
    assert store.shell(CHANGE) == "[]\n"

    store.write("store/models.py", "")
    store.manage("migrate")
    assert installed(store) == ([], [], 0)
    assert "No changes detected" in store.manage("makemigrations", "--check")
    count = "from pgaudit_log.models import Events; print(Events.objects.filter(pgh_obj_model='auth.User').count())"
    assert store.shell(count) == "2\n"

    store.write("store/models.py", ALL)
    store.manage("migrate")
    assert installed(store) == (tables, views, functions)
    assert store.shell(CHANGE) == "[('auth.User', 'update')]\n"


def test_proxies_give_way_to_a_line(store: Project) -> None:
    store.manage("makemigrations", "store")
    store.manage("migrate")
    assert store.shell(CHANGE) == "[('auth.User', 'insert'), ('auth.User', 'update')]\n"

    store.write(
        "store/models.py",
        'import pgaudit_log\n\npgaudit_log.track_models("auth.User", into="store")\n',
    )
    # Also where migrate runs before makemigrations.
    store.manage("migrate")
    store.manage("makemigrations", "store")
    store.manage("migrate")
    assert store.shell(CHANGE) == "[('auth.User', 'update')]\n"
    assert installed(store)[0] == ["auth_user", "auth_user_groups", "auth_user_user_permissions"]
    assert "no issues" in store.manage("check", "--database", "default")


def test_install_makes_what_is_missing(store: Project) -> None:
    store.write("store/models.py", ALL)
    store.manage("migrate")
    before = installed(store)
    store.shell(
        """
        from django.db import connection

        connection.cursor().execute("DROP FUNCTION pgtrigger_audit_update_4aed0033b2a0 CASCADE")
        """
    )
    assert "pgaudit_log.W" in store.manage("check", "--database", "default")
    store.manage("pgaudit_log", "install")
    assert installed(store) == before


@pytest.mark.parametrize("how", ["migrations are off", "faked"])
def test_where_no_migration_runs(store: Project, how: str) -> None:
    store.write("store/models.py", ALL)
    if how == "faked":
        store.write("store/models.py", "")
        store.manage("migrate")
        store.write("store/models.py", ALL)
        store.manage("migrate", "--fake")
    else:
        with (store.folder / "settings.py").open("a") as settings:
            settings.write(
                "\nclass Off:\n    def __contains__(self, app):\n        return True\n"
                "    def __getitem__(self, app):\n        return None\n\nMIGRATION_MODULES = Off()\n"
            )
        store.manage("migrate", "--run-syncdb")
    assert len(installed(store)[0]) == 7
    assert store.shell(CHANGE) == "[('auth.User', 'insert'), ('auth.User', 'update')]\n"


ROUTED = """
class Router:
    def db_for_read(self, model, **hints):
        return "other" if model._meta.app_label == "auth" else "default"

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, **hints):
        if app_label in ("pgaudit_log", "contenttypes"):
            return True
        return (db == "other") == (app_label == "auth")
"""


def test_models_of_another_database_are_captured_there(
    store: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with project(tmp_path_factory.mktemp("other")) as other:
        store.environment["OTHER_DATABASE_URL"] = other.environment["PROJECT_DATABASE_URL"]
        store.write("routers.py", ROUTED)
        store.write(
            "settings.py",
            SETTINGS.replace(
                '"default":',
                '"other": dj_database_url.parse(os.environ["OTHER_DATABASE_URL"]),\n"default":',
            )
            + 'DATABASE_ROUTERS = ["routers.Router"]\n',
        )
        store.write("store/models.py", ALL)
        store.manage("migrate")
        store.manage("migrate", "--database", "other")
        assert installed(store)[0] == ["django_content_type"]
        in_other = INSTALLED.replace(
            "import connection", "import connections; connection = connections['other']"
        )
        assert store.shell(in_other).split("\n")[0].split() == [
            *("auth_group", "auth_group_permissions", "auth_permission", "auth_user"),
            *("auth_user_groups", "auth_user_user_permissions", "django_content_type"),
        ]
        changed = CHANGE.replace("Events.objects.", "Events.objects.using('other').")
        assert store.shell(changed) == "[('auth.User', 'insert'), ('auth.User', 'update')]\n"


def test_tracked_sessions_are_a_warning(store: Project) -> None:
    store.write(
        "settings.py",
        SETTINGS.replace('"pgtrigger"', '"django.contrib.sessions",\n    "pgtrigger"'),
    )
    store.write("store/models.py", ALL)
    output = store.manage("check")
    assert "pgaudit_log.W020" in output
    assert 'exclude=["sessions.*"]' in output
    store.write("store/models.py", ALL.replace('"auth', '"sessions.*", "auth'))
    assert "pgaudit_log.W020" not in store.manage("check")


OF_A_SCHEMA = """
from django.db import models

class Item(models.Model):
    name = models.CharField(max_length=50)

    class Meta:
        db_table = '"depot"."item"'
"""


def test_a_table_of_another_schema_is_tracked_and_is_let_go(store: Project) -> None:
    store.write("store/models.py", OF_A_SCHEMA)
    store.manage("makemigrations", "store")
    store.shell(
        "from django.db import connection; connection.cursor().execute('CREATE SCHEMA depot')"
    )
    store.manage("migrate")
    line = "\nimport pgaudit_log\n\npgaudit_log.track_models('store.*', into='store')\n"
    store.write("store/models.py", OF_A_SCHEMA + line)
    store.manage("migrate")
    assert installed(store) == (["depot.item"], ["store_itemevent"], 4)
    created = """
        from store.models import Item, ItemEvent
        Item.objects.create(name="new")
        print(ItemEvent.objects.count())
    """
    assert store.shell(created) == "1\n"
    store.write("store/models.py", OF_A_SCHEMA)
    store.manage("migrate")
    assert installed(store) == ([], [], 0)
