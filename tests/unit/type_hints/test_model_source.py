"""Lines of ours in a project's models stand where a person would have put them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from pgaudit_log.type_hints.model_source import ModelSource

IMPORTS = ["from shop.audit_types import OrderEvent as OrderEvent"]
LINES = {"Order": ['events: pgaudit_log.EventsOf["OrderEvent"]', 'm: ClassVar["type[OrderEvent]"]']}


def source(path: Path, text: str) -> ModelSource:
    file = path / "models.py"
    file.write_text(dedent(text).lstrip())
    return ModelSource(file)


def completed(path: Path, text: str) -> str | None:
    return source(path, text).completed(IMPORTS, LINES)


def test_they_come_before_the_fields(tmp_path: Path) -> None:
    found = completed(
        tmp_path,
        """
        from django.db import models

        import pgaudit_log


        @pgaudit_log.track()
        class Order(models.Model):
            status = models.TextField()
        """,
    )
    assert found == dedent(
        """\
        from typing import TYPE_CHECKING, ClassVar

        from django.db import models

        import pgaudit_log

        if TYPE_CHECKING:
            from shop.audit_types import OrderEvent as OrderEvent


        @pgaudit_log.track()
        class Order(models.Model):
            events: pgaudit_log.EventsOf["OrderEvent"]
            m: ClassVar["type[OrderEvent]"]

            status = models.TextField()
        """
    )


def test_they_come_behind_a_docstring_and_into_a_block_that_is_there(tmp_path: Path) -> None:
    found = completed(
        tmp_path,
        '''
        """Models."""

        from __future__ import annotations

        from typing import TYPE_CHECKING, ClassVar

        import pgaudit_log

        if TYPE_CHECKING:
            from datetime import date


        class Order(models.Model):
            """An order."""

            @property
            def day(self) -> date: ...
        ''',
    )
    assert found == dedent(
        '''\
        """Models."""

        from __future__ import annotations

        from typing import TYPE_CHECKING, ClassVar

        import pgaudit_log

        if TYPE_CHECKING:
            from datetime import date
            from shop.audit_types import OrderEvent as OrderEvent


        class Order(models.Model):
            """An order."""

            events: pgaudit_log.EventsOf["OrderEvent"]
            m: ClassVar["type[OrderEvent]"]

            @property
            def day(self) -> date: ...
        '''
    )


def test_they_come_before_a_decorated_method(tmp_path: Path) -> None:
    found = completed(
        tmp_path,
        """
        class Order(models.Model):
            @property
            def day(self): ...
        """,
    )
    assert found is not None
    assert '    m: ClassVar["type[OrderEvent]"]\n\n    @property\n' in found


@pytest.mark.parametrize(
    "text",
    [
        "class Order(models.Model): pass\n",
        "def make():\n    class Order(models.Model):\n        pass\n",
    ],
    ids=["in one line", "in a function"],
)
def test_a_class_without_a_place_for_them_is_left_alone(tmp_path: Path, text: str) -> None:
    assert completed(tmp_path, text) is None


def test_names_are_quoted_where_annotations_are_evaluated(tmp_path: Path) -> None:
    evaluated = source(tmp_path, "from pgaudit_log import track\n")
    assert evaluated.quoted("EventsOf[{}]", "OrderEvent") == 'EventsOf["OrderEvent"]'
    lazy = source(tmp_path, "from __future__ import annotations\nimport pgaudit_log\n")
    assert lazy.quoted("EventsOf[{}]", "OrderEvent") == "pgaudit_log.EventsOf[OrderEvent]"


def test_what_is_said_already_is_known(tmp_path: Path) -> None:
    found = source(
        tmp_path,
        """
        class Order(models.Model):
            events: int
            objects = OrderManager()
        """,
    )
    assert found.attributes_of("Order") == {"events", "objects"}
    assert found.attributes_of("Invoice") == set()


SHORT_LINES = {"Order": ["events: EventsOf[OrderEvent]", "m: ClassVar[int]"]}


def test_names_go_into_the_imports_that_are_there(tmp_path: Path) -> None:
    models = source(
        tmp_path,
        """
        from __future__ import annotations

        from typing import Any, cast

        from django.db import models
        from pgaudit_log import AnyChange, track

        class Order(models.Model):
            status = models.TextField()
        """,
    )
    found = models.completed(IMPORTS, SHORT_LINES)
    assert found is not None
    assert found.partition("class Order")[0] == dedent(
        """\
        from __future__ import annotations

        from typing import TYPE_CHECKING, Any, ClassVar, cast

        from django.db import models
        from pgaudit_log import AnyChange, EventsOf, track

        if TYPE_CHECKING:
            from shop.audit_types import OrderEvent as OrderEvent

        """
    )


def test_an_import_that_is_missing_comes_where_its_kind_is(tmp_path: Path) -> None:
    models = source(
        tmp_path,
        """
        from __future__ import annotations

        from django.db import models
        from pgaudit_log import (
            track,
        )

        class Order(models.Model):
            status = models.TextField()
        """,
    )
    found = models.completed(IMPORTS, SHORT_LINES)
    assert found is not None
    assert found.partition("class Order")[0] == dedent(
        """\
        from __future__ import annotations

        from typing import TYPE_CHECKING, ClassVar

        from django.db import models
        from pgaudit_log import (
            track,
        )
        from pgaudit_log import EventsOf

        if TYPE_CHECKING:
            from shop.audit_types import OrderEvent as OrderEvent

        """
    )
