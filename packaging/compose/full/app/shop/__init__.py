# A small shop: Django keeps orders in PostgreSQL and its catalogue in Redis, Celery sends receipts through RabbitMQ.
from .jobs import app as celery

__all__ = ["celery"]
