"""What an attacker would write wherever anything can be written."""

from __future__ import annotations

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}\u202e"
