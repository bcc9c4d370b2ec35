# What the shop keeps.
from django.db import models


class Order(models.Model):
    """One order of one article."""

    article = models.CharField(max_length=60)
    is_done = models.BooleanField(default=False)

    class Meta:
        app_label = "shop"
