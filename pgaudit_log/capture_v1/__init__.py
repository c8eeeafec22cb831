"""Version 1 of capture: what migrations hold of it, and the SQL that is made of that. Frozen.

A migration says which columns a trigger captures, and what is not plain about them; the statements
are made here when it runs. So a database that is migrated from nothing in five years gets what
yours got: to the letter, because each trigger is known by a hash of its SQL. **Nothing in this room
may ever make another text of the same data**, nor take other data; ``tests/format`` holds it to that.
It imports nothing of the package but itself, and constants that are final. Better SQL is a room
``capture_v2``, which new migrations refer to; this one stays for the old ones.

What is in it knows no models. :mod:`pgaudit_log.triggers` makes the data out of them.
"""

from pgaudit_log.capture_v1.operations import (
    AddCaptureTriggers,
    CaptureTriggersOfModels,
    RemoveCaptureTriggers,
)

__all__ = ["AddCaptureTriggers", "CaptureTriggersOfModels", "RemoveCaptureTriggers"]
