# A stand-in for the agent's receivers in the tests of the middlewares.
import json
import os
import socket
import threading
import time


def wait_for(is_so):
    """Waits until something holds."""
    until = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.005)


class Datagrams:
    def __init__(self, path):
        self.path, self.records = path, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(0.05)
        self.is_open = True
        self.is_reading = threading.Event()
        self.is_reading.set()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while self.is_open:
            self.is_reading.wait()
            try:
                told = json.loads(self.socket.recv(65536))
                self.records.extend(told if isinstance(told, list) else [told])
            except TimeoutError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_open = False
        self.thread.join()
        self.socket.close()
        os.unlink(self.path)


class Tcp:
    def __init__(self):
        self.records, self.connections = [], 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as stream:
            while True:
                try:
                    line = stream.readline()
                except ConnectionResetError:
                    return
                if not line:
                    return
                assert line == b"POST /v1/requests HTTP/1.1\r\n", line
                length = 0
                while (line := stream.readline()) not in (b"\r\n", b""):
                    if line.startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                self.records.append(json.loads(stream.read(length)))
                try:
                    connection.sendall(b'HTTP/1.1 202 Accepted\r\ncontent-length: 14\r\n\r\n{"accepted":1}')
                except OSError:
                    return  # the test is over

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
