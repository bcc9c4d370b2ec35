# Routes and views of the shop.
import time

from django.core.cache import cache
from django.http import Http404, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_POST

from .jobs import send_receipt
from .models import Order

ARTICLES = ["lamp", "lens", "mirror"]


def health(request):
    return HttpResponse("ok")


def articles(request):
    """The catalogue with how often each article was ordered, which is counted anew every few seconds."""
    counts = cache.get("articles")
    if counts is None:
        counts = {article: Order.objects.filter(article=article).count() for article in ARTICLES}
        cache.set("articles", counts, timeout=5)
    return JsonResponse(counts)


@require_POST
def order(request, article):
    if article not in ARTICLES:
        raise Http404
    made = Order.objects.create(article=article)
    send_receipt.delay(made.id)
    return JsonResponse({"order": made.id}, status=201)


def one_order(request, number):
    found = Order.objects.filter(id=number).first()
    if found is None:
        raise Http404
    return JsonResponse({"article": found.article, "is_done": found.is_done})


def report(request):
    """A slow page, for the list of slow requests."""
    time.sleep(0.8)
    return JsonResponse({"orders": Order.objects.count()})


def broken(request):
    """A page that fails, for the list of errors."""
    raise ValueError("this page is broken on purpose")


urlpatterns = [
    path("health", health),
    path("articles", articles),
    path("articles/<str:article>/orders", order),
    path("orders/<int:number>", one_order),
    path("report", report),
    path("broken", broken),
]
