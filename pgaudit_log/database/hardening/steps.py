"""The steps of a hardening: what differs between the things of a database and what they should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pgaudit_log.database.hardening.remembered import Hardened
from pgaudit_log.database.hardening.things import PUBLIC, Thing
from pgaudit_log.values.quoting import quote_literal, quote_name

_WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One statement, and why it is needed."""

    statement: str
    reason: str
    is_automatic: bool = True
    """Whether ``migrate`` and ``install`` do it by themselves in a hardened database."""

    def __str__(self) -> str:
        return f"{self.statement}; -- {self.reason}"


def steps(things: Sequence[Thing], wanted: Hardened, groups: Sequence[str]) -> Iterator[Step]:
    """Yield the statements that make the things what they should be: none where they are.

    Args:
        things: what there is.
        wanted: the roles.
        groups: the roles that the application or a reader is a member of.
    """
    for thing in things:
        # What is granted on a thing to who owns it by now goes with the thing.
        yield from _owned(thing, wanted)
    for thing in things:
        yield from _granted(thing, wanted, groups)


def _owned(thing: Thing, wanted: Hardened) -> Iterator[Step]:
    if (
        thing.kind == "schema"
        and not {"CREATE", "USAGE"} <= set(thing.grants.get(wanted.owner, ()))
        and thing.owner not in (wanted.owner, *wanted.apps)
    ):
        yield Step(
            statement=f"GRANT USAGE, CREATE ON SCHEMA {thing.name} TO {quote_name(wanted.owner)}",
            reason="the owner makes tables and functions here",
        )
    if thing.owner == wanted.owner or thing.kind == "sequence":
        return
    if thing.part in ("place", "called") and thing.owner not in wanted.apps:
        return
    yield Step(
        statement=f"ALTER {thing.kind.upper()} {thing.name} OWNER TO {quote_name(wanted.owner)}",
        reason=_WHY_OWNED[thing.part].format(kind=thing.kind),
        # Nothing that the application has made becomes the owner's unseen.
        is_automatic=thing.part not in ("place", "called"),
    )


_WHY_OWNED = {
    "events": "its owner could disable its guards, detach it or drop it",
    "own": "its owner could change what events are read with",
    "view": "its owner could replace it; it reads events with the rights of its owner",
    "capture": "its owner could replace it; it writes events with the rights of its owner",
    "model": "its owner could disable capture, and drop it; migrate alters it as its owner",
    "other": "its owner could make migrate leave out, or repeat, a migration",
    "called": "a trigger, a condition or a view calls it, also as the owner",
    "place": "the owner of a {kind} could drop all that is in it",
}


def _granted(thing: Thing, wanted: Hardened, groups: Sequence[str]) -> Iterator[Step]:
    is_moved = thing.owner in wanted.apps
    for role in wanted.apps:
        yield from _grants(thing, role, _of_app(thing, is_moved))
    for role in wanted.readers:
        yield from _grants(thing, role, _of_reader(thing))
    for role in (PUBLIC, *wanted.apps, *wanted.readers, *groups):
        if role in wanted.readers and not (thing.is_ours or thing.part == "place"):
            continue
        yield from _revokes(thing, role)


def _grants(thing: Thing, role: str, privileges: Sequence[str]) -> Iterator[Step]:
    # What an owner may do goes with the thing.
    held = thing.held_by(PUBLIC if role == thing.owner else role)
    missing = [privilege for privilege in privileges if privilege not in held]
    if missing:
        yield Step(
            statement=f"GRANT {', '.join(missing)} ON {_kind(thing)} {thing.name} TO {_grantee(role)}",
            reason=_why_granted(thing),
        )


def _revokes(thing: Thing, role: str) -> Iterator[Step]:
    has = {privilege.removeprefix("column ") for privilege in thing.grants.get(role, ())}
    taken = [privilege for privilege in _refused(thing) if privilege in has]
    if taken:
        yield Step(
            statement=f"REVOKE {', '.join(taken)} ON {_kind(thing)} {thing.name} FROM {_grantee(role)}",
            reason=_why_refused(thing),
        )


def _kind(thing: Thing) -> str:
    """Return what GRANT and REVOKE call the kind of a thing."""
    return "TABLE" if thing.kind == "view" else thing.kind.upper()


def _grantee(role: str) -> str:
    return quote_name(role) if role else "PUBLIC"


def _of_app(thing: Thing, is_moved: bool) -> tuple[str, ...]:
    """Return what the application may do with a thing."""
    if thing.kind in ("table", "view"):
        if thing.part in ("events", "view", "other"):
            return ("SELECT",)
        if thing.part == "model":
            # It had it as the owner; else it keeps what it was granted.
            truncates = is_moved and (thing.is_truncation_captured or not thing.is_tracked)
            return ("SELECT", "INSERT", "UPDATE", "DELETE", *["TRUNCATE"] * truncates)
    if thing.kind == "sequence" and thing.part == "model":
        return ("USAGE", "SELECT")
    return _OF_PLACES.get(thing.kind, ())


def _of_reader(thing: Thing) -> tuple[str, ...]:
    """Return what a reader may do with a thing."""
    if thing.kind in ("table", "view"):
        return ("SELECT",) if thing.part in ("events", "view") else ()
    return _OF_PLACES.get(thing.kind, ())


_OF_PLACES = {"schema": ("USAGE",), "database": ("CONNECT",)}


def _refused(thing: Thing) -> tuple[str, ...]:
    """Return what neither the application nor everybody may do with a thing."""
    if thing.kind in ("schema", "database"):
        return ("CREATE",)
    if thing.kind == "function":
        return ("EXECUTE",) if thing.part == "capture" or thing.is_secret else ()
    if thing.kind == "sequence":
        return ("USAGE", "UPDATE") if thing.is_ours else ()
    if thing.is_secret:
        return ("SELECT", *_WRITES)
    if thing.is_ours or thing.part == "other":
        return _WRITES
    if thing.is_tracked and not thing.is_truncation_captured:
        return ("TRUNCATE", "TRIGGER")
    return ("TRIGGER",)


def _why_granted(thing: Thing) -> str:
    if thing.kind in ("schema", "database"):
        return "what is in it can be reached"
    if thing.part == "other":
        return "migrate --check and checks ask it"
    return "events can be read" if thing.is_ours else "the application reads and writes its tables"


def _why_refused(thing: Thing) -> str:
    if thing.kind in ("schema", "database"):
        return "what is made here could take the place of what the owner means by a name"
    if thing.is_secret:
        return "who has the key of hashed values can try values out"
    if thing.kind == "function":
        return "only triggers call it"
    if thing.kind == "sequence":
        return "ids of events are given by their table"
    if thing.part == "other":
        return "only migrate writes it"
    if thing.is_ours:
        return "it could forge or erase events, or what they are read with"
    return "a trigger could change what is written, and truncation that is not captured erases"


def remembering(before: Hardened | None, wanted: Hardened, schema: str) -> Iterator[Step]:
    """Yield the statements that remember the roles."""
    for kind in ("app", "reader"):
        known = () if before is None else before.apps if kind == "app" else before.readers
        for role in wanted.apps if kind == "app" else wanted.readers:
            if role not in known:
                yield Step(
                    statement=f"INSERT INTO {schema}.pgaudit_log_granted_role (name, kind)"
                    f" VALUES ({quote_literal(role)}, '{kind}')"
                    " ON CONFLICT (name) DO UPDATE SET kind = excluded.kind",
                    reason="migrate and install grant it what is new, and checks tell what differs",
                )
