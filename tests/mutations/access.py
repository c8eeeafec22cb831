"""What lets logins and page views leave events, and keeps passwords out of them."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_ACCESS = "tests/integration/test_access_events.py"

MUTATIONS = (
    Mutation(
        what="access: a failed login is written in the transaction of its request",
        find="        visits.behind_the_request(partial(_write_failed, credentials))",
        put="        _write_failed(credentials)",
        tests=(f"{_ACCESS}::test_a_failed_login_survives_the_rollback_of_its_request",),
    ),
    Mutation(
        what="access: a failed login is recorded with all that was tried",
        find='        data = {"tried_name": name if is_told else None, "reason": reason}',
        put='        data = {**credentials, "tried_name": name if is_told else None, "reason": reason}',
        tests=(f"{_ACCESS}::test_a_failed_login_tells_the_name_and_nothing_else_that_was_tried",),
    ),
    Mutation(
        what="access: names that no user has are recorded, too",
        find='        is_told = (user is not None or settings.ACCESS_NAMES == "all") and not',
        put="        is_told = not",
        tests=(f"{_ACCESS}::test_names_that_no_user_has_can_be_left_out",),
    ),
    Mutation(
        what="access: what cannot be written is raised",
        find='        if settings.ACCESS_ON_FAILURE == "raise":',
        put="        if True:",
        tests=(
            f"{_ACCESS}::test_what_cannot_be_written_keeps_nobody_out",
            f"{_ACCESS}::test_a_failure_leaves_the_transaction_usable",
        ),
    ),
    Mutation(
        what="access: pages are recorded though they were not shown",
        find='    if request.method != "GET" or not was_shown(response):',
        put='    if request.method != "GET":',
        tests=(f"{_ACCESS}::test_pages_are_chosen_by_path_or_view",),
    ),
    Mutation(
        what="access: logins are not recorded",
        find='    if "login" in settings.ACCESS_EVENTS:',
        put="    if False:",
        tests=(f"{_ACCESS}::test_a_login_and_a_logout_leave_events_of_the_user",),
    ),
)
