"""The docs are true: every code block runs, every link leads somewhere, every name is explained."""

from __future__ import annotations

import ast
import pkgutil
import re
from pathlib import Path

import pytest

import pgaudit_log
from pgaudit_log.conf import PREFIX, Settings
from tests.docs import markdown, rules
from tests.docs.project import project

PAGES = markdown.pages()
README = markdown.ROOT / "README.md"
REFERENCE = markdown.DOCS / "reference"

WORDS = [
    *("event", "tracked model", "tracker", "condition", "snapshot", "diff", "change", "context"),
    *("actor", "trail", "timeline", "typed event", "plan", "partition", "detach", "retention"),
    *("revert", "undo", "restore", "baseline", "backfill", "seal", "digest", "verify"),
    *("position", "watermark", "archive"),
    # Those of the code.
    *("declaration", "label", "former name", "level", "pin", "leaf", "capture function", "shape"),
    *("turn", "row", "row key", "key", "reference", "state", "past", "absence", "life", "frame"),
    *("claim", "carrier", "target", "step", "move", "obstacle", "conflict", "case", "stale"),
]

LONGEST_LINE = 300
"""Pages are read as they are written, too; a longer row of a table is a paragraph."""


def name_of(page: Path) -> str:
    return str(page.relative_to(markdown.ROOT).with_suffix(""))


def runnable_blocks(page: Path) -> list[markdown.Block]:
    """Return the blocks that are run here: of the README its Python with the output that follows.

    The README's commands install the package and run the demo; other tests run those.
    """
    found = markdown.blocks(page)
    if page != README:
        return found
    return [
        block
        for before, block in zip([None, *found], found, strict=False)
        if block.language == "python"
        or (block.language == "text" and before is not None and before.language == "python")
    ]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_code_blocks_do_what_the_page_says(page: Path, tmp_path: Path) -> None:
    found = runnable_blocks(page)
    sessions = rules.sessions(found)
    if not any(session.files or session.steps for session in sessions):
        return
    is_bare, roles = rules.starts_a_project(found), rules.roles(found)
    with project(name_of(page), tmp_path, is_bare=is_bare, roles=roles) as made:
        for session in sessions:
            for block in session.files:
                assert block.file is not None
                made.write(block.file, block.code, replace=block.replaces)
            made.use_its_database()
            results = made.run([step.as_json() for step in session.steps])
            for step, result in zip(session.steps, results, strict=True):
                rules.judge(step, result)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_an_empty_line_ends_what_is_pasted_into_the_shell(page: Path) -> None:
    """Where none follows a ``with`` or ``for``, ``manage.py shell`` takes the next line for a part of it."""
    for block in runnable_blocks(page):
        if block.language != "python" or block.file is not None:
            continue
        lines = block.code.splitlines()
        for statement in ast.parse(block.code).body[:-1]:
            if hasattr(statement, "body"):
                assert statement.end_lineno is not None
                assert not lines[statement.end_lineno].strip(), (
                    f"{page}:{block.line + statement.end_lineno}"
                )


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_line_is_too_long_to_read(page: Path) -> None:
    lines = enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
    assert [number for number, line in lines if len(line) > LONGEST_LINE] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in markdown.links(page):
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{name_of(page)} links to {target}"
        if anchor:
            assert anchor in markdown.anchors(linked), f"{name_of(page)} links to {target}"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "index.md" and page != README], ids=name_of
)
def test_the_index_links_to_every_page(page: Path) -> None:
    index = markdown.DOCS / "index.md"
    assert str(page.relative_to(markdown.DOCS)) in markdown.links(index)


@pytest.mark.parametrize("name", sorted(Settings.__annotations__))
def test_settings_page_tells_each_setting_and_its_default(name: str) -> None:
    text = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    section = re.search(rf"^## `{PREFIX}{name}`\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert section is not None, f"{PREFIX}{name} has no section"
    default = repr(vars(Settings)[name]).replace("'", '"')
    assert f"Default: `{default}`" in section[1]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_name_no_setting_that_does_not_exist(page: Path) -> None:
    known = {PREFIX + name for name in Settings.__annotations__}
    assert (
        set(re.findall(rf"{PREFIX}(?!TEST_|MUTATIONS)[A-Z][A-Z_]*[A-Z]", page.read_text())) <= known
    )


NO_MODULES = {
    *("json", "at", "masked", "erased", "marker", "x"),  # markers in snapshots
    *("context", "running", "turns", "memo"),  # settings of PostgreSQL
}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_name_modules_by_the_names_that_they_have(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    paths = set(re.findall(r"\bpgaudit_log/[\w/]+\.(?:py|sql)", text))
    assert sorted(path for path in paths if not (markdown.ROOT / path).exists()) == []
    # With a small letter: names of classes, and ids of checks, are other tests' to find.
    names = set(re.findall(r"(?<![\w.])pgaudit_log\.(?:[a-z]\w+)(?:\.\w+)*", text))
    names = {name for name in names if name.split(".")[1] not in NO_MODULES}
    assert sorted(name for name in names if not is_there(name)) == []


def is_there(name: str) -> bool:
    """Return whether a dotted name is a module, or what a module has."""
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def test_checks_page_tells_each_check_and_no_other() -> None:
    modules = (markdown.ROOT / "pgaudit_log").rglob("*.py")
    source = "\n".join(module.read_text(encoding="utf-8") for module in modules)
    ids = set(re.findall(r'id="(pgaudit_log\.[EW]\d{3})"', source))
    titles = {heading.strip("`") for heading in markdown.headings(REFERENCE / "checks.md")}
    assert {title for title in titles if re.fullmatch(r"pgaudit_log\.[EW]\d{3}", title)} == ids


@pytest.mark.parametrize("word", WORDS)
def test_glossary_explains_the_word(word: str) -> None:
    text = (markdown.DOCS / "glossary.md").read_text(encoding="utf-8")
    terms = [term.strip() for cell in re.findall(r"^\| (.+?) \|", text, re.M) for term in [cell]]
    assert f"**{word}**" in terms


@pytest.mark.parametrize("name", sorted(pgaudit_log.__all__))
def test_docs_mention_each_public_name(name: str) -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in markdown.DOCS.rglob("*.md"))
    assert re.search(rf"\b{name}\b", text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "```ruby\nputs 1\n```",
        "```\nno language\n```",
        "```text\noutput of nothing\n```",
        "```console\n$ rm -rf /\n```",
        "```console\nno command\n```",
        "```console\n$ pip install pgaudit-log\n```",
        "```sql\n# shop/models.py\n```",
    ],
)
def test_a_block_that_no_rule_runs_is_an_error(text: str, tmp_path: Path) -> None:
    page = markdown.DOCS / "made-up.md"
    written = tmp_path / "page.md"
    written.write_text(text)
    found = [
        markdown.Block(page=page, line=block.line, language=block.language, code=block.code)
        for block in markdown.blocks(written)
    ]
    with pytest.raises(rules.PageError, match="made-up.md"):
        rules.sessions(found)


@pytest.mark.parametrize(
    ("expected", "result"),
    [
        ("1", {"output": "2\n", "failed": None}),
        (None, {"output": "2\n", "failed": None}),
        (None, {"output": "", "failed": "Traceback"}),
        ("1", {"output": "1\nValueError\n", "failed": "Traceback"}),
    ],
    ids=["other output", "output not shown", "failed", "failed after the output"],
)
def test_output_that_the_page_does_not_show_is_an_error(
    expected: str | None, result: dict[str, str | None]
) -> None:
    block = markdown.Block(page=markdown.DOCS / "made-up.md", line=1, language="python", code="")
    step = rules.Step(block=block, kind="python", code="", expected=expected)
    with pytest.raises(rules.PageError, match="made-up.md:1"):
        rules.judge(step, result)
