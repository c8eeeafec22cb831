"""A large text beside a counter, tracked with `large=` and without."""

from __future__ import annotations

from django.db import models

import pgaudit_log


class _Document(models.Model):
    body = models.TextField()
    counter = models.IntegerField(default=0)

    class Meta:
        abstract = True
        app_label = "documents"


@pgaudit_log.track()
class Plain(_Document):
    def __str__(self) -> str:
        return f"Plain {self.pk}"


@pgaudit_log.track(large=["body"])
class Large(_Document):
    def __str__(self) -> str:
        return f"Large {self.pk}"


class _Person(models.Model):
    name = models.CharField(max_length=50)
    email = models.CharField(max_length=100)
    phone = models.CharField(max_length=30)
    visits = models.IntegerField(default=0)

    class Meta:
        abstract = True
        app_label = "documents"


@pgaudit_log.track()
class Shown(_Person):
    def __str__(self) -> str:
        return f"Shown {self.pk}"


@pgaudit_log.track(mask=["email"])
class Marked(_Person):
    def __str__(self) -> str:
        return f"Marked {self.pk}"


@pgaudit_log.track(mask_hash=["email"])
class Hashed(_Person):
    def __str__(self) -> str:
        return f"Hashed {self.pk}"
