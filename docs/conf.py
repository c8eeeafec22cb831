"""The site that is made of these pages: ``sphinx-build -W docs build/site``."""

from __future__ import annotations

import re
from typing import Any

import django
from django.conf import settings

import pgaudit_log

# The reference is made from docstrings, so the package has to be importable; no database is asked.
settings.configure(
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.messages",
        "django.contrib.sessions",
        "django.contrib.admin",
        "pgtrigger",
        "pgaudit_log",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "none"}},
)
django.setup()

project = "django-pgaudit-log"
author = "The django-pgaudit-log contributors"
version = release = pgaudit_log.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
html_theme = "furo"
html_title = f"{project} {version}"
myst_heading_anchors = 4
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# A prompt is no part of a command.
copybutton_prompt_text = r"\$ |>>> |\.\.\. |\w+=# "
copybutton_prompt_is_regexp = True


def add_contents(app: Any, page: str, source: list[str]) -> None:
    """Give the first page a table of contents: its own lists, so that they stand there once."""
    if page != "index":
        return
    for title, entries in re.findall(r"^## (.+)\n+((?:\* \[.+\n?)+)", source[0], re.MULTILINE):
        pages = "\n".join(re.findall(r"\]\(([\w/-]+)\.md\)", entries))
        source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{pages}\n```\n"


def setup(app: Any) -> None:
    """Register what is above; Sphinx calls it."""
    app.connect("source-read", add_contents)
