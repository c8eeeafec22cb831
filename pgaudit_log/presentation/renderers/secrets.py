"""How secrets are shown: only that they changed."""

from __future__ import annotations

from typing import Any

from django.utils.safestring import SafeString

from pgaudit_log.presentation.renderers.base import Renderer
from pgaudit_log.values.row_json import MASKED, Absence


class SecretRenderer(Renderer):
    """``••••``, never the value."""

    def value(self, value: Any) -> SafeString:
        """Return what stands for it."""
        return self.show(MASKED)

    def json(self, value: Any) -> Any:
        """Return what stands for it, unless there is none."""
        return _hidden(value)

    def change(self, old: Any, new: Any) -> SafeString:
        """Return that it changed."""
        return super().change(_hidden(old), _hidden(new))


def _hidden(value: Any) -> Any:
    return value if value is None or isinstance(value, Absence) else MASKED
