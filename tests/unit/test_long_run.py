"""The summary of a long run: a table of what was noted, put between two marks of a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.durability import long_run, summary


def row(scenario: str, acknowledged: int) -> summary.Row:
    return summary.Row(
        scenario=scenario,
        rounds="2 crashes",
        acknowledged=acknowledged,
        events=12_345,
        lost=0,
        doubled=1,
        crossed=2,
        seconds=61.4,
    )


def test_a_summary_has_a_row_for_each_scenario_and_their_sum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(summary.FILE, str(tmp_path / "rows"))
    summary.note(row("Server crash", 1_000))
    summary.note(row("Deadlock", 20))
    assert summary.table(tmp_path / "rows").splitlines()[2:] == [
        "| Deadlock | 2 crashes | 20 | 12,345 | 0 | 1 | 2 | 61 |",
        "| Server crash | 2 crashes | 1,000 | 12,345 | 0 | 1 | 2 | 61 |",
        "| **all** |  | 1,020 | 24,690 | 0 | 2 | 4 | 123 |",
    ]


def test_without_a_wish_for_a_summary_nothing_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(summary.FILE, raising=False)
    monkeypatch.chdir(tmp_path)
    summary.note(row("Deadlock", 20))
    assert list(tmp_path.iterdir()) == []


def test_the_page_has_one_place_for_the_summary() -> None:
    page = Path(long_run.PAGE).read_text(encoding="utf-8")
    once = long_run.with_summary(page, "| new |")
    assert f"{long_run.BEGIN}\n| new |\n{long_run.END}" in once
    assert long_run.with_summary(once, "| new |") == once
    with pytest.raises(ValueError, match="no place"):
        long_run.with_summary("a page", "| new |")
