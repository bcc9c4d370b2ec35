# A small real FastAPI application for the tests, with the same routes as the Django one.
import asyncio
import os

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

app = FastAPI()
if os.environ.get("SHOP_MIDDLEWARE"):
    from farol_asgi import Middleware

    app.add_middleware(Middleware)


@app.get("/hello", response_class=PlainTextResponse)
async def hello():
    return "hello"


@app.get("/users/{number}", response_class=PlainTextResponse)
async def user(number: int):
    return f"user {number}"


@app.get("/slow", response_class=PlainTextResponse)
async def slow():
    await asyncio.sleep(0.6)
    return "at last"


@app.get("/boom", response_class=PlainTextResponse)
async def boom():
    raise KeyError("missing on purpose")
