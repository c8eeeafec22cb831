"""The settings of the example: any Django site's, with the three lines that capture needs."""

from __future__ import annotations

from pathlib import Path

import dj_database_url

BASE_DIR = Path(__file__).resolve().parent

SECRET_KEY = "only for the example"
DEBUG = True
ROOT_URLCONF = "example_project.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
LOGIN_URL = "admin:login"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",  # for the JSON API of the log
    "pgtrigger",  # puts triggers into migrations
    "pgaudit_log",  # the event table
    "example_project.shop",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "pgaudit_log.middleware.AuditMiddleware",  # says who sent the request, and where to
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",  # the admin in the browser's language
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [
            BASE_DIR / "templates"
        ],  # before those of apps: pages of the log as the shop's own
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

# `run.py` sets DATABASE_URL to the example's own PostgreSQL, unless it is set already.
DATABASES = {"default": dj_database_url.config(default="postgresql://localhost/postgres")}

# Who came, went, and was not let in leaves events too.
PGAUDIT_LOG_ACCESS_EVENTS = ["login", "logout", "login_failed"]
