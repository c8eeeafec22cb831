"""The settings of a project with one of the packages."""

from __future__ import annotations

import os
import sys

import dj_database_url

from benchmarks.comparison.packages import ADMIN_APPS, BY_NAME

PACKAGE = BY_NAME[os.environ["COMPARED_PACKAGE"]]
IS_DROPPED = os.environ.get("COMPARED_STAGE") == "dropped"
"""Whether the project is the later one, of which a field has gone."""

SECRET_KEY = "only for the comparison"
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": dj_database_url.parse(os.environ["BENCHMARK_DATABASE_URL"])}
ROOT_URLCONF = "benchmarks.comparison.urls"
STATIC_URL = "static/"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

INSTALLED_APPS = [*ADMIN_APPS, *PACKAGE.apps, "benchmarks.comparison.orders"]

# Migrations are made while the probes run, as in a project.
sys.path.append(os.environ["COMPARED_MIGRATIONS"])
MIGRATION_MODULES = {"orders": "orders_migrations"}

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    *PACKAGE.middleware,
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

globals().update(PACKAGE.settings)
