# Settings of the Django application of the tests. SHOP_MIDDLEWARE names one more middleware.
import os

ALLOWED_HOSTS = ["*"]
MIDDLEWARE = [name for name in [os.environ.get("SHOP_MIDDLEWARE")] if name]
ROOT_URLCONF = "shop_django.urls"
SECRET_KEY = "only for tests"
