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

ADMIN_APPS = (
    "django.contrib.admin",
    "django.contrib.messages",
    "django.contrib.staticfiles",
)

INSTALLED_APPS = [
    *(ADMIN_APPS if VARIANT.admin else ()),
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

if VARIANT.admin:
    ROOT_URLCONF = "benchmarks.urls"
    STATIC_URL = "static/"
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
    MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ]
