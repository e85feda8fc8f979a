"""Says hello, and how it was set up."""

import http.server
import json
import os

VERSION = 1


class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = {
            "version": VERSION,
            "greeting": os.environ["GREETING"],
            "token": bool(os.environ.get("HELLO_TOKEN")),
            "pid": os.getpid(),
        }
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


print(f"hello, version {VERSION}", flush=True)  # noqa: T201 (what its log shows)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Hello).serve_forever()
