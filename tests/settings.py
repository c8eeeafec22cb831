"""The settings of the test suite; ``DATABASE_URL`` says which server, or one is started."""

from __future__ import annotations

import atexit
import os
import sys

import dj_database_url

if "DATABASE_URL" not in os.environ and "pytest" in sys.modules:
    # Here, because pytest-django reads the settings before it loads any conftest.py. Workers of
    # pytest-xdist inherit the variable.
    from example_project import embedded_postgres

    _server = embedded_postgres.temporary()
    os.environ["DATABASE_URL"] = _server.__enter__().url()
    atexit.register(_server.__exit__, None, None, None)

SECRET_KEY = "only for tests"
USE_TZ = True
TIME_ZONE = "Europe/Berlin"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "tests.urls"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_URL = "/static/"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "pgtrigger",
    "pgaudit_log",
    "tests.shop",
]

MIDDLEWARE = [
    "pgaudit_log.middleware.AuditMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

_database = dj_database_url.parse(os.environ.get("DATABASE_URL", "postgres://localhost/postgres"))

_options = dict(_database.get("OPTIONS", {}))
if os.environ.get("PGAUDIT_LOG_TEST_SERVER_SIDE_BINDING"):
    _options["server_side_binding"] = True

# Two runs on one server need databases of two names.
_name = os.environ.get("PGAUDIT_LOG_TEST_NAME", "test_pgaudit_log")

DATABASES = {
    "default": {**_database, "OPTIONS": _options, "TEST": {"NAME": _name}},
    "other": {**_database, "OPTIONS": _options, "TEST": {"NAME": f"{_name}_other"}},
}
