"""How django-easy-audit is asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.contenttypes.models import ContentType
from easyaudit.middleware.easyaudit import clear_request, set_current_user
from easyaudit.models import CRUDEvent, LoginEvent, RequestEvent
from easyaudit.settings import CRUD_DIFFERENCE_CALLBACKS

from benchmarks.comparison.ways.base import Seen, Way


class _Block:
    def __init__(self, user: Any) -> None:
        self._user = user

    def __enter__(self) -> None:
        set_current_user(self._user)

    def __exit__(self, *error: Any) -> None:
        clear_request()


class _Way(Way):
    def events(self, model: Any, pk: Any) -> Any:
        type = ContentType.objects.get_for_model(model)
        return CRUDEvent.objects.filter(content_type=type, object_id=str(pk))

    def seen(self, model: Any, pk: Any) -> list[Seen]:
        return [_seen(event) for event in self.events(model, pk).order_by("pk")]

    def links_seen(self, order: Any) -> list[str]:
        found = self.events(type(order), order.pk).filter(event_type__gte=CRUDEvent.M2M_CHANGE)
        return [
            f"{event.get_event_type_display()} {event.changed_fields}"
            for event in found.order_by("pk")
        ]

    def as_user(self, user: Any, reason: str) -> Any:
        return _Block(user)

    @contextmanager
    def without_recording(self, order: Any) -> Any:
        with _deciding(lambda: False):
            yield

    @contextmanager
    def listening(self, call: Any) -> Any:
        def decide() -> bool:
            call()
            return True

        with _deciding(decide):
            yield

    def changes(self, order: Any) -> Any:
        return json.loads(self.events(type(order), order.pk).latest("pk").changed_fields)

    def trail(self) -> list[tuple[str, str]]:
        found = CRUDEvent.objects.select_related("content_type").order_by("-pk")[:10]
        return [(f"{e.content_type.app_label}.{e.content_type.model}", e.object_id) for e in found]

    def logins(self) -> int:
        return int(LoginEvent.objects.filter(login_type=LoginEvent.LOGIN).count())

    def page_views(self) -> int:
        return int(RequestEvent.objects.filter(url="/look/").count())

    def object_page(self, order: Any) -> str:
        return f"/admin/orders/order/{order.pk}/crud_history/"

    def trail_page(self) -> str:
        return "/admin/easyaudit/crudevent/"


@contextmanager
def _deciding(decide: Callable[[], bool]) -> Iterator[None]:
    """Have a function among those of the setting that decide of each event whether it is made."""

    def callback(*arguments: Any, **options: Any) -> bool:
        return decide()

    CRUD_DIFFERENCE_CALLBACKS.append(callback)
    try:
        yield
    finally:
        CRUD_DIFFERENCE_CALLBACKS.remove(callback)


_OPERATIONS = {CRUDEvent.CREATE: "insert", CRUDEvent.UPDATE: "update", CRUDEvent.DELETE: "delete"}


def _seen(event: Any) -> Seen:
    is_update = event.event_type == CRUDEvent.UPDATE
    changed = json.loads(event.changed_fields or "null") if is_update else None
    rows = json.loads(event.object_json_repr or "[]")
    row = rows[0]["fields"] if rows else {}
    is_delete = event.event_type == CRUDEvent.DELETE
    return Seen(
        operation=_OPERATIONS.get(event.event_type, "many-to-many"),
        new=None if is_delete else row,
        old=row
        if is_delete
        else {name: change[0] for name, change in changed.items()}
        if isinstance(changed, dict)
        else None,
        user=int(event.user_pk_as_string) if event.user_pk_as_string else event.user_id,
    )


WAY = _Way()
