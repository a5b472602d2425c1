"""Telling people about a night, over an Airflow connection: an e-mail (type smtp) or a webhook (any other type)."""

import asyncio
import html
from collections.abc import Sequence
from typing import Literal

import httpx
from airflow.sdk import BaseHook, BaseNotifier, Connection, Context

from pipelines.errors import LoyaltyError

Event = Literal["failed", "late", "warned"]


class NightNotifier(BaseNotifier):  # type: ignore[misc]  # Airflow loads it lazily, unseen by mypy
    """Says what happened to a night and what to do.

    Args:
        connection_id: the Airflow connection to send over.
        to: receivers of the e-mail; a webhook has its own.
        event: failed: a task failed for good; late: the night has not published in time; warned: it is finished, and
            there is something to look at.
        context: of the run, where Airflow gives it beforehand (deadlines).
        found: what to look at after a finished night, in words.
    """

    template_fields: Sequence[str] = ()

    def __init__(
        self,
        connection_id: str,
        to: str | None,
        event: Event,
        context: "Context | None" = None,
        found: Sequence[str] = (),
    ) -> None:
        super().__init__(context)
        self.connection_id = connection_id
        self.to = to
        self.event = event
        self.found = found

    def notify(self, context: "Context") -> None:
        """Send the message now.

        Raises:
            LoyaltyError: the webhook can't be reached or refuses.
        """
        subject, text = message(self.event, context, self.found)
        connection = BaseHook.get_connection(self.connection_id)
        if connection.conn_type == "smtp":
            from airflow.providers.smtp.notifications.smtp import SmtpNotifier

            body = f"<pre>{html.escape(text)}</pre>"
            mail = SmtpNotifier(to=self.to or "", subject=subject, html_content=body, smtp_conn_id=self.connection_id)
            mail.notify(context)
        else:
            try:
                httpx.post(_url(connection), json={"text": f"{subject}\n{text}"}, timeout=10).raise_for_status()
            except httpx.HTTPError as error:  # its text holds the address, and that is a secret
                raise LoyaltyError(
                    f"connection {self.connection_id}: {type(error).__name__}, nobody was told"
                ) from None

    async def async_notify(self, context: "Context") -> None:
        """The same, from Airflow's triggerer, which watches deadlines."""
        await asyncio.to_thread(self.notify, context)


def _url(connection: Connection) -> str:
    """A webhook's address: the connection's host if that is a whole address, else put together from its parts."""
    host = connection.host or ""
    if "://" in host:
        return host
    port = f":{connection.port}" if connection.port else ""
    return f"{connection.conn_type}://{host}{port}/{connection.schema or ''}"


# Tasks that run after analysts see the night.
AFTER_PUBLISHING = ("export_campaigns", "write_report", "finish")


def message(event: Event, context: "Context", found: Sequence[str] = ()) -> tuple[str, str]:
    """Subject and text for people: what happened, to which source or table, and what to do."""
    if event == "warned":
        each = "\n".join(f"- {one}" for one in found)
        things = "1 thing" if len(found) == 1 else f"{len(found)} things"
        return (
            f"Loyalty: the night is through, with {things} to look at",
            f"Run {_run(context)} is finished. To look at:\n{each}",
        )
    stays = "Until then analysts and marketing tools keep what the night before published."
    if event == "late":
        return (
            "Loyalty: tonight has not published in time",
            f"The run {_run(context)} has not finished within its deadline. Look at its tasks in Airflow: one waits "
            f"for extracts, is being tried again, or runs long. {stays}",
        )
    task = context["task_instance"].task_id.rsplit(".", 1)[-1]
    if task in AFTER_PUBLISHING:
        stays = "The night's warehouse is published already."
    return (
        f"Loyalty: the night failed at {task}",
        f"Run {_run(context)}, task {task}:\n{context.get('exception') or 'no reason given; see the log of the task'}\n"
        f"Then clear the failed run from its first task on. {stays}",
    )


def _run(context: "Context") -> str:
    run = context.get("dag_run")
    return str(run["dag_run_id"] if isinstance(run, dict) else getattr(run, "run_id", "of tonight"))
