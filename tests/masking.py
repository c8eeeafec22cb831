"""A tracked table whose columns are masked by a later release."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pgtrigger
import pytest
from django.db import models

from pgaudit_log.declaring import declarations
from pgaudit_log.declaring.former_names import forget
from pgaudit_log.models import Events
from pgaudit_log.testing import isolated
from tests.partitions import clean_log
from tests.tables import EVERYTHING, dropped_afterwards, install_views, tracked_table

__all__ = ["MARK", "clean_names", "person", "release", "renewed_triggers", "stored"]

MARK = {"pgaudit_log.masked": True}


@pytest.fixture
def clean_names(transactional_db: None) -> Iterator[None]:
    """Leave no declaration, no table and no event: masking needs a database without a transaction."""
    with dropped_afterwards(), clean_log(), isolated():
        yield


def person(**track: Any) -> Any:
    """Declare and create a table of people."""
    return tracked_table(
        "Person",
        *EVERYTHING,
        track=track,
        name=models.TextField(default="ana"),
        email=models.TextField(null=True),
    )


def release(
    model: Any, *names: str, hashed: tuple[str, ...] = (), with_triggers: bool = True
) -> None:
    """Mask fields of a model as its next release does; a masked one is not ``large`` any more."""
    for trigger in renewed_triggers(
        model, tracked_mask=names, tracked_mask_hash=hashed, tracked_large=()
    ):
        if with_triggers:
            trigger.install(model)
    for declaration in declarations.declarations_of(model):
        object.__setattr__(declaration, "mask", names)
        object.__setattr__(declaration, "mask_hash", hashed)
        object.__setattr__(declaration, "large", ())
    forget()
    if with_triggers:
        install_views(model)


def renewed_triggers(model: Any, **changed: Any) -> Iterator[Any]:
    """Declare each trigger of a model with other options, and yield it; others of them stay as they are."""
    for registered, trigger in pgtrigger.registered():
        if registered is model:
            renewed = copy.copy(trigger)
            vars(renewed).update(changed)
            trigger.unregister(model)
            renewed.register(model)
            yield renewed


def stored(model: str = "shop.Person") -> list[Any]:
    """Return what events of a model have: snapshot, diff, references."""
    events = Events.objects.filter(pgh_obj_model=model).order_by("pgh_id")
    return list(events.values_list("pgh_data", "pgh_diff", "pgh_refs"))
