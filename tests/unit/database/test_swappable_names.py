"""What the project's registry of models knows to be swappable outlives the registries of migrations."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import models
from django.db.migrations.state import ModelState, ProjectState


def test_models_of_a_migration_do_not_empty_what_the_project_knows() -> None:
    known: Any = apps.get_swappable_settings_name
    apps.clear_cache()
    assert known("auth.User") == "AUTH_USER_MODEL" and known("shop.Order") is None
    state = ProjectState()
    state.add_model(ModelState("shop", "Order", [("id", models.AutoField(primary_key=True))]))
    assert state.apps.get_model("shop", "Order") is not None
    before = known.cache_info()
    assert known("auth.User") == "AUTH_USER_MODEL" and known("shop.Order") is None
    assert (known.cache_info().hits, known.cache_info().misses) == (before.hits + 2, before.misses)
    # Another registry has its own.
    assert state.apps.get_swappable_settings_name("auth.User") is None


def test_a_change_of_the_projects_models_empties_it() -> None:
    known: Any = apps.get_swappable_settings_name
    assert known("auth.User") == "AUTH_USER_MODEL"
    apps.clear_cache()
    assert known.cache_info().currsize == 0
