"""Importing: the history that other packages have recorded becomes events.

The names are imported where they are asked for: ``python -m pgaudit_log.importing.scan`` reads a
project's source, and needs none of its settings.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgaudit_log.importing.batches import WORKERS
    from pgaudit_log.importing.comparisons import Comparison, Difference, compare
    from pgaudit_log.importing.peers import PEERS
    from pgaudit_log.importing.plans import Imported, Plan, plan
    from pgaudit_log.importing.steps import AccessStep, KindCount, Step
    from pgaudit_log.importing.transfer import BATCH_SIZE
    from pgaudit_log.importing.withdrawals import Withdrawal, plan_withdrawal

__all__ = [
    "BATCH_SIZE",
    "PEERS",
    "WORKERS",
    "AccessStep",
    "Comparison",
    "Difference",
    "Imported",
    "KindCount",
    "Plan",
    "Step",
    "Withdrawal",
    "compare",
    "plan",
    "plan_withdrawal",
]

_MODULES = {
    "batches": ("WORKERS",),
    "comparisons": ("Comparison", "Difference", "compare"),
    "peers": ("PEERS",),
    "plans": ("Imported", "Plan", "plan"),
    "steps": ("AccessStep", "KindCount", "Step"),
    "transfer": ("BATCH_SIZE",),
    "withdrawals": ("Withdrawal", "plan_withdrawal"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
