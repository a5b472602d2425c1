"""### Approvals: may lists that wait be sent?

After a night has sent its lists, asks a person about each one that it held back: one question a campaign, on Airflow's
pages under Required Actions. **Approve** sends the list, as `loyalty release` does. **Reject**, or no answer in a day,
leaves it waiting. The next night makes a new list; if that waits, too, there is a new question. An answer is only ever
about the list that it names.

No task of the night waits for a person. If nothing is held back, nobody is asked.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow import sdk
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Asset, BaseOperator

from pipelines.settings import load_settings

if TYPE_CHECKING:
    from airflow.sdk import Context

settings = load_settings()
# What the night's export_campaigns makes: an asset is the same by its name and URI.
EXPORTS = Asset("loyalty_exports", uri="loyalty://home/exports")


class FindWaiting(BaseOperator):
    """Find the lists that wait for a person, each with the question about it; skipped if there are none."""

    def execute(self, context: "Context") -> list[dict[str, Any]]:  # noqa: ARG002 - Airflow names it
        from airflow.sdk.exceptions import AirflowSkipException

        from pipelines.campaigns.approval import questions

        if not (found := questions(settings)):
            raise AirflowSkipException("no list waits")
        return [asdict(question) for question in found]


class Release(BaseOperator):
    """Send the list that was approved; it is tried again while the night is not finished."""

    template_fields: Sequence[str] = ("campaign_id", "number")

    def __init__(self, *, campaign_id: str, number: int, **options: Any) -> None:
        super().__init__(**options)
        self.campaign_id = campaign_id
        self.number = number

    def execute(self, context: "Context") -> None:  # noqa: ARG002 - Airflow names it
        import os

        from airflow.sdk.exceptions import AirflowFailException

        from pipelines.campaigns.sending import release
        from pipelines.errors import HomeBusyError, LoyaltyError

        os.umask(0o077)
        try:
            folder = release(settings, self.campaign_id, self.number)
        except HomeBusyError:
            raise  # to be tried again
        except LoyaltyError as error:
            raise AirflowFailException(str(error)) from error
        self.log.info("Sent to %s", folder)


@sdk.task_group(group_id="campaign")
def campaign(campaign_id: str, number: int, subject: str, body: str) -> None:
    """Ask about one list, then send it; no other campaign waits for the answer."""
    ask = ApprovalOperator(
        task_id="ask",
        subject=subject,
        body=body,
        defaults=ApprovalOperator.REJECT,
        response_timeout=timedelta(days=1),
        doc_md="Asks a person. Without an answer within a day the list stays where it is.",
    )
    release = Release(
        task_id="release",
        campaign_id=campaign_id,
        number=number,
        retries=24,
        retry_delay=timedelta(minutes=5),
        doc_md=Release.__doc__,
    )
    ask >> release


@sdk.dag(
    dag_id="loyalty_approval",
    schedule=[EXPORTS],
    catchup=False,
    default_args={"retries": 0, "owner": "loyalty"},
    doc_md=__doc__,
    tags=["loyalty"],
)
def loyalty_approval() -> None:
    found = FindWaiting(task_id="find_waiting", doc_md=FindWaiting.__doc__)
    campaign.expand_kwargs(found.output)


dag = loyalty_approval()
