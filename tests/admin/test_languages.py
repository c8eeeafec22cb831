"""Languages: every text of the screens has its German, and the pages follow the language."""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation
from django.utils.translation.template import templatize

import pgaudit_log
from tests.shop.models import Order

PACKAGE = Path(pgaudit_log.__file__).parent
FUNCTIONS = {"_", "gettext", "gettext_lazy", "ngettext"}
THE_SAME = {"Filter"}
"""What is the same word in both languages."""


def in_python(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) in FUNCTIONS:
            for argument in node.args[:2]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value


def in_template(text: str) -> Iterator[str]:
    source = templatize(text)
    for call in re.findall(r" n?gettext\((?:u?'.*?'(?:,\s*u?'.*?')?)", source, re.DOTALL):
        yield from (ast.literal_eval(own) for own in re.findall(r"u?('(?:[^'\\]|\\.)*')", call))


def texts() -> set[str]:
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        found |= set(in_python(path.read_text(encoding="utf-8")))
    for path in PACKAGE.rglob("*.html"):
        found |= set(in_template(path.read_text(encoding="utf-8")))
    return found


@pytest.mark.slow
def test_the_texts_are_found() -> None:
    assert {"Audit trail", "%(count)d days", "%(count)s events", "Compare selected"} <= texts()


@pytest.mark.slow
def test_every_text_has_its_german() -> None:
    found = texts()
    with translation.override("de"):
        missing = {text for text in found if translation.gettext(text) == text}
        plurals = {
            text
            for text in missing
            if translation.ngettext(text.replace("s ", " "), text, 2) != text
        }
    # Of a plural, only the singular is a key of its own.
    of_plurals = {text for text in missing if re.match(r"%\(count\)|Last %|About %", text)}
    assert missing - of_plurals - plurals == THE_SAME


def test_the_compiled_texts_are_those_of_the_source() -> None:
    folder = PACKAGE / "locale/de/LC_MESSAGES"
    source = (folder / "django.po").read_text(encoding="utf-8")
    written = set(re.findall(r'^msgstr(?:\[\d\])? "(.+)"$', source, re.MULTILINE))
    with (folder / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    known = {str(own).replace("\n", "\\n") for own in vars(compiled)["_catalog"].values()}
    header = {text for text in known if text.startswith("Project-Id-Version")}
    assert {text.replace('"', '\\"') for text in known - header} == written


def test_no_text_is_translated_that_django_translates_otherwise() -> None:
    import django

    folder = Path(django.__file__).parent
    own = _catalog(PACKAGE / "locale/de/LC_MESSAGES/django.mo")
    for name in ("conf", "contrib/admin", "contrib/auth"):
        others = _catalog(folder / name / "locale/de/LC_MESSAGES/django.mo")
        assert {key for key in own if key in others and own[key] != others[key]} <= {""}


def _catalog(path: Path) -> dict[Any, str]:
    with path.open("rb") as file:
        return dict(vars(gettext.GNUTranslations(file))["_catalog"])


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", ['dir="ltr"', "Änderungsprotokoll", "geändert", "Letzte 7 Tage"]),
        ("ar", ['dir="rtl"', "paid"]),
    ],
)
def test_the_trail_is_of_the_language(
    root: Any, order: Order, language: str, words: list[str], settings: Any
) -> None:
    settings.LANGUAGE_CODE = language
    with translation.override(language):
        html = root.get("/admin/pgaudit_log/events/").content.decode()
    for word in words:
        assert word in html


def test_the_styles_have_no_left_and_right() -> None:
    css = (PACKAGE / "static/pgaudit_log/admin.css").read_text(encoding="utf-8")
    assert not re.search(r"(margin|padding|border|text-align)[-:]\s*(left|right)", css)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("templates/**/*.html")), ids=lambda p: p.name)
def test_no_template_has_inline_script_or_style(path: Path) -> None:
    html = path.read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", html)
    assert "|safe" not in html and "autoescape off" not in html
