"""What keeps the triggers of ``track_models()`` right while migrations change the tables."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_UPGRADE = "tests/integration/test_followed_migrations.py"
_PROJECT = "tests/integration/test_track_models.py"

MUTATIONS = (
    Mutation(
        what="triggers are not made anew before rows are written",
        find="        if type(operation) not in _WRITES_NO_ROWS:\n            self.catch_up(state, ends_as)",
        put="        pass",
        tests=(f"{_UPGRADE}::test_a_package_is_upgraded_at_once",),
    ),
    Mutation(
        what="a renamed model keeps the trigger of its former name",
        find="                if _is_former(name, one):",
        put="                if False:",
        tests=(f"{_UPGRADE}::test_a_package_is_upgraded_step_by_step",),
    ),
    Mutation(
        what="a column that is left out is captured under its former name",
        find="return [names.of_field(one.model, today) for today in fields]",
        put="return [[today] for today in fields]",
        tests=(f"{_UPGRADE}::test_a_package_is_upgraded_at_once",),
    ),
    Mutation(
        what="a column that is left out is captured until a migration removes it",
        find="(*excluded, *sorted(left_out))",
        put="(*excluded,)",
        tests=(f"{_UPGRADE}::test_a_column_that_goes_is_left_out_until_then",),
    ),
    Mutation(
        what="a model stands for another one that had its name before",
        find="        if names.is_of_another(one.owner, name, apps.all_models[app_label]):",
        put="        if False:",
        tests=(f"{_UPGRADE}::test_a_name_that_is_given_again_is_not_that_of_the_first",),
    ),
    Mutation(
        what="triggers that nothing declares stay",
        find='            if not hasattr(model, "pgh_declaration")\n        ],\n        declared',
        put="            if False\n        ],\n        declared",
        tests=(f"{_PROJECT}::test_tracking_is_taken_away_from_one_model_and_from_all",),
    ),
    Mutation(
        what="makemigrations sees triggers that no migration should have",
        find="            _leave_out_of_migrations(model, trigger)\n",
        put="            pass\n",
        tests=("tests/unit/declaring/test_selections.py::test_migrations_know_nothing_of_it",),
    ),
)
