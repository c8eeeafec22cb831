"""Released packages, tracked whole by one line: their migrations run, and nothing of theirs changes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projects import Project, project

pytest.importorskip("wagtail", reason="the dependency group `packages` is not installed")
pytestmark = pytest.mark.slow

SETTINGS = """
import os
import dj_database_url
{head}
SECRET_KEY = "only for tests"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
SILENCED_SYSTEM_CHECKS = ["pgaudit_log.W015"]
ROOT_URLCONF = "urls"
STATIC_URL = "/static/"
SITE_ID = 1
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.sites",
    "django.contrib.flatpages",
    "django.contrib.redirects",
    "django.contrib.staticfiles",
    *{apps},
]
if os.environ["TRACKED"] == "yes":
    INSTALLED_APPS += ["pgtrigger", "pgaudit_log", "store"]
DATABASES = {{"default": dj_database_url.parse(os.environ["PROJECT_DATABASE_URL"])}}
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {{
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        }},
    }}
]
"""

WAGTAIL = [
    *("wagtail.contrib.forms", "wagtail.contrib.redirects", "wagtail.contrib.settings"),
    *("wagtail.contrib.search_promotions", "wagtail.embeds", "wagtail.sites", "wagtail.users"),
    *("wagtail.snippets", "wagtail.documents", "wagtail.images", "wagtail.search"),
    *("wagtail.locales", "wagtail.admin", "wagtail", "modelsearch", "taggit", "modelcluster"),
]

OSCAR = [
    "oscar.config.Shop",
    *(
        f"oscar.apps.{app}.apps.{config}Config"
        for app, config in [
            *[("analytics", "Analytics"), ("checkout", "Checkout"), ("address", "Address")],
            *[("shipping", "Shipping"), ("catalogue", "Catalogue"), ("partner", "Partner")],
            *[("catalogue.reviews", "CatalogueReviews"), ("communication", "Communication")],
            *[("basket", "Basket"), ("payment", "Payment"), ("offer", "Offer")],
            *[("order", "Order"), ("customer", "Customer"), ("search", "Search")],
            *[("voucher", "Voucher"), ("wishlists", "Wishlists"), ("dashboard", "Dashboard")],
            *[("dashboard.reports", "ReportsDashboard"), ("dashboard.users", "UsersDashboard")],
            *[("dashboard.orders", "OrdersDashboard"), ("dashboard.offers", "OffersDashboard")],
            *[("dashboard.catalogue", "CatalogueDashboard"), ("dashboard.pages", "PagesDashboard")],
            *[("dashboard.partners", "PartnersDashboard"), ("dashboard.ranges", "RangesDashboard")],
            *[
                ("dashboard.reviews", "ReviewsDashboard"),
                ("dashboard.vouchers", "VouchersDashboard"),
            ],
            ("dashboard.communications", "CommunicationsDashboard"),
            ("dashboard.shipping", "ShippingDashboard"),
        ]
    ),
    *("widget_tweaks", "haystack", "treebeard", "django_tables2", "phonenumber_field"),
]

PACKAGES = {
    "django.contrib": ("", []),
    "wagtail": (
        'WAGTAIL_SITE_NAME = "x"\nWAGTAILADMIN_BASE_URL = "http://example.com"',
        WAGTAIL,
    ),
    "oscar": (
        """
from oscar.defaults import *

HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
""",
        OSCAR,
    ),
}

TRACKED = """
import pgaudit_log

pgaudit_log.track_models("*", exclude=["sessions.*", "auth.User.password"], into="store")
"""

EXPECTED = """
    from django.apps import apps
    from django.contrib.auth.management import _get_all_permissions

    models = [model for config in apps.get_app_configs() for model in config.get_models()]
    print(sorted((m._meta.app_label, m._meta.model_name) for m in models))
    print(sorted((m._meta.app_label, codename) for m in models for codename, _ in _get_all_permissions(m._meta)))
"""

SEEN = """
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType

    print(sorted(ContentType.objects.values_list("app_label", "model")))
    print(sorted(Permission.objects.values_list("content_type__app_label", "codename")))
"""

ROWS = """
    from django.apps import apps
    from django.utils import timezone
    from pgaudit_log import timetravel
    from pgaudit_log.declaring import declarations

    tracked = {declaration.tracked_model for declaration in declarations.declarations()}
    expected = {
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and model._meta.app_label != "pgaudit_log"
        and not hasattr(model, "pgh_declaration") and model._meta.app_label != "sessions"
    }
    assert tracked == expected, tracked ^ expected
    rows = 0
    for model in tracked:
        names = [f.attname for f in model._meta.local_concrete_fields if f.name != "password"]
        now = list(model._base_manager.order_by("pk").values_list(*names))
        with timetravel.as_of(timezone.now()):
            assert now == list(model._base_manager.order_by("pk").values_list(*names)), model
        rows += len(now)
    print(len(tracked), rows)
"""

WRITE = """
    from django.contrib.auth.models import Group, User

    user = User.objects.create_user("ana", password="x")
    user.groups.add(Group.objects.create(name="buyers"))
    user.last_name = "A"
    user.save()
    print([event.pgh_label for event in user.events.order_by("pgh_id")])
    user.delete()
    print([event.pgh_label for event in User.pgh_event_model.objects.order_by("pgh_id")][-3:])
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path) as made:
        made.environment["PYTHONWARNINGS"] = "ignore"  # those of the packages
        made.environment["TRACKED"] = "yes"
        made.write("urls.py", "urlpatterns = []\n")
        made.write("store/models.py", TRACKED)
        yield made


@pytest.mark.parametrize(
    "package",
    # Both others have models and migrations of many apps, so that one of them does but for the long run.
    ["django.contrib", "wagtail", pytest.param("oscar", marks=pytest.mark.long)],
)
def test_a_package_is_tracked_whole_by_one_line(store: Project, package: str) -> None:
    head, apps = PACKAGES[package]
    store.write("settings.py", SETTINGS.format(head=head, apps=apps))
    store.manage("migrate", "--skip-checks", "-v0")
    content_types, permissions = map(ast.literal_eval, store.shell(SEEN).splitlines())
    store.environment["TRACKED"] = "no"
    models, expected = map(ast.literal_eval, store.shell(EXPECTED).splitlines())
    store.environment["TRACKED"] = "yes"
    own = [("pgaudit_log", "events"), ("pgaudit_log", "savedfilter")]
    assert sorted(content_types) == sorted([*models, *own])
    # Migrations of Wagtail make one of their own.
    of_migrations = [("wagtailadmin", "access_admin")] if package == "wagtail" else []
    of_events = ["view_events", "view_context_events", "export_events", "revert_events"]
    ours = [*(("pgaudit_log", codename) for codename in of_events), *of_migrations]
    assert sorted({*permissions}) == sorted({*expected, *ours})
    assert store.shell(WRITE).splitlines() == [
        "['insert', 'update']",
        "['insert', 'update', 'delete']",
    ]
    models, rows = map(int, store.shell(ROWS).split())
    assert models >= 12
    assert rows > 40
    assert "no issues" in store.manage("check", "--database", "default", "--fail-level", "WARNING")
    assert "No changes detected" in store.manage("makemigrations", "--check")


@pytest.mark.parametrize(
    "package",
    # Hundreds of migrations, each in a process of its own, are for the long run.
    [
        "django.contrib",
        *(pytest.param(name, marks=pytest.mark.long) for name in ("wagtail", "oscar")),
    ],
)
def test_a_package_is_migrated_step_by_step(store: Project, package: str) -> None:
    head, apps = PACKAGES[package]
    store.write("settings.py", SETTINGS.format(head=head, apps=apps))
    plan = store.shell(
        """
        from django.db import connection
        from django.db.migrations.executor import MigrationExecutor

        executor = MigrationExecutor(connection)
        for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes()):
            print(migration.app_label, migration.name)
        """
    ).splitlines()
    store.shell(
        f"""
        from django.core.management import call_command

        for line in {plan[:: len(plan) // 5] + plan[-1:]}:
            call_command("migrate", *line.split(), verbosity=0, skip_checks=True)
        call_command("migrate", verbosity=0, skip_checks=True)
        """
    )
    assert store.shell(ROWS)
    assert "no issues" in store.manage("check", "--database", "default", "--fail-level", "WARNING")
