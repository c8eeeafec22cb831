"""How each package tracks the models: what stands in its quickstart and its documented options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Models = dict[str, Any]


def _pgaudit_log(models: Models) -> None:
    import pgaudit_log

    order = models["Order"]
    for name in ("Customer", "Tag", "Line", "Stamp"):
        pgaudit_log.track()(models[name])
    trackers = (
        pgaudit_log.InsertEvent(),
        pgaudit_log.UpdateEvent(),
        pgaudit_log.DeleteEvent(),
        pgaudit_log.ManualEvent("called"),
    )
    pgaudit_log.track(*trackers, mask=["secret"], follow=["lines", "tags"])(order)
    pgaudit_log.track(exclude=["draft"])(models["Sheet"])
    pgaudit_log.track(obj_field=None)(_proxy(models, order.tags.through))
    pgaudit_log.track_models("auth.Group", "orders.Pl*", into="orders")


def _pghistory(models: Models) -> None:
    import pghistory
    from django.contrib.auth.models import Group

    def trackers() -> tuple[Any, ...]:
        return pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent()

    for name in ("Customer", "Tag", "Order", "Line", "Stamp"):
        pghistory.track(*trackers())(models[name])
    pghistory.track(*trackers(), exclude=["draft"])(models["Sheet"])
    pghistory.track(*trackers(), obj_field=None)(_proxy(models, models["Order"].tags.through))
    meta = type("Meta", (), {"proxy": True, "app_label": "orders"})
    attributes = {"__module__": models["__name__"], "Meta": meta}
    models["TrackedGroup"] = type("TrackedGroup", (Group,), attributes)
    pghistory.track(*trackers())(models["TrackedGroup"])


def _auditlog(models: Models) -> None:
    """Its settings name the models; what else an event is to have, the model says."""

    def additional_data(self: Any) -> Any:
        return {"reason": self.why} if getattr(self, "why", None) else None

    models["Order"].get_additional_data = additional_data


def _simple_history(models: Models) -> None:
    from django.contrib.auth.models import Group
    from simple_history import register

    for name in ("Customer", "Tag", "Line", "Stamp"):
        register(models[name])
    register(models["Order"], m2m_fields=[models["Order"].tags.field])
    register(models["Sheet"], excluded_fields=["draft"])
    register(Group, app="benchmarks.comparison.orders")


def _reversion(models: Models) -> None:
    import reversion
    from django.contrib.auth.models import Group

    for name in ("Customer", "Tag", "Stamp"):
        reversion.register(models[name])
    reversion.register(models["Line"], ignore_duplicates=True)
    reversion.register(models["Order"], follow=("lines",))
    reversion.register(models["Sheet"], exclude=("draft",))
    reversion.register(Group)


def _easy_audit(models: Models) -> None:
    """It tracks every model by itself."""


def _proxy(models: Models, model: Any) -> Any:
    meta = type("Meta", (), {"proxy": True, "app_label": "orders"})
    attributes = {"__module__": models["__name__"], "Meta": meta}
    models["OrderTags"] = type("OrderTags", (model,), attributes)
    return models["OrderTags"]


SETUPS: dict[str, Callable[[Models], None]] = {
    "pgaudit_log": _pgaudit_log,
    "pghistory": _pghistory,
    "auditlog": _auditlog,
    "simple_history": _simple_history,
    "reversion": _reversion,
    "easy_audit": _easy_audit,
}
