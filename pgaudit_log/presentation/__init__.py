"""What people are shown of the log, and who may see what: for the admin, a project's own pages, the API."""

from __future__ import annotations

from pgaudit_log.presentation.access import Access
from pgaudit_log.presentation.renderers import Renderer, register_renderer

__all__ = ["Access", "Renderer", "register_renderer"]
