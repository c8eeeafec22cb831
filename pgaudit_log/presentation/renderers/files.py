"""How files are shown: by name, with a link where their storage has one."""

from __future__ import annotations

import os
from typing import Any

from django.core.files.storage import FileSystemStorage
from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from pgaudit_log.diffs.display import safe
from pgaudit_log.presentation.renderers.base import Renderer
from pgaudit_log.presentation.renderers.registry import register_renderer

_SCHEMES = ("http://", "https://", "/")


@register_renderer(models.FileField)
class FileRenderer(Renderer):
    """The name of a file; that a local one is gone is said, others are not asked for."""

    def value(self, value: Any) -> SafeString:
        """Return the name, linked, and a small picture of an image."""
        name = str(value)
        if not name:
            return self.show(None)
        if self._is_missing(name):
            return format_html(
                '<span class="pgh-value">{}</span> <span class="pgh-delta">{}</span>',
                safe(name[:200]),
                _("file missing"),
            )
        url = self._url(name)
        if not url:
            return self.whole(name, value)
        if isinstance(self.field, models.ImageField):
            return format_html(
                '<a class="pgh-value" href="{}"><img class="pgh-thumbnail" src="{}" alt="" '
                'loading="lazy"> {}</a>',
                url,
                url,
                safe(name[:200]),
            )
        return format_html('<a class="pgh-value" href="{}">{}</a>', url, safe(name[:200]))

    def _url(self, name: str) -> str:
        try:
            url = str(self.field.storage.url(name))  # type: ignore[union-attr]
        except Exception:  # a storage is the project's own, and need not have URLs
            return ""
        is_link = url.startswith(_SCHEMES) and not url.startswith("//")
        return url if is_link else ""

    def _is_missing(self, name: str) -> bool:
        storage = getattr(self.field, "storage", None)
        if not isinstance(storage, FileSystemStorage):
            return False
        try:
            return not os.path.exists(storage.path(name))
        except Exception:  # a name that the storage refuses, such as one outside of it
            return True
