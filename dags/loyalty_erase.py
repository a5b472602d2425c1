"""### Erase a person.

Takes a customer, with all accounts of the same person, out of the home: extracts, lake, warehouses, campaign files.
Receipts stay, anonymous. Removals for every list that they were on are in `exports/erasures/`; the run fails if a
search of the home still finds something. Start it with the customer's id; no night may be running.

Airflow itself keeps the parameter of this run: delete the run when it is through.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from airflow import sdk
from airflow.sdk import BaseOperator, Param

if TYPE_CHECKING:
    from airflow.sdk import Context


class Erase(BaseOperator):
    """Erase the customer that the run's parameter names; Airflow's own files, which hold it, are not searched."""

    def execute(self, context: "Context") -> None:
        from airflow.sdk.exceptions import AirflowFailException

        from pipelines.errors import LoyaltyError
        from pipelines.privacy.erase import erase, summary
        from pipelines.settings import load_settings

        params, own = context["params"], os.environ.get("AIRFLOW_HOME")
        os.umask(0o077)
        try:
            outcome = erase(
                params["customer_id"],
                load_settings(),
                discard_open=params["discard_night"],
                not_searched=(Path(own).resolve(),) if own else (),
            )
        except LoyaltyError as error:
            raise AirflowFailException(str(error)) from error
        for line in summary(outcome):
            self.log.info(line)
        if outcome.found:
            raise AirflowFailException("something of the person is still there; the log says where")


@sdk.dag(
    dag_id="loyalty_erase",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 0, "owner": "loyalty"},
    params={
        "customer_id": Param(
            type="string",
            minLength=1,
            title="Customer",
            description="The source's customer_id; or the e-mail, if mapping.yaml makes ids of e-mails.",
        ),
        "discard_night": Param(
            False,
            type="boolean",
            title="Discard an unfinished night",
            description="A night that broke off and will be run again after the erasure.",
        ),
    },
    doc_md=__doc__,
    tags=["loyalty"],
)
def loyalty_erase() -> None:
    Erase(task_id="erase", doc_md=Erase.__doc__)


dag = loyalty_erase()
