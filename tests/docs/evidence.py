"""Makes ``docs/explanation/evidence.md``: ``python -m tests.docs.evidence``.

The page says of each promise and of each trap which tests stand for it, and which of these have been
seen to fail without the code that keeps it.
"""

from __future__ import annotations

import re
import textwrap

from tests.docs import markdown
from tests.docs.claims import GUARANTEES, TRAPS, Claim, claims
from tests.mutations import MUTATIONS

PAGE = markdown.DOCS / "explanation" / "evidence.md"

TOP = """\
# Evidence

Which tests stand for which promise of [Guarantees](guarantees.md), and for which of the [Traps](traps.md). Below a test stands
what was taken out of the code to see it fail: `python -m tests.mutations` does so again, with each of these
([Contributing](../contributing.md) says more).

This page is made out of the comments in those two and of `tests/mutations/`: `python -m tests.docs.evidence`.
"""


def page() -> str:
    """Return the text of the page."""
    parts = [TOP]
    for source, title in ((GUARANTEES, "Promises"), (TRAPS, "Traps")):
        parts.append(f"## {title}\n")
        heading = ""
        for claim in claims(source):
            if not claim.tests:
                continue
            if (claim.subsection or claim.section) != heading:
                heading = claim.subsection or claim.section
                parts.append(f"### {heading}\n")
            parts.append(_entry(claim))
    return "\n".join(parts)


def _entry(claim: Claim) -> str:
    # What a trap is says which one; what is done about it stands on its page.
    trap = re.match(r"\*\*(\d+)\. (.+?)\*\*", claim.text)
    text = f"{trap[1]}\\. {trap[2]}" if trap else claim.text
    lines = [textwrap.fill(text, 120, break_on_hyphens=False), ""]
    for test in claim.tests:
        lines.append(f"* `{test}`")
        lines += [
            f"  * fails when {mutation.what}" for mutation in MUTATIONS if test in mutation.tests
        ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
