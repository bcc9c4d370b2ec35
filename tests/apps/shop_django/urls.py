# Routes and views of the Django application of the tests.
import time

from django.http import HttpResponse
from django.urls import path


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
