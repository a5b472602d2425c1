"""### The backtest: are the forecasts worth anything?

Once a week, compares what the models forecast in the past with what customers then did, by decile, cohort and segment:
what earlier nights published, and what today's models would have said at past dates. It looks at the last night that
was committed before the end of its interval. The nights after it show the result in the tables `backtest`,
`backtest_quality` and `model_quality`, and in the report.

Started by hand it needs the parameter `run_date`, a night that was run.
"""

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pendulum
from airflow import sdk
from airflow.sdk import BaseOperator, CronDataIntervalTimetable, Param

from pipelines.settings import load_settings

if TYPE_CHECKING:
    from airflow.sdk import Context

settings = load_settings()


def last_day(context: "Context") -> date:
    """The run's parameter, else the last whole day of its data interval in the business time zone.

    Raises:
        LoyaltyError: it has neither; today's date would be a guess.
    """
    from zoneinfo import ZoneInfo

    from pipelines.errors import LoyaltyError
    from pipelines.ops.business_date import read_date

    given = context["params"].get("run_date")
    if given:
        return read_date(given)
    end = context.get("data_interval_end")
    if end is None or context["dag_run"].run_type == "manual":
        raise LoyaltyError("This run was started by hand without a date. Start it with run_date, a night that was run.")
    return end.astimezone(ZoneInfo(settings.timezone)).date() - timedelta(1)


class Backtest(BaseOperator):
    """Compare past forecasts with what the night knows, and keep the result for later nights to show."""

    def execute(self, context: "Context") -> None:
        import os

        from airflow.sdk.exceptions import AirflowFailException

        from pipelines.backtests.run import committed_night, run_backtest
        from pipelines.errors import HomeBusyError, LoyaltyError
        from pipelines.publishing.backtest_summary import backtest_lines
        from pipelines.store.lake import Lake

        os.umask(0o077)
        is_given = bool(context["params"].get("run_date"))
        try:
            night = committed_night(Lake(settings.home), last_day(context), or_before=not is_given)
            result = run_backtest(night, settings, self.log.info)
        except HomeBusyError:
            raise  # to be tried again
        except LoyaltyError as error:
            raise AirflowFailException(str(error)) from error
        for line in backtest_lines(result):
            self.log.info(line)


@sdk.dag(
    dag_id="loyalty_backtest",
    schedule=CronDataIntervalTimetable(settings.backtest_schedule, timezone=settings.timezone),
    start_date=pendulum.datetime(2000, 1, 1, tz=settings.timezone),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=30), "owner": "loyalty"},
    params={
        "run_date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Night",
            description="A night that was run. Needed when you start a run by hand.",
        )
    },
    doc_md=__doc__,
    tags=["loyalty"],
)
def loyalty_backtest() -> None:
    Backtest(task_id="backtest", doc_md=Backtest.__doc__)


dag = loyalty_backtest()
