"""The admin of the shop. What is changed in it is captured like any other change."""

from __future__ import annotations

from django.contrib import admin

from example_project.shop.models import Customer, Order, OrderLine, Product


class OrderLineInline(admin.TabularInline):
    model = OrderLine
    autocomplete_fields = ("product",)
    extra = 0


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    list_display = ("id", "customer", "status", "placed_on")
    list_filter = ("status",)
    inlines = (OrderLineInline,)


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    list_display = ("name", "email", "city", "country")
    search_fields = ("name", "email")


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ("name", "artist", "genre", "price")
    search_fields = ("name", "artist")
