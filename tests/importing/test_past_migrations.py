"""What a migration has dropped of a peer's is taken out of it, and of those that made it; nothing else is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pgaudit_log.importing.past_migrations import main

FIRST = """
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
import simple_history.models
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0001_initial'),
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        migrations.CreateModel(
            name='Order',
            fields=[
                ('id', models.BigAutoField(primary_key=True)),
            ],
        ),
        migrations.CreateModel(
            name='OrderEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True)),
                ('pgh_label', models.TextField()),
                ('pgh_context', models.ForeignKey(null=True, on_delete=django.db.models.deletion.DO_NOTHING, to='pghistory.context')),
            ],
        ),
        migrations.CreateModel(
            name='HistoricalOrder',
            fields=[
                ('history_id', models.AutoField(primary_key=True)),
            ],
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='order',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql='INSERT INTO "shop_orderevent" ("pgh_created_at")'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='order',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql='RAISE EXCEPTION'),
        ),
    ]
"""

BETWEEN = """
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shop', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='order',
            name='note',
            field=models.TextField(),
        ),
        migrations.AddField(
            model_name='orderevent',
            name='note',
            field=models.TextField(),
        ),
        migrations.RenameModel(
            old_name='HistoricalOrder',
            new_name='HistoricalPurchase',
        ),
        migrations.AddField(
            model_name='historicalpurchase',
            name='note',
            field=models.TextField(),
        ),
    ]
"""

LAST = """
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('shop', '0002_note'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='order',
            name='insert_insert',
        ),
        migrations.RemoveField(
            model_name='orderevent',
            name='pgh_context',
        ),
        migrations.DeleteModel(
            name='OrderEvent',
        ),
        migrations.DeleteModel(
            name='HistoricalPurchase',
        ),
    ]
"""

NAMES = ("0001_initial.py", "0002_note.py", "0003_remove.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in zip(NAMES, (FIRST, BETWEEN, LAST), strict=True):
        (tmp_path / name).write_text(text)
    return tmp_path


def without(text: str, *parts: tuple[str, str]) -> str:
    """Return a text without what stands from one text up to another."""
    for first, behind in parts:
        start = text.index(first)
        text = text[:start] + text[text.index(behind, start + 1) :]
    return text


def test_what_was_made_and_dropped_is_taken_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder)]) == 0
    written = [(folder / name).read_text() for name in NAMES]
    create = "        migrations.CreateModel(\n            name="
    trigger = "        pgtrigger.migrations.AddTrigger("
    assert written[0] == without(
        FIRST,
        ("import simple_history", "from django.db"),
        ("        ('pghistory', '0007", "    ]\n\n    operations"),
        (f"{create}'OrderEvent'", trigger),
        (trigger, trigger),
    )
    assert written[1] == without(
        BETWEEN,
        ("        migrations.AddField(\n            model_name='orderevent'", "    ]\n"),
    )
    assert written[2] == without(LAST, ("        pgtrigger.migrations", "    ]\n"))
    out = capsys.readouterr().out
    assert [line.partition(": ")[2] for line in out.splitlines()] == [
        "3 operations taken out.",
        "3 operations taken out.",
        "4 operations taken out.",
    ]
    assert main([str(folder)]) == 0
    assert [(folder / name).read_text() for name in NAMES] == written


def test_what_is_still_there_stays_and_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "0003_remove.py").unlink()
    assert main([str(folder)]) == 1
    assert (folder / "0001_initial.py").read_text() == FIRST
    told = capsys.readouterr().out
    assert "0001_initial.py: 0 operations taken out. Still named in 5, 13, 28, 36: " in told


def test_a_program_that_asks_for_what_is_gone_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = 'def fill(apps, editor):\n    apps.get_model("shop", "HistoricalPurchase")\n'
    (folder / "0002_program.py").write_text(program)
    assert main([str(folder)]) == 1
    assert "0002_program.py: 0 operations taken out. Still named in 2: " in capsys.readouterr().out
    assert (folder / "0002_program.py").read_text() == program


def test_ends_of_lines_stay_and_what_cannot_be_read_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = folder / "0003_remove.py"
    last.write_bytes(("# née\n" + LAST).replace("\n", "\r\n").encode())
    (folder / "broken.py").write_text("def")
    assert main([str(folder)]) == 2
    assert "broken.py" in capsys.readouterr().err
    assert (folder / "0001_initial.py").read_text() == FIRST
    (folder / "broken.py").unlink()
    assert main([str(folder)]) == 0
    written = last.read_bytes().decode()
    assert "DeleteModel" not in written and "née" in written
    assert written.count("\n") == written.count("\r\n")


def test_it_needs_no_project(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pgaudit_log.importing.past_migrations", str(folder / "no")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, f"There is no folder {folder / 'no'}.\n")
