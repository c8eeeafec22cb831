"""What the database calls capture triggers: short enough, plain, and never the same."""

from __future__ import annotations

import re

from pgaudit_log.capture_v1.pgids import is_pgid_of, pgid_of


def test_what_migrations_rely_on_stays() -> None:
    """If it fails, triggers that are installed are no longer found."""
    assert pgid_of("shop.Order", "audit_insert") == "pgtrigger_audit_insert_b91c045e0780"


def test_ten_thousand_models_have_names_of_their_own() -> None:
    ids = {pgid_of(f"shop.Model{number}", "audit_insert") for number in range(10_000)}
    assert len(ids) == 10_000


def test_names_that_postgresql_would_cut_or_fold_are_kept_apart() -> None:
    names = ["a", "A", "a-b", "a_b", "x" * 40, "x" * 41, "x" * 46 + "y", "x" * 46 + "z"]
    ids = [pgid_of("shop.Order", name) for name in names]
    assert len(set(ids)) == len(names)
    assert all(re.fullmatch(r"pgtrigger_[a-z0-9_]{1,53}", pgid) for pgid in ids)
    assert max(map(len, ids)) == 63


def test_a_trigger_is_known_by_its_name_on_whatever_model() -> None:
    for name in ("audit_insert", "A-b", "x" * 47):
        assert is_pgid_of(name, pgid_of("shop.Order", name))
        assert is_pgid_of(name, pgid_of("other.Renamed", name))
        assert not is_pgid_of(name, pgid_of("shop.Order", f"b{name}"))
    assert not is_pgid_of("audit", pgid_of("shop.Order", "audit_insert"))
    # django-pgtrigger's own, of a trigger of the project.
    assert not is_pgid_of("audit_insert", "pgtrigger_audit_insert_01234")
