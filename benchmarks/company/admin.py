"""Each model has an admin, as Django makes it."""

from django.contrib import admin

from benchmarks.company.models import MODELS

admin.site.register(MODELS)
