"""Going back: revert one object, undo events, restore what was deleted; each from a plan."""

from pgaudit_log.reversal.api import arestore, arevert, aundo, restore, revert, undo
from pgaudit_log.reversal.checking.invariants import invariant
from pgaudit_log.reversal.obstacles import Kind, Obstacle
from pgaudit_log.reversal.plan import Applied, Plan
from pgaudit_log.reversal.steps import Change, Step

__all__ = [
    "Applied",
    "Change",
    "Kind",
    "Obstacle",
    "Plan",
    "Step",
    "arestore",
    "arevert",
    "aundo",
    "invariant",
    "restore",
    "revert",
    "undo",
]
