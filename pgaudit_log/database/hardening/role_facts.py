"""The roles of a hardening: whether they are there, and what would make privileges not count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.db import connections

from pgaudit_log import sql
from pgaudit_log.database.hardening.remembered import Hardened
from pgaudit_log.exceptions import PlanError
from pgaudit_log.values.pinned_settings import own_path
from pgaudit_log.values.quoting import quote_name


@dataclass(frozen=True, kw_only=True)
class Role:
    """A role as the server has it."""

    name: str
    can_login: bool
    is_superuser: bool
    makes_roles: bool
    member_of: tuple[str, ...]
    """Roles that it could become or act as, which are not bound by the log's privileges."""
    groups: tuple[str, ...]
    """All roles that it is a member of: what they were granted, it was."""
    may_be_replica: bool
    """Whether it may set ``session_replication_role``."""


def roles_of(using: str, wanted: Hardened, places: Iterable[str]) -> dict[str, Role]:
    """Return the roles by name.

    Args:
        using: the database.
        wanted: which roles.
        places: the roles that own the database, or a schema, and keep it.

    Raises:
        PlanError: when a role does not exist, or one role is to be two things.
    """
    names = [wanted.owner, *wanted.apps, *wanted.readers]
    with own_path(connections[using]) as cursor:
        cursor.execute(
            sql.read("roles_to_harden.sql"),
            {"owner": wanted.owner, "names": names, "places": list(places)},
        )
        roles = {
            row[0]: Role(
                name=row[0],
                can_login=row[1],
                is_superuser=row[2],
                makes_roles=row[3],
                member_of=tuple(row[4]),
                groups=tuple(row[5]),
                may_be_replica=row[6],
            )
            for row in cursor.fetchall()
        }
    for name in names:
        if name not in roles:
            options = "NOLOGIN" if name == wanted.owner else "LOGIN"
            raise PlanError(
                f"There is no role {name} on the server of the database {using!r}. Nothing was changed."
                f" CREATE ROLE {quote_name(name)} {options}, and run this again."
            )
    if len(set(names)) < len(names):
        raise PlanError(
            f"One role cannot be two of these: {', '.join(names)}. The owner, the application and who"
            " only reads are roles of their own. Nothing was changed."
        )
    return roles


def role_obstacles(using: str, wanted: Hardened, roles: Mapping[str, Role]) -> list[str]:
    """Return why privileges would not bind the roles, each with the statement that mends it."""
    owner = roles[wanted.owner]
    found = list(_of_owner(owner))
    for name in (*wanted.apps, *wanted.readers):
        found += _of_bound(roles[name], owner, version=_version(using))
    return found


def groups_of(wanted: Hardened, roles: Mapping[str, Role]) -> list[str]:
    """Return the roles that the application or a reader is a member of, but for the owner."""
    groups = {group for name in (*wanted.apps, *wanted.readers) for group in roles[name].groups}
    return sorted(groups - {wanted.owner, *wanted.apps, *wanted.readers})


def _version(using: str) -> int:
    connection = connections[using]
    connection.ensure_connection()
    return int(connection.pg_version)  # type: ignore[attr-defined]


def _of_owner(role: Role) -> Iterator[str]:
    name = quote_name(role.name)
    if role.can_login:
        yield (
            f"The role {role.name} can log in, so whoever has its password owns the log:"
            f" ALTER ROLE {name} NOLOGIN."
        )
    if role.is_superuser:
        yield (
            f"The role {role.name} is a superuser, and capture functions would run as one:"
            f" ALTER ROLE {name} NOSUPERUSER."
        )


def _of_bound(role: Role, owner: Role, *, version: int) -> Iterator[str]:
    name = quote_name(role.name)
    if role.is_superuser:
        yield (
            f"The role {role.name} is a superuser, whom nothing keeps from anything:"
            f" ALTER ROLE {name} NOSUPERUSER."
        )
        return
    if role.makes_roles and version < 160000:
        yield (
            f"The role {role.name} may make itself a member of {owner.name}, because it makes roles:"
            f" ALTER ROLE {name} NOCREATEROLE."
        )
    for other in role.member_of:
        what = "owns the log" if other == owner.name else "could write the log, or drop it"
        yield (
            f"The role {role.name} is a member of {other}, which {what}:"
            f" REVOKE {quote_name(other)} FROM {name}."
        )
    if role.may_be_replica:
        yield (
            f"The role {role.name} may set session_replication_role, which switches capture off:"
            f" REVOKE SET ON PARAMETER session_replication_role FROM {name}."
        )


def connection_obstacles(using: str, wanted: Hardened) -> list[str]:
    """Return why the role that asks could not carry a plan out."""
    with own_path(connections[using]) as cursor:
        cursor.execute(
            "SELECT current_user::text, pg_has_role(current_user, %s, 'MEMBER')", [wanted.owner]
        )
        name, is_member = cursor.fetchone()
    if is_member:
        return []
    return [
        (
            f"The role {name} of the connection may not give anything to {wanted.owner}: run this as a"
            f" superuser, or GRANT {quote_name(wanted.owner)} TO {quote_name(name)}."
        )
    ]
