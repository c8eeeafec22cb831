"""The typed events of the app "shop", as type checkers know them.

Made by `manage.py pgaudit_log types`: it writes this anew where models have changed.
"""

# Each line is one field, however long: formatters and linters have nothing to do here.
# fmt: off
# isort: skip_file
# ruff: noqa
from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import builtins as _builtins
    import datetime as _datetime
    import decimal as _decimal
    import django.contrib.auth.models as _django_contrib_auth_models
    import django.db.models.fields.files as _django_db_models_fields_files
    import psycopg.types.range as _psycopg_types_range
    import shop.models as _shop_models
    import uuid as _uuid

    from pgaudit_log.models import Event
    from pgaudit_log.reading.managers import EventField

    class BookEvent(Event):
        """A typed event of shop.Book."""

        pgh_obj: EventField[_shop_models.Book | None]
        pgh_obj_id: EventField[int | None]
        product_ptr: EventField[_shop_models.Product | None]
        product_ptr_id: EventField[int | None]
        isbn: EventField[str | None]

        def revert(self, using: str | None = None) -> _shop_models.Book: ...
        async def arevert(self, using: str | None = None) -> _shop_models.Book: ...

    class CustomerEvent(Event):
        """A typed event of shop.Customer."""

        pgh_obj: EventField[_shop_models.Customer | None]
        pgh_obj_id: EventField[int | None]
        id: EventField[int | None]
        user: EventField[_django_contrib_auth_models.User | None]
        user_id: EventField[int | None]
        name: EventField[str | None]

        def revert(self, using: str | None = None) -> _shop_models.Customer: ...
        async def arevert(self, using: str | None = None) -> _shop_models.Customer: ...

    class EverythingEvent(Event):
        """A typed event of shop.Everything."""

        id: EventField[int | None]
        truth: EventField[bool | None]
        day: EventField[_datetime.date | None]
        time: EventField[_datetime.time | None]
        duration: EventField[_datetime.timedelta | None]
        uuid: EventField[_uuid.UUID | None]
        document: EventField[Any]
        address: EventField[str | None]
        bytes: EventField[_builtins.bytes | memoryview | None]
        file: EventField[_django_db_models_fields_files.FieldFile]
        tags: EventField[list[str | None] | None]
        days: EventField[_psycopg_types_range.Range[_datetime.date] | None]
        twice: EventField[int | None]
        colour: EventField[_shop_models.Colour | None]
        mystery: EventField[Any]
        parent: EventField[_shop_models.Everything | None]
        parent_id: EventField[int | None]
        @property
        def shown_day(self) -> _datetime.date | None: ...
        def day_of(self, *args: Any, **kwargs: Any) -> _datetime.date | None: ...
        checked: ClassVar[Any]

        def revert(self, using: str | None = None) -> _shop_models.Everything: ...
        async def arevert(self, using: str | None = None) -> _shop_models.Everything: ...

    class OrderEvent(Event):
        """A typed event of shop.Order."""

        pgh_obj: EventField[_shop_models.Order | None]
        pgh_obj_id: EventField[int | None]
        id: EventField[int | None]
        customer: EventField[_shop_models.Customer | None]
        customer_id: EventField[int | None]
        status: EventField[str | None]
        def get_status_display(self) -> str | None: ...  # type: ignore[no-redef, unused-ignore]
        total: EventField[_decimal.Decimal | None]
        datetime: EventField[_datetime.datetime | None]

        def revert(self, using: str | None = None) -> _shop_models.Order: ...
        async def arevert(self, using: str | None = None) -> _shop_models.Order: ...

    class OrderLineEvent(Event):
        """A typed event of shop.OrderLine."""

        pgh_obj: EventField[_shop_models.OrderLine | None]
        pgh_obj_id: EventField[int | None]
        id: EventField[int | None]
        order: EventField[_shop_models.Order | None]
        order_id: EventField[int | None]
        quantity: EventField[int | None]

        def revert(self, using: str | None = None) -> _shop_models.OrderLine: ...
        async def arevert(self, using: str | None = None) -> _shop_models.OrderLine: ...

    class ProductEvent(Event):
        """A typed event of shop.Product."""

        pgh_obj: EventField[_shop_models.Product | None]
        pgh_obj_id: EventField[int | None]
        id: EventField[int | None]
        price: EventField[float | None]
        name: EventField[str | None]

        def revert(self, using: str | None = None) -> _shop_models.Product: ...
        async def arevert(self, using: str | None = None) -> _shop_models.Product: ...

    class SlotEvent(Event):
        """A typed event of shop.Slot."""

        pgh_obj_site: EventField[_shop_models.Stock | None]
        pgh_obj_site_id: EventField[str | None]
        pgh_obj_day: EventField[_datetime.date | None]
        pgh_obj: EventField[_shop_models.Slot | None]
        site: EventField[_shop_models.Stock | None]
        site_id: EventField[str | None]
        day: EventField[_datetime.date | None]

        def revert(self, using: str | None = None) -> _shop_models.Slot: ...
        async def arevert(self, using: str | None = None) -> _shop_models.Slot: ...

    class StockLevelEvent(Event):
        """A typed event of shop.Stock."""

        pgh_obj: EventField[_shop_models.Stock | None]
        pgh_obj_id: EventField[str | None]
        level: EventField[int | None]

        def revert(self, using: str | None = None) -> _shop_models.Stock: ...
        async def arevert(self, using: str | None = None) -> _shop_models.Stock: ...

    class StockRowEvent(Event):
        """A typed event of shop.Stock."""

        pgh_obj: EventField[_shop_models.Stock | None]
        pgh_obj_id: EventField[str | None]
        site: EventField[str | None]
        level: EventField[int | None]

        def revert(self, using: str | None = None) -> _shop_models.Stock: ...
        async def arevert(self, using: str | None = None) -> _shop_models.Stock: ...

else:
    from functools import partial

    from pgaudit_log.declaring.types_modules import event_class

    # The classes are made as models are tracked.
    __getattr__ = partial(event_class, __name__, "shop")
