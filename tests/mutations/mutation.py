"""A mutation: a piece of the package taken out or turned round, and the tests that must fail then."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "pgaudit_log"
FROZEN = PACKAGE / "migrations" / "0001_initial.sql"
"""The SQL of `sql/` as the migration holds it, from which tests make their databases."""


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """``find``, which stands once in the package, becomes ``put``; each of ``tests`` fails then."""

    what: str
    """What is so then: "fails when …"."""
    find: str
    put: str
    tests: tuple[str, ...]

    def file(self) -> Path:
        """Return the file that has the text; files may be renamed, the text tells which it is.

        Raises:
            LookupError: unless it is in one file, once.
        """
        found = [
            path
            for path in sorted(PACKAGE.rglob("*"))
            if path.suffix in {".py", ".sql"} and "migrations" not in path.parts
            for _ in range(path.read_text(encoding="utf-8").count(self.find))
        ]
        if len(found) != 1:
            places = ", ".join(str(path.relative_to(ROOT)) for path in found) or "nowhere"
            raise LookupError(
                f"{self.find!r} must stand in the package once, and stands {places}. Give the"
                " mutation what stands for it now, or take it out together with its promise."
            )
        return found[0]

    @property
    def is_python(self) -> bool:
        """Whether a database that was made without the mutation is as good."""
        return self.file().suffix == ".py" and not self.is_frozen

    @property
    def is_frozen(self) -> bool:
        """Whether the migrations of the tests' app hold what it changes."""
        return self.file().relative_to(PACKAGE).parts[0] in ("capture_v1", "triggers")

    def apply(self, root: Path) -> None:
        """Change the copy of the repository at ``root``, its frozen SQL too."""
        for file in (self.file(), FROZEN):
            copy = root / file.relative_to(ROOT)
            text = copy.read_text(encoding="utf-8")
            copy.write_text(text.replace(self.find, self.put), encoding="utf-8")
