# A small real Django application for the tests: one route that answers, one with a number, one that is slow, one that fails.
import os
import time

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

middleware = os.environ.get("SHOP_MIDDLEWARE", "")
settings.configure(
    ALLOWED_HOSTS=["*"],
    DEBUG=False,
    MIDDLEWARE=[middleware] if middleware else [],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for tests",
)


def hello(request):
    return HttpResponse("hello")


def user(request, number):
    return HttpResponse(f"user {number}")


def slow(request):
    time.sleep(0.6)
    return HttpResponse("at last")


def boom(request):
    raise KeyError("missing on purpose")


urlpatterns = [
    path("hello", hello),
    path("users/<int:number>", user),
    path("slow", slow),
    path("boom", boom),
]
application = get_wsgi_application()
