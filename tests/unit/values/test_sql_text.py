"""SQL is escaped for the drivers once, and its parameters stand where its placeholders do."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest

import pgaudit_log
from pgaudit_log.values.sql_text import Sql, Template, template

HELD = Sql.param("held")


def test_a_percent_sign_is_doubled_once_however_it_is_put_together() -> None:
    sql = Sql.plain("a LIKE '[%'")
    assert sql.text == "a LIKE '[%%'"
    assert (sql + " AND b LIKE '%'").text == "a LIKE '[%%' AND b LIKE '%%'"
    assert ("c LIKE '%' AND " + sql).text == "c LIKE '%%' AND a LIKE '[%%'"
    assert Sql.plain(" % ").join([sql, "b"]).text == "a LIKE '[%%' %% b"


def test_parameters_are_in_the_order_of_their_placeholders() -> None:
    sql = Sql.plain("a = ") + Sql.param(1) + " AND b = " + Sql.param("%s")
    assert sql == Sql(text="a = %s AND b = %s", params=(1, "%s"))
    assert Sql.param(0).join([sql, sql, "x"]).params == (1, "%s", 0, 1, "%s", 0)
    assert Sql.plain(", ").join([]) == Sql(text="")


def test_a_template_is_filled_with_sql_and_its_parameters() -> None:
    found = Template.of("SELECT @what@ FROM t WHERE @test@ AND NOT @test@")
    assert found.sql(what="'{}', 5 % 3", test=Sql.plain("a = ") + Sql.param(1)) == Sql(
        text="SELECT '{}', 5 %% 3 FROM t WHERE a = %s AND NOT a = %s", params=(1, 1)
    )


def test_what_fills_a_hole_is_never_searched_for_others() -> None:
    found = Template.of("@first@ @second@").fill(first="'@second@ %s {second}'")
    assert found.holes == ("second",)
    assert found.sql(second=HELD) == Sql(text="'@second@ %%s {second}' %s", params=("held",))


def test_the_holes_of_a_template_in_a_hole_stay() -> None:
    test = Template.of("EXISTS (SELECT WHERE @past@ AND a = @a@)").fill(a=HELD)
    found = Template.of("@past@ AND @test@ AND @rest@").fill(test=test)
    assert found.holes == ("past", "past", "rest")
    assert found.sql(past=Sql.param("past"), rest="TRUE") == Sql(
        text="%s AND EXISTS (SELECT WHERE %s AND a = %s) AND TRUE",
        params=("past", "past", "held"),
    )


def test_a_hole_that_nothing_fills_is_told() -> None:
    with pytest.raises(KeyError, match="missing"):
        Template.of("SELECT @missing@").sql(other="1")


def test_sql_is_a_value() -> None:
    one, other = Sql.plain("a") + HELD, "a" + HELD
    assert one == other and hash(one) == hash(other) and copy.deepcopy(one) == one
    assert eval(repr(one)) == one


def test_a_file_is_read_without_its_header() -> None:
    found = template("pgaudit_log.sql", "empty_event_table.sql")
    assert found.parts[0].text and not found.parts[0].text.startswith("--")


@pytest.mark.slow
@pytest.mark.everywhere
def test_nothing_else_doubles_percent_signs() -> None:
    package = Path(pgaudit_log.__file__).parent
    doubling = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if re.search(r'%%|replace\("%", "%', path.read_text(encoding="utf-8"))
    }
    assert doubling == {"values/sql_text.py"}
