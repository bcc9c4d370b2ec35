# Settings of the shop; passwords come from the environment.
import os
from urllib.parse import quote


def secret(name):
    return quote(os.environ[name], safe="")


SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
INSTALLED_APPS = ["shop"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
# First, so that it times the others too. It tells the agent at 127.0.0.1:4318, which shares this container's network.
MIDDLEWARE = ["farol_wsgi.DjangoMiddleware", "django.middleware.common.CommonMiddleware"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "postgres",
        "NAME": "shop",
        "USER": "shop",
        "PASSWORD": os.environ["POSTGRES_PASSWORD"],
        "CONN_MAX_AGE": 60,
    }
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": f"redis://:{secret('REDIS_PASSWORD')}@redis:6379/0",
    }
}
CELERY_BROKER_URL = f"amqp://shop:{secret('RABBITMQ_PASSWORD')}@rabbitmq:5672//"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SEND_SENT_EVENT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
