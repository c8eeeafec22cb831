"""``{% audit_timeline order %}``: what happened to an object, on a project's own pages."""

from __future__ import annotations

from typing import Any

from django import template
from django.core.exceptions import PermissionDenied
from django.db import models
from django.template.base import Template
from django.utils.safestring import SafeString

from pgaudit_log.presentation.access import Access
from pgaudit_log.presentation.subjects import subject_for
from pgaudit_log.presentation.timelines import timeline_of

register = template.Library()

MOST_EVENTS = 200
"""How many events the tag shows at most."""


@register.simple_tag(takes_context=True)
def audit_timeline(
    context: template.Context,
    object: Any,
    limit: Any = 20,
    *,
    parts: bool = True,
    field: str = "",
    more: str = "",
    styles: bool = True,
    template_name: str = "pgaudit_log/_timeline.html",
) -> SafeString:
    """Return the newest events of an object as HTML; nothing for those who may not see them.

    Args:
        context: of the page; it has the request, which says who asks.
        object: of a tracked model. Nothing comes of what is ``None``, empty or not saved.
        limit: how many events at most.
        parts: whether with the events of rows that belong to the object.
        field: the field whose changes alone are shown.
        more: where the whole timeline is, such as the address of a ``TimelineView``.
        styles: whether the stylesheet is linked; without, the page does that itself.
        template_name: what is rendered.

    Raises:
        TemplateSyntaxError: without a request, for what is no object, and for a limit not from 1 to 200.
        DeclarationError: for an object whose model is not tracked.
    """
    if object is None or object == "":
        return SafeString("")
    if not isinstance(object, models.Model):
        raise template.TemplateSyntaxError(
            f"audit_timeline was given {type(object).__name__} instead of an object of a model."
        )
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST_EVENTS:
        raise template.TemplateSyntaxError(
            f"audit_timeline was given the limit {limit!r}. Give a number from 1 to {MOST_EVENTS}."
        )
    request = context.get("request")
    if request is None:
        raise template.TemplateSyntaxError(
            "audit_timeline does not know who asks. Render the page with its request, and put"
            " 'django.template.context_processors.request' into the context_processors of TEMPLATES."
        )
    access = Access(request)
    try:
        subject = subject_for(access, object)
    except PermissionDenied:
        return SafeString("")
    if subject is None:
        return SafeString("")
    parameters = {"field": field, "parts": "1" if parts else "0"}
    found = timeline_of(access, subject, parameters, size=limit)
    assert context.template is not None
    page: Template = context.template.engine.get_template(template_name)
    # A context of its own: where the page escapes nothing, this is escaped all the same.
    shown = {"timeline": found, "more_url": more, "has_styles": styles}
    return page.render(template.Context(shown, autoescape=True))
