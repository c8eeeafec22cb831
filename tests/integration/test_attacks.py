"""Each row of the docs' table of attacks comes out as it says, on a hardened database and on another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.backends.postgresql.base import Database

from pgaudit_log.database.hardening.things import things
from pgaudit_log.operating import plan_hardening
from tests.attacks import ATTACKS, Attack
from tests.docs.markdown import DOCS
from tests.shop.models import Customer
from tests.support import execute, role_name

pytestmark = pytest.mark.slow

PAGE = DOCS / "explanation" / "attacks.md"
ROW = re.compile(r"^\| (?P<attack>.+?) \| (?P<not_hardened>.+?) \| (?P<hardened>.+?) \|$", re.M)

NAMES = {name: role_name(f"attacked_{name}") for name in ("owner", "app", "clerk")}


REFUSALS = re.compile(
    r"permission denied|must be owner|must be superuser|append-only|may not write an event|has not had the shape"
    r"|cannot insert into view|can only be called as triggers"
)
"""How PostgreSQL, and this package, refuse; nothing else is a refusal."""


def rows() -> dict[str, tuple[str, str]]:
    """Return what the docs say of each attack: not hardened, and hardened."""
    found = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return {attack: (before, after) for attack, before, after in found if attack in ATTACKS}


def test_the_docs_have_each_attack_and_no_other() -> None:
    text = PAGE.read_text(encoding="utf-8")
    listed = [
        attack
        for attack, before, _ in ROW.findall(text)
        if before != "not hardened" and "---" not in before
    ]
    assert sorted(listed) == sorted(ATTACKS)


def own_everything(role: str) -> None:
    """Give a role what it would own if it had migrated its own database."""
    for thing in things("default"):
        if thing.kind != "sequence":
            execute(f"ALTER {thing.kind.upper()} {thing.name} OWNER TO {role}")


@pytest.fixture(scope="module", name="db", params=["not hardened", "hardened"])
def world(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any
) -> Iterator[str]:
    """A database in each state, with one event; made once, and rolled back.

    It takes the place of pytest-django's fixture of that name, whose transaction is a test's.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        execute(
            "CREATE ROLE {owner} NOLOGIN; CREATE ROLE {app} LOGIN; CREATE ROLE {clerk}".format(
                **NAMES
            )
        )
        own_everything(NAMES["app"])
        if request.param == "hardened":
            plan_hardening(owner=NAMES["owner"], app=NAMES["app"]).apply()
        Customer.objects.create(name="victim")
        yield request.param
        transaction.set_rollback(True)


def outcome(name: str) -> str:
    """Return what becomes of an attack: refused, harmless, or possible."""
    with transaction.atomic():
        found = _outcome(ATTACKS[name])
        transaction.set_rollback(True)
    return found


def _outcome(attack: Attack) -> str:
    [(capture,)] = execute(
        "SELECT tgname::text FROM pg_trigger WHERE tgrelid = 'shop_customer'::regclass AND tgtype = 4"
        " AND starts_with(tgname, 'pgtrigger_')"
    )
    [(partition,)] = execute(
        "SELECT tableoid::regclass::text FROM pgaudit_log_event WHERE snapshot ->> 'name' = 'victim'"
    )
    if attack.before:
        execute(attack.before.format(**NAMES))
    # As in a transaction of its own, in which nothing waits.
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    try:
        with transaction.atomic():
            execute(f"SET LOCAL SESSION AUTHORIZATION {NAMES[attack.by]}")
            attack.send({**NAMES, "capture": capture, "partition": partition})
            execute("RESET SESSION AUTHORIZATION; RESET ROLE; RESET search_path")
    except (DatabaseError, Database.Error) as error:  # COPY is the driver's
        if not REFUSALS.search(str(error)):
            raise
        return "refused"
    try:
        [(is_harmed,)] = execute(attack.harm.replace("{app}", NAMES["app"]))
    except DatabaseError:
        # What would tell it is gone.
        is_harmed = True
    return "possible" if is_harmed else "harmless"


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_comes_out_as_the_docs_say(attack: str, db: str) -> None:
    said = rows()[attack][db == "hardened"]
    assert outcome(attack) == re.split(r"\W", said, maxsplit=1)[0]
    assert connection.in_atomic_block
