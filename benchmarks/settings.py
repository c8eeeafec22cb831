"""The settings of a worker: a plain project with the apps of its variant."""

from __future__ import annotations

import os

import dj_database_url

from benchmarks.variants import BY_NAME

VARIANT = BY_NAME[os.environ["BENCHMARK_VARIANT"]]

SECRET_KEY = "only for the benchmarks"
DEBUG = False
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": dj_database_url.parse(os.environ["BENCHMARK_DATABASE_URL"])}

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",  # django-easy-audit imports it
    *VARIANT.apps,
    "benchmarks.shop",
]

# django-easy-audit's own switches: only what the others capture too.
DJANGO_EASY_AUDIT_WATCH_AUTH_EVENTS = False
DJANGO_EASY_AUDIT_WATCH_REQUEST_EVENTS = False
DJANGO_EASY_AUDIT_REGISTERED_CLASSES = ["shop.Order", "shop.Wide"]
