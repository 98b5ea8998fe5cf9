"""Serves prices with tax: GET /19.99 gives what to pay."""

from decimal import InvalidOperation
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prices import with_tax


class Prices(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            status, text = 200, f"{with_tax(self.path.strip('/') or '1')}\n"
        except InvalidOperation:
            status, text = 400, "not a price\n"
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8000), Prices).serve_forever()
