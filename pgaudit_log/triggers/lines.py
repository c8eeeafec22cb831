"""Lines: a text of several lines, such as SQL, as a migration shows it and reads it back.

Django writes values into migrations by their ``repr``, and indents each further line of one.
"""

from __future__ import annotations


class Lines(str):
    """A text whose ``repr`` shows its lines as lines, if :func:`without_margin` reads them back."""

    __slots__ = ()

    def __repr__(self) -> str:
        shown = f"\n{self}\n"
        is_printable = all(line.isprintable() for line in self.split("\n"))
        if not is_printable or without_margin(shown) != self:
            return super().__repr__()
        escaped = shown.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
        return f'"""{escaped}"""'


def without_margin(text: str) -> str:
    """Return a text as it was before Django moved it to the right in a migration.

    What does not begin with a line break was not moved, and comes back as it is.
    """
    if not text.startswith("\n"):
        return text
    lines = text[1:].rstrip(" ").removesuffix("\n").split("\n")
    margin = " " * (len(lines[0]) - len(lines[0].lstrip(" ")))
    # An editor may have taken the blanks from an empty line.
    return "\n".join(line.removeprefix(margin) for line in lines)
