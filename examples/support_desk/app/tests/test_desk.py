"""The desk against the server that the environment names; it has to stand on this machine.

    python -m unittest discover -t . -s app
"""

import http.server
import json
import tempfile
import threading
import unittest
from pathlib import Path

from app import desk, index
from app.clients import make_client

TICKET = {"id": "7", "customer": "customer-118", "text": "Where is my order LN-2041?"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)


def setUpModule():
    host = make_client().base_url.host
    if host not in ("127.0.0.1", "localhost"):
        raise RuntimeError(f"these tests would call {host}: point the environment at a test server")


class DeskTest(unittest.TestCase):
    def setUp(self):
        self.client = make_client()
        self.addCleanup(self.client.close)

    def test_triage_answers_in_our_categories(self):
        found = desk.triage(self.client, TICKET)
        self.assertIn(found["category"], desk.CONFIG["categories"])
        self.assertIn(found["urgency"], range(1, 6))

    def test_reply_looks_the_order_up(self):
        self.assertIn("DHL", desk.reply(self.client, TICKET))

    def test_reply_without_an_order_needs_no_tool(self):
        self.assertIn("hello", desk.reply(self.client, {**TICKET, "text": "hello there"}))

    def test_a_return_is_filed(self):
        ticket = {**TICKET, "text": "I want to return LN-2042, the stove came broken."}
        self.assertEqual({"return": "RT-2042", "reason": "broken"}, desk.file_return(self.client, ticket))

    def test_a_summary_comes(self):
        self.assertTrue(desk.summarise(self.client, ["The pole broke.", "We sent a new one."]))

    def test_a_screenshot_is_read(self):
        self.assertIn("image", desk.read_screenshot(self.client, PNG))

    def test_handle_gives_triage_and_reply(self):
        self.assertEqual({"triage", "reply"}, desk.handle(self.client, TICKET).keys())


class IndexTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "index.json"
        self.client = make_client()
        self.addCleanup(self.client.close)

    def test_the_nearest_article_comes_first(self):
        self.assertEqual(5, index.rebuild(self.client, self.path))
        self.assertIn("mild soap", index.search(self.client, "how do I wash the tent", self.path)[0])

    def test_the_file_names_its_model(self):
        index.rebuild(self.client, self.path)
        built = json.loads(self.path.read_text(encoding="utf-8"))
        self.assertEqual(index.EMBEDDING_MODEL, built["model"])
        self.assertEqual(built["dimensions"], len(built["rows"][0]["vector"]))

    def test_vectors_of_another_model_are_refused(self):
        index.rebuild(self.client, self.path)
        built = json.loads(self.path.read_text(encoding="utf-8"))
        self.path.write_text(json.dumps({**built, "model": "another"}), encoding="utf-8")
        with self.assertRaises(index.StaleIndexError):
            index.search(self.client, "tent", self.path)

    def test_a_typed_reply_comes_in_pieces(self):
        index.rebuild(self.client, self.path)
        pieces = list(desk.type_reply(self.client, "how do I wash the tent?", self.path))
        self.assertGreater(len(pieces), 1)
        self.assertIn("wash the tent", "".join(pieces))


class Failing(http.server.BaseHTTPRequestHandler):
    status, error = 500, {}

    def do_POST(self):
        body = json.dumps({"error": self.error}).encode()
        self.send_response(self.status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class FailureTest(unittest.TestCase):
    def failure(self, status, **error):
        handler = type("Handler", (Failing,), {"status": status, "error": {"message": "no", **error}})
        with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_address[1]}"
            with make_client().with_options(base_url=url, max_retries=0) as client:
                with self.assertRaises(desk.DeskError) as caught:
                    desk.handle(client, TICKET)
            server.shutdown()
        return caught.exception

    def test_a_rate_limit_is_tried_again_later(self):
        self.assertTrue(self.failure(429, code="rate_limit_exceeded").retry)

    def test_an_empty_account_is_not(self):
        self.assertFalse(self.failure(429, code="insufficient_quota").retry)

    def test_a_filtered_ticket_goes_to_a_person(self):
        self.assertIn("person", str(self.failure(400, code="content_filter")))


if __name__ == "__main__":
    unittest.main()
