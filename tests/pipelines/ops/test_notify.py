"""What people are told about a night, and over which connection."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from pipelines.errors import LoyaltyError
from pipelines.ops.notify import NightNotifier, message

FAILED = {
    "task_instance": SimpleNamespace(task_id="staging.receipts"),
    "dag_run": SimpleNamespace(run_id="scheduled__2017-12-01"),
    "exception": "receipts.csv.gz: the compressed file is cut off. Deliver it again.",
}


def test_a_failure_says_what_happened_to_which_source_and_what_to_do():
    subject, text = message("failed", FAILED)
    assert subject == "Loyalty: the night failed at receipts"
    assert "receipts.csv.gz: the compressed file is cut off. Deliver it again." in text
    assert "scheduled__2017-12-01" in text
    assert "what the night before published" in text


def test_a_failure_after_publishing_says_that_the_night_is_published():
    _, text = message("failed", FAILED | {"task_instance": SimpleNamespace(task_id="write_report")})
    assert text.endswith("The night's warehouse is published already.")


def test_a_night_that_is_through_says_what_to_look_at():
    subject, text = message("warned", FAILED, ["receipts: 3 of 9 rows rejected", "nights to be run again: 2017-11-30"])
    assert subject == "Loyalty: the night is through, with 2 things to look at"
    assert text.splitlines() == [
        "Run scheduled__2017-12-01 is finished. To look at:",
        "- receipts: 3 of 9 rows rejected",
        "- nights to be run again: 2017-11-30",
    ]


def test_a_late_night_says_which_run():
    subject, text = message("late", {"dag_run": {"dag_run_id": "scheduled__2017-12-01"}})
    assert subject == "Loyalty: tonight has not published in time"
    assert "scheduled__2017-12-01" in text


@pytest.fixture
def webhook():
    """A server that answers with `status` and keeps what it was sent."""
    received = []

    class Handler(BaseHTTPRequestHandler):
        status = 200

        def do_POST(self):
            received.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(Handler.status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield SimpleNamespace(port=server.server_port, received=received, handler=Handler)
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_gets_subject_and_text(webhook, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_NIGHT", f"http://127.0.0.1:{webhook.port}/hooks")
    NightNotifier("night", None, "failed").notify(FAILED)
    [(path, sent)] = webhook.received
    assert path == "/hooks"
    assert sent["text"] == "\n".join(message("failed", FAILED))


def test_a_deadline_awaits_the_notifier_with_a_context_of_plain_values(webhook, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_NIGHT", f"http://127.0.0.1:{webhook.port}/hooks")
    run = {"dag_run": {"dag_run_id": "scheduled__2017-12-01"}, "deadline": {"id": "1"}}

    async def missed():
        await NightNotifier(connection_id="night", to=None, event="late", context=run)

    asyncio.new_event_loop().run_until_complete(missed())
    assert "scheduled__2017-12-01" in webhook.received[0][1]["text"]


def test_a_webhook_that_refuses_is_an_error_without_its_secret_address(webhook, monkeypatch):
    webhook.handler.status = 403
    monkeypatch.setenv("AIRFLOW_CONN_NIGHT", f"http://127.0.0.1:{webhook.port}/secret")
    with pytest.raises(LoyaltyError, match="connection night: HTTPStatusError, nobody was told") as error:
        NightNotifier("night", None, "failed").notify(FAILED)
    assert "secret" not in str(error.value)


def test_an_smtp_connection_gets_an_e_mail_without_markup_from_data(monkeypatch):
    sent = []

    class Mail:
        def __init__(self, **options):
            sent.append(options)

        def notify(self, context):
            pass

    monkeypatch.setattr("airflow.providers.smtp.notifications.smtp.SmtpNotifier", Mail)
    monkeypatch.setenv("AIRFLOW_CONN_NIGHT", "smtp://localhost:25")
    NightNotifier("night", "data@example.com", "failed").notify(FAILED | {"exception": "<b>bad</b>"})
    assert sent[0]["to"] == "data@example.com"
    assert sent[0]["smtp_conn_id"] == "night"
    assert "&lt;b&gt;bad&lt;/b&gt;" in sent[0]["html_content"]
