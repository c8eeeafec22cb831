"""Django's hooks for typed events: what is replaced of tracked models and of the registry of models.

* ``Options.add_field()`` of each tracked model, with the argument ``private`` (so since Django 1.10): a
  model may get fields at any time, and Django has no signal for it;
* ``Apps.all_models`` of an app and ``AppConfig.models`` (since Django 1.7), by copies, whenever a class of
  typed events is added to them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.apps import apps
from django.db import models

from pgaudit_log.values.tables import Field


def follow_fields(
    model: type[models.Model], followed: Callable[[type[models.Model]], None]
) -> None:
    """Call a function with a model whenever it gets another field."""
    meta: Any = model._meta
    if "add_field" in vars(meta):
        return
    add_field = meta.add_field

    @wraps(add_field)
    def add_and_follow(field: Field, private: bool = False) -> None:
        add_field(field, private=private)
        followed(model)

    meta.add_field = add_and_follow


def let_loops_go_on(app_label: str) -> None:
    """Let a loop over an app's models go on, although a class is added to them.

    ``AppConfig.get_models()`` goes through the registry itself.
    """
    if apps.models_ready:
        apps.all_models[app_label] = dict(apps.all_models[app_label])
        apps.app_configs[app_label].models = apps.all_models[app_label]
