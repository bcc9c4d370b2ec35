# Tests of the WSGI and Django middleware, with the standard library only: python3 -m unittest discover packaging/middleware/tests
import io
import os
import socket
import sys
import tempfile
import threading
import time
import types
import unittest
from wsgiref.util import FileWrapper, setup_testing_defaults

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))

import farol_wsgi  # noqa: E402
from agent import Datagrams, Tcp, wait_for  # noqa: E402

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Kept:
    def __init__(self):
        self.records = []

    def send(self, record):
        self.records.append(record)


def environ(**more):
    made = {}
    setup_testing_defaults(made)
    made.update(PATH_INFO="/users/7", HTTP_TRACEPARENT=TRACE, **more)
    return made


def start_response(status, headers, exc_info=None):
    return lambda data: None


class Wsgi(unittest.TestCase):
    def setUp(self):
        self.kept = Kept()

    def run_app(self, app, env=None, **options):
        return farol_wsgi.Middleware(app, sender=self.kept, **options)(env or environ(), start_response)

    def test_a_request_is_told_when_its_body_ends(self):
        def app(env, start):
            env["farol.route"] = "/users/<int:id>"
            start("201 Created", [])
            yield b"a"
            yield b"b"

        body = self.run_app(app, environ(HTTP_X_TENANT="acme"), tenant="X-Tenant", user=lambda env: 42)
        self.assertEqual([next(body), next(body)], [b"a", b"b"])
        self.assertEqual(self.kept.records, [])
        self.assertEqual(list(body), [])
        body.close()
        (told,) = self.kept.records
        self.assertGreaterEqual(told.pop("duration_ms"), 0)
        self.assertLess(abs(told.pop("at") - time.time() * 1000), 60_000)
        self.assertEqual(
            told,
            {"method": "GET", "route": "/users/{id}", "path": "/users/7", "status": 201, "tenant": "acme", "user": "42",
             "trace_id": "0af7651916cd43dd8448eb211c80319c"},
        )

    def test_an_exception_passes_and_is_named(self):
        def early(env, start):
            raise KeyError("x")

        with self.assertRaises(KeyError):
            self.run_app(early)

        def late(env, start):
            start("200 OK", [])
            yield b"a"
            raise ValueError

        with self.assertRaises(ValueError):
            list(self.run_app(late))
        self.assertEqual([(r["status"], r["exception"]) for r in self.kept.records], [(500, "KeyError"), (200, "ValueError")])

    def test_a_closed_body_is_told_once_and_closed(self):
        closed = []

        class Answer:
            def __iter__(self):
                return iter([b"a"])

            def close(self):
                closed.append(1)

        def app(env, start):
            start("200 OK", [])
            return Answer()

        self.run_app(app).close()
        self.assertEqual((len(self.kept.records), closed), (1, [1]))

    def test_a_file_stays_one_that_the_server_can_send_by_itself(self):
        def app(env, start):
            start("200 OK", [])
            return env["wsgi.file_wrapper"](io.BytesIO(b"x"))

        body = self.run_app(app, environ(**{"wsgi.file_wrapper": FileWrapper}))
        self.assertIsInstance(body, FileWrapper)
        self.assertEqual(len(self.kept.records), 1)

    def test_nothing_of_ours_fails_a_request(self):
        class Broken:
            def send(self, record):
                raise RuntimeError

        def app(env, start):
            start("200 OK", [])
            return [b"a"]

        def wrong(env):
            raise RuntimeError

        body = farol_wsgi.Middleware(app, tenant=wrong, sender=Broken())(environ(), start_response)
        self.assertEqual((len(body), list(body)), (1, [b"a"]))

    def test_routes_are_written_with_braces(self):
        for route, expected in [
            ("users/<int:id>/", "/users/{id}/"),
            ("users/<id>", "/users/{id}"),
            (r"^users/(?P<id>[0-9]+(a|b))/(?P<what>\w+)/$", "/users/{id}/{what}/"),
            ("", "/"),
            ("/a/<path:rest>", "/a/{rest}"),
        ]:
            self.assertEqual(farol_wsgi.normalise(route), expected)

    def test_trace_ids(self):
        self.assertEqual(farol_wsgi.trace_id(TRACE), "0af7651916cd43dd8448eb211c80319c")
        for wrong in [None, "", "x", "00-" + "0" * 32 + "-b7ad6b7169203331-01", TRACE.upper()]:
            self.assertIsNone(farol_wsgi.trace_id(wrong))


class Django(unittest.TestCase):
    def request(self):
        match = types.SimpleNamespace(route="users/<int:id>/")
        return types.SimpleNamespace(META=environ(), method="POST", path="/users/7/", resolver_match=match)

    def middleware(self, answer):
        made = farol_wsgi.DjangoMiddleware(answer)
        made.sender = Kept()
        return made

    def test_a_view_is_told_with_its_route_and_exception(self):
        response = types.SimpleNamespace(status_code=500)
        made = self.middleware(lambda request: response)
        request = self.request()
        made.process_exception(request, ZeroDivisionError())
        self.assertIs(made(request), response)
        (told,) = made.sender.records
        self.assertEqual(
            (told["method"], told["route"], told["path"], told["status"], told["exception"]),
            ("POST", "/users/{id}/", "/users/7/", 500, "ZeroDivisionError"),
        )

    def test_a_streamed_answer_is_told_when_it_closes(self):
        closed = []
        response = types.SimpleNamespace(status_code=200, streaming=True, close=lambda: closed.append(1))
        made = self.middleware(lambda request: response)
        made(self.request())
        self.assertEqual(made.sender.records, [])
        response.close()
        response.close()
        self.assertEqual((len(made.sender.records), closed), (1, [1, 1]))

    def test_an_asynchronous_view_is_told_too(self):
        import asyncio

        async def view(request):
            return types.SimpleNamespace(status_code=204)

        made = self.middleware(view)
        self.assertEqual(asyncio.run(made(self.request())).status_code, 204)
        self.assertEqual(made.sender.records[0]["status"], 204)


class Senders(unittest.TestCase):
    """The sender is the same in both files."""

    def module(self):
        return farol_wsgi

    def sender(self, path, http):
        made = self.module().Sender(path, http)
        self.addCleanup(made.close)
        return made

    def test_datagrams_reach_the_agent_from_threads_and_forks(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "farol.sock")
            sender = self.sender(path, "127.0.0.1:1")
            sender.send({"n": 0})  # nobody there: dropped
            with Datagrams(path) as agent:
                sender.again_at = 0.0
                threads = [threading.Thread(target=sender.send, args=({"n": n},)) for n in range(1, 5)]
                for thread in threads:
                    thread.start()
                    thread.join()
                child = os.fork()
                if child == 0:
                    sender.send({"n": 5})
                    os._exit(0)
                os.waitpid(child, 0)
                wait_for(lambda: len(agent.records) >= 5)
                self.assertEqual(sorted(record["n"] for record in agent.records), [1, 2, 3, 4, 5])

    def test_a_burst_waits_for_an_agent_that_is_busy(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "farol.sock")
            sender = self.sender(path, "127.0.0.1:1")
            with Datagrams(path) as agent:
                agent.is_reading.clear()
                threads = [threading.Thread(target=lambda: [sender.send({"n": n}) for n in range(250)]) for _ in range(4)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                agent.is_reading.set()
                wait_for(lambda: len(agent.records) >= 1000)
                self.assertEqual(sorted(record["n"] for record in agent.records), sorted(list(range(250)) * 4))

    def test_an_agent_that_comes_back_is_found(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "farol.sock")
            sender = self.sender(path, "127.0.0.1:1")
            for number in range(2):
                with Datagrams(path) as agent:
                    sender.again_at = 0.0
                    sender.send({"n": number})
                    wait_for(lambda: agent.records)
                sender.send({"n": "lost"})
                self.assertIsNone(sender.socket)

    def test_a_full_agent_costs_records_not_time(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "farol.sock")
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
                deaf.bind(path)
                sender = self.sender(path, "127.0.0.1:1")
                for number in range(5_000):
                    sender.send({"n": number})
                self.assertIsNotNone(sender.socket)

    def test_without_a_socket_requests_go_over_one_connection(self):
        with Tcp() as agent:
            sender = self.sender("/no/such/socket", "127.0.0.1:%d" % agent.port)
            for number in range(100):
                sender.send({"n": number})
            wait_for(lambda: (sender.send({"n": -1}), len(agent.records) > 100)[1])
            numbers = [record["n"] for record in agent.records if record["n"] >= 0]
            self.assertEqual((numbers, agent.connections), (list(range(100)), 1))

    def test_a_slow_connection_is_bounded(self):
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen()
            sender = self.sender("/no/such/socket", "127.0.0.1:%d" % deaf.getsockname()[1])
            for _ in range(20_000):
                sender.send({"x": "y" * 1000})
            self.assertLess(len(sender.queue), self.module().QUEUE_MAX)

    def test_what_is_too_long_or_no_json_is_dropped(self):
        sender = self.sender("/no/such/socket", "nonsense")
        sender.send({"x": "y" * 10_000})
        sender.send({("a", "b"): 1})
        sender.send({"x": float("nan")})


if __name__ == "__main__":
    unittest.main()
