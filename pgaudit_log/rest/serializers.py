"""Serializers: what the fields of an event are, for the API and its schema."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from pgaudit_log.constants import OPERATIONS
from pgaudit_log.rest.json_values import KINDS


class ValueSerializer(serializers.Serializer):
    """A value: ``kind`` says whether it is one, ``value`` is it as JSON, ``text`` as people read it."""

    kind = serializers.ChoiceField(choices=KINDS, read_only=True)
    value = serializers.JSONField(read_only=True, allow_null=True)
    text = serializers.CharField(read_only=True)


class FieldValueSerializer(serializers.Serializer):
    """A field of a row."""

    # `field` and `label` would be the serializer's own.
    def get_fields(self) -> dict[str, Any]:
        """Return the fields."""
        return {
            "field": serializers.CharField(read_only=True),
            "label": serializers.CharField(read_only=True),
            "value": ValueSerializer(read_only=True),
        }


class ChangeSerializer(serializers.Serializer):
    """A field that changed; ``old`` is null of what was added, ``new`` of what was deleted."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields."""
        return {
            "field": serializers.CharField(read_only=True),
            "label": serializers.CharField(read_only=True),
            "old": ValueSerializer(read_only=True, allow_null=True),
            "new": ValueSerializer(read_only=True, allow_null=True),
            "delta": serializers.CharField(read_only=True),
            "is_in_model": serializers.BooleanField(read_only=True),
        }


class PersonSerializer(serializers.Serializer):
    """A user, called as at the time."""

    key = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True, allow_null=True)


class EventSerializer(serializers.Serializer):
    """An event, as far as the person who asks may see it."""

    id = serializers.IntegerField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    operation = serializers.ChoiceField(choices=list(OPERATIONS.items()), read_only=True)
    operation_text = serializers.CharField(read_only=True)
    model = serializers.CharField(read_only=True)
    kind = serializers.CharField(read_only=True)
    key = serializers.CharField(read_only=True, allow_null=True)
    object = serializers.CharField(read_only=True)
    is_restricted = serializers.BooleanField(read_only=True)
    tracker = serializers.CharField(read_only=True)
    transaction = serializers.IntegerField(read_only=True)
    who = serializers.CharField(read_only=True)
    actor = PersonSerializer(read_only=True, allow_null=True)
    on_behalf_of = PersonSerializer(read_only=True, allow_null=True)
    reason = serializers.CharField(read_only=True)
    request = serializers.CharField(read_only=True)
    context_id = serializers.UUIDField(read_only=True, allow_null=True)
    role = serializers.CharField(read_only=True, allow_null=True)
    changes = ChangeSerializer(many=True, read_only=True)

    def get_fields(self) -> dict[str, Any]:
        """Return the fields, with the context, which is the name of a serializer's own."""
        context = serializers.JSONField(read_only=True, allow_null=True)
        return {**super().get_fields(), "context": context}


class TimelineEventSerializer(EventSerializer):
    """An event of an object's timeline, or of a row that belongs to it."""

    is_part = serializers.BooleanField(read_only=True)


class EventDetailSerializer(EventSerializer):
    """One event, with the whole row as it left it."""

    row = FieldValueSerializer(many=True, read_only=True)
