"""JSON numbers: exact in Python, and in whatever JSON is made of them again.

``json`` writes no ``Decimal``, and a ``float`` is another number where digits are many. What
``json`` leaves as it is, whoever calls it, is text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder


class Number(str):
    """A number out of JSON, as PostgreSQL wrote it: a ``Decimal`` that ``json`` can write, as text.

    It is compared, added, rounded and formatted as the ``Decimal`` that it stands for, and equals
    numbers only; ``Decimal(number)`` is one.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Number({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        value = _value(other)
        return value is not NotImplemented and bool(Decimal(self) == value)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(Decimal(self))

    def __bool__(self) -> bool:
        return bool(Decimal(self))

    def __format__(self, spec: str) -> str:
        return format(Decimal(self), spec) if spec else str(self)

    def __int__(self) -> int:
        return int(Decimal(self))

    def __float__(self) -> float:
        return float(Decimal(self))

    def __getattr__(self, name: str) -> Any:
        # Of Decimal's methods, those that a text does not have.
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(Decimal(self), name)


def _value(given: object) -> Any:
    """Return what a number is compared or added with; a text is no number."""
    if isinstance(given, Number):
        return Decimal(given)
    return NotImplemented if isinstance(given, str) else given


_ORDER = frozenset({"__lt__", "__le__", "__gt__", "__ge__"})


def _as_decimal(name: str) -> Callable[..., Any]:
    """Return the method of ``Decimal`` for a :class:`Number`."""

    def method(self: Number, *others: Any) -> Any:
        given = [_value(other) for other in others]
        if any(value is NotImplemented for value in given):
            if name in _ORDER:
                # A text would be asked next, and finds another text in this.
                raise TypeError(f"{self!r} cannot be compared with the text {others[0]!r}.")
            return NotImplemented
        return getattr(Decimal(self), name)(*given)

    method.__name__ = name
    return method


for _name in (
    *("lt", "le", "gt", "ge", "neg", "pos", "abs", "round", "trunc", "floor", "ceil"),
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow"),
    *("radd", "rsub", "rmul", "rtruediv", "rfloordiv", "rmod", "rdivmod", "rpow"),
):
    setattr(Number, f"__{_name}__", _as_decimal(f"__{_name}__"))


_MARK = "\x00number "
_MARKED = re.compile(r'"\\u0000number ([^"]+)"')


class ExactEncoder(DjangoJSONEncoder):
    """Writes decimals and :class:`Number` values as the JSON numbers that they are, to the last digit."""

    def encode(self, o: Any) -> str:
        """Return JSON."""
        return "".join(self.iterencode(o))

    def iterencode(self, o: Any, _one_shot: bool = False) -> Iterator[str]:
        """Yield JSON, in one piece."""
        marked = _marked(o)
        if isinstance(marked, str):
            text = json.dumps(marked, ensure_ascii=self.ensure_ascii)
        else:
            text = "".join(super().iterencode(marked, _one_shot))
        yield _MARKED.sub(r"\1", text)


def _marked(value: object) -> Any:
    """Return ``value`` with a text for each exact number, which stands in JSON until it is one again."""
    match value:
        case Number():
            return f"{_MARK}{value}"
        case Decimal() if value.is_finite():
            return f"{_MARK}{value}"
        case dict():
            return {key: _marked(own) for key, own in value.items()}
        case list() | tuple():
            return [_marked(own) for own in value]
        case _:
            return value
