"""A web server on loopback that does what servers do on bad days."""

import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = bytes(range(256)) * 4096
"""1 MiB, which is more than one packet."""
HALF = len(CONTENT) // 2


def whole(content=CONTENT, **headers):
    """Answers as one would wish; with `ETag`, ranges work too."""

    def answer(handler):
        start = 0
        wanted = handler.headers.get("Range")
        if wanted and "ETag" in headers and handler.headers.get("If-Range") == headers["ETag"]:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            handler.send_response(200)
        handler.start(len(content) - start, headers)
        handler.send(content[start:])

    return answer


def cut(content=CONTENT, after=HALF, **headers):
    """Announces all, and hangs up halfway."""

    def answer(handler):
        handler.send_response(200)
        handler.start(len(content), headers)
        handler.send(content[:after])

    return answer


def chunked(content=CONTENT, *, ends=True, **headers):
    """Announces no length; or hangs up before the last chunk."""

    def answer(handler):
        handler.send_response(200)
        handler.start(None, {"Transfer-Encoding": "chunked"} | headers)
        handler.send(b"%x\r\n%s\r\n" % (len(content), content))
        if ends:
            handler.send(b"0\r\n\r\n")

    return answer


def unannounced(content=CONTENT):
    """Announces nothing; the end of the connection is the end of the file."""

    def answer(handler):
        handler.send_response(200)
        handler.start(None, {})
        handler.send(content)

    return answer


def status(code, **headers):
    def answer(handler):
        handler.send_response(code)
        handler.start(0, headers)

    return answer


def trickle(content=CONTENT, *, pause=0.02):
    """Some bytes now and then."""

    def answer(handler):
        handler.send_response(200)
        handler.start(len(content), {})
        for start in range(0, len(content), 64):
            handler.send(content[start : start + 64])
            time.sleep(pause)

    return answer


def silent(seconds):
    """Accepts, and says nothing."""

    def answer(handler):
        time.sleep(seconds)

    return answer


def announces(length):
    """Promises so many bytes, and sends a few."""
    return cut(b"x" * 100, after=100, **{"Content-Length": length})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def start(self, length, headers):
        if length is not None:
            headers = {"Content-Length": length} | headers
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.send_header("Connection", "close")
        self.end_headers()

    def send(self, content):
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_GET(self):
        self.close_connection = True
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        answers = self.server.answers[self.path]
        answer = answers.pop(0) if self.command == "GET" and len(answers) > 1 else answers[0]
        with suppress(BrokenPipeError, ConnectionResetError):  # who asked has gone
            answer(self)

    def do_HEAD(self):
        self.do_GET()

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    """Gives each address its answers one after the other, the last one for ever."""

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.requests = {}, []
        threading.Thread(target=self.serve_forever, args=[0.01], daemon=True).start()

    def gives(self, path, *answers):
        """The address at which these answers are given."""
        self.answers[f"/{path}"] = list(answers)
        return f"http://127.0.0.1:{self.server_port}/{path}"

    @property
    def downloads(self):
        """Headers of all that was asked for, without questions about sizes."""
        return [headers for command, _, headers in self.requests if command == "GET"]
