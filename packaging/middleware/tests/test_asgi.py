# Tests of the ASGI middleware, with the standard library only: python3 -m unittest discover packaging/middleware/tests
import asyncio
import os
import sys
import types
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))

import farol_asgi  # noqa: E402
import test_wsgi  # noqa: E402
from test_wsgi import TRACE, Kept  # noqa: E402


def scope(**more):
    headers = [(b"traceparent", TRACE.encode()), (b"x-tenant", b"acme")]
    return {"type": "http", "method": "GET", "path": "/users/7", "root_path": "", "headers": headers, **more}


def start(status=200):
    return {"type": "http.response.start", "status": status, "headers": []}


def body(more=False):
    return {"type": "http.response.body", "body": b"a", "more_body": more}


class Asgi(unittest.TestCase):
    def setUp(self):
        self.kept = Kept()

    def run_app(self, app, made=None, **options):
        async def send(message):
            pass

        asyncio.run(farol_asgi.Middleware(app, sender=self.kept, **options)(made or scope(), None, send))

    def test_a_request_is_told_when_its_body_has_been_sent(self):
        async def app(made, receive, send):
            made["route"] = types.SimpleNamespace(path="/users/{id:int}")
            await send(start(201))
            await send(body(True))
            self.assertEqual(self.kept.records, [])
            await send(body())
            self.assertEqual(len(self.kept.records), 1, "what comes after the answer is none of its time")

        self.run_app(app, tenant="X-Tenant", user=lambda made: 42)
        (told,) = self.kept.records
        self.assertGreaterEqual(told.pop("duration_ms"), 0)
        told.pop("at")
        self.assertEqual(
            told,
            {"method": "GET", "route": "/users/{id}", "path": "/users/7", "status": 201, "tenant": "acme", "user": "42",
             "trace_id": "0af7651916cd43dd8448eb211c80319c"},
        )

    def test_an_exception_passes_and_is_named(self):
        async def early(made, receive, send):
            raise KeyError("x")

        async def answered(made, receive, send):
            await send(start(500))
            await send(body())
            raise ValueError

        for app, error in [(early, KeyError), (answered, ValueError)]:
            with self.assertRaises(error):
                self.run_app(app)
        self.assertEqual([(r["status"], r["exception"]) for r in self.kept.records], [(500, "KeyError"), (500, "ValueError")])

    def test_other_than_requests_pass_untouched(self):
        seen = []

        async def app(made, receive, send):
            seen.append(made["type"])

        for kind in ("lifespan", "websocket"):
            self.run_app(app, {"type": kind})
        self.assertEqual((seen, self.kept.records), (["lifespan", "websocket"], []))

    def test_routes_are_found_through_mounts(self):
        def endpoint():
            pass

        inner = types.SimpleNamespace(endpoint=endpoint, path="/users/{id}")
        mount = types.SimpleNamespace(path="/api", routes=[inner])
        app = types.SimpleNamespace(routes=[mount])
        made = scope(app=app, endpoint=endpoint, root_path="/prefix/api")
        self.assertEqual(farol_asgi.route_of(made, "/prefix"), "/api/users/{id}")
        self.assertEqual(farol_asgi.route_of(scope(), ""), "")
        self.assertEqual(farol_asgi.route_of(scope(route=types.SimpleNamespace(path="/")), ""), "/")

    def test_nothing_of_ours_fails_a_request(self):
        async def app(made, receive, send):
            await send(start())
            await send(body())

        def wrong(made):
            raise RuntimeError

        self.run_app(app, scope(headers=None), tenant=wrong, user="X-User")
        self.assertEqual(len(self.kept.records), 1)


class Senders(test_wsgi.Senders):
    def module(self):
        return farol_asgi


if __name__ == "__main__":
    unittest.main()
