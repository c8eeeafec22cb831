"""Mutations: what keeps each promise, and which tests fail without it.

``docs/explanation/guarantees.md`` names tests. That a test would fail if its promise were broken is not
to be seen from its name: each mutation here breaks a promise by a line, and names the tests that have to
see it. ``python -m tests.mutations`` tries them; that what they change is still there is tested with the
docs, quickly.
"""

from __future__ import annotations

from tests.mutations import (
    access,
    append_only,
    capture,
    context,
    following,
    foreign_code,
    installing,
    masks,
    operating,
    reading,
    retention,
    reversal,
    roles,
)
from tests.mutations.mutation import Mutation

__all__ = ["MUTATIONS"]

MUTATIONS: tuple[Mutation, ...] = (
    *access.MUTATIONS,
    *append_only.MUTATIONS,
    *capture.MUTATIONS,
    *context.MUTATIONS,
    *following.MUTATIONS,
    *foreign_code.MUTATIONS,
    *installing.MUTATIONS,
    *masks.MUTATIONS,
    *operating.MUTATIONS,
    *reading.MUTATIONS,
    *retention.MUTATIONS,
    *reversal.MUTATIONS,
    *roles.MUTATIONS,
)
