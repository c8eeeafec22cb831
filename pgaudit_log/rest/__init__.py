"""The JSON API of the trail and of timelines, for Django REST framework: read only.

It needs the extra ``rest``: ``pip install "django-pgaudit-log[rest]"``.
"""

from __future__ import annotations
