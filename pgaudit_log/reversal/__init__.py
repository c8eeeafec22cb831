"""Going back: revert one object, undo events, restore what was deleted; each from a plan."""

from pgaudit_log.reversal.asking import arestore, arevert, aundo, restore, revert, undo
from pgaudit_log.reversal.invariants import invariant
from pgaudit_log.reversal.methods import install
from pgaudit_log.reversal.plans import Applied, Change, Kind, Obstacle, Plan, Step

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
    "install",
    "invariant",
    "restore",
    "revert",
    "undo",
]
