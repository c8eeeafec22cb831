"""Views that write, as an application's do."""

from __future__ import annotations

from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from tests.shop.models import Customer


def create_customer(request: HttpRequest) -> HttpResponse:
    customer = Customer.objects.create(name="Ana")
    return HttpResponse(str(customer.pk))


async def create_customer_async(request: HttpRequest) -> HttpResponse:
    customer = await Customer.objects.acreate(name="Ana")
    return HttpResponse(str(customer.pk))


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(Customer.objects.count()))


def log_in_and_write(request: HttpRequest) -> HttpResponse:
    login(request, User.objects.get(username=request.GET["username"]))
    return create_customer(request)
