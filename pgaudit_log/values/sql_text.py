"""SQL text: statements put together out of texts and parameters, escaped for the driver here alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

_HOLE = re.compile(r"@(\w+)@")

_HEADER = re.compile(r"\A(?:--[^\n]*\n)+")


def escaped(text: str) -> str:
    """Return a text so that the drivers, given parameters, send it as it is."""
    return text.replace("%", "%%")


@dataclass(frozen=True, kw_only=True)
class Sql:
    """SQL as the drivers take it, whole or in part: ``cursor.execute(sql.text, sql.params)``.

    Where it is put together with a ``str``, that is SQL as it would be typed into psql.
    """

    text: str
    """``%s`` stands for a parameter; any other percent sign is doubled."""
    params: tuple[Any, ...] = ()
    """What stands for the placeholders, in their order."""

    @classmethod
    def plain(cls, text: str) -> Sql:
        """Return SQL, as it would be typed into psql, for the drivers."""
        return cls(text=escaped(text))

    @classmethod
    def param(cls, value: object) -> Sql:
        """Return a parameter."""
        return cls(text="%s", params=(value,))

    def __add__(self, other: Sql | str) -> Sql:
        other = _sql(other)
        return Sql(text=self.text + other.text, params=self.params + other.params)

    def __radd__(self, other: str) -> Sql:
        return Sql.plain(other) + self

    def join(self, parts: Iterable[Sql | str]) -> Sql:
        """Return ``parts`` with this between them, as ``str.join()`` does."""
        listed = [_sql(part) for part in parts]
        params: list[Any] = []
        for number, part in enumerate(listed):
            params += part.params if number == 0 else (*self.params, *part.params)
        return Sql(text=self.text.join(part.text for part in listed), params=tuple(params))


def _sql(part: Sql | str) -> Sql:
    return Sql.plain(part) if isinstance(part, str) else part


@dataclass(frozen=True, kw_only=True)
class Template:
    """SQL with holes, which are written ``@name@``; what fills one is never searched for others."""

    parts: tuple[Sql, ...]
    """What stands around the holes: one more than there are of them."""
    holes: tuple[str, ...]
    """Their names; one may be there several times."""

    @classmethod
    def of(cls, text: str) -> Template:
        """Return the template of SQL as it would be typed into psql, but for its holes."""
        pieces = _HOLE.split(text)
        return cls(parts=tuple(map(Sql.plain, pieces[::2])), holes=tuple(pieces[1::2]))

    def fill(self, **given: Template | Sql | str) -> Template:
        """Return it with some of its holes filled; those of a template that fills one are its own."""
        parts, holes = [self.parts[0]], []
        for hole, following in zip(self.holes, self.parts[1:], strict=True):
            match given.get(hole):
                case None:
                    holes.append(hole)
                    parts.append(following)
                    continue
                case Template() as inner:
                    parts[-1] += inner.parts[0]
                    parts += inner.parts[1:]
                    holes += inner.holes
                case part:
                    parts[-1] += part
            parts[-1] += following
        return Template(parts=tuple(parts), holes=tuple(holes))

    def sql(self, **given: Sql | str) -> Sql:
        """Return the SQL, with all of its holes filled.

        Raises:
            KeyError: when nothing is given for one.
        """
        texts, params = [self.parts[0].text], [*self.parts[0].params]
        for hole, following in zip(self.holes, self.parts[1:], strict=True):
            part = _sql(given[hole])
            texts += part.text, following.text
            params += (*part.params, *following.params)
        return Sql(text="".join(texts), params=tuple(params))


@cache
def template(package: str, name: str) -> Template:
    """Return the template that the ``.sql`` file ``name`` of a package has below its header."""
    text = resources.files(package).joinpath(name).read_text(encoding="utf-8")
    return Template.of(_HEADER.sub("", text).rstrip())
