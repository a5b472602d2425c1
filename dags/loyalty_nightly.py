"""### The night: extracts in; warehouse, report and campaign files out.

Reads `landing/<D>/`, where D is the business date: the start of the run's data interval in the business time zone,
or the parameter `run_date` when a person starts a run. One task per table, in groups by layer; then the night's only
commit, and what people see: `warehouse.duckdb`, `exports/<D>/`, `reports/<D>/index.html`.

* **Bad data fails at once** with a message that names the file and what to do. Mend the extract, then clear the failed
  run from `open_night` on, or start it again: a night can be run as often as needed and ends the same.
* **A failed night changes nothing** that analysts or marketing tools read: last night's warehouse and files stay.
* **An old night** run again (a backfill, a correction) rebuilds its tables, but does not replace a later warehouse and
  sends nothing.
"""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pendulum
from airflow import sdk
from airflow.sdk import Asset, CronDataIntervalTimetable, Param, PokeReturnValue, TaskGroup, task

from pipelines.catalog import tables
from pipelines.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

settings = load_settings()
WAREHOUSE = Asset("loyalty_warehouse", uri=(settings.home / "warehouse.duckdb").as_uri())
EXPORTS = Asset("loyalty_exports", uri=(settings.home / "exports").as_uri())
GROUPS = {
    "staging": "Extracts, read by their contracts: typed, checked, counted.",
    "facts": "Events joined and summed.",
    "scores": "Models: one row a customer.",
    "marts": "What analysts read.",
    "segments": "Who belongs where, and who is on which campaign's list.",
}


def _checked(step: "Callable[..., Any]", *arguments: Any) -> Any:
    """Run a step; what trying again can't mend fails without retries."""
    from airflow.sdk.exceptions import AirflowFailException

    from pipelines import nightly
    from pipelines.errors import LoyaltyError

    try:
        return step(*arguments)
    except LoyaltyError as error:
        nightly.failures.append(error)
        raise AirflowFailException(str(error)) from error
    except Exception as error:
        nightly.failures.append(error)
        raise


def business_date(context: dict[str, Any]) -> date:
    """The run's parameter, else the start of its data interval in the business time zone.

    Raises:
        LoyaltyError: it has neither; today's date would be a guess.
    """
    from zoneinfo import ZoneInfo

    from pipelines.errors import LoyaltyError

    given = context["params"].get("run_date")
    if given:
        return date.fromisoformat(given)
    start = context.get("data_interval_start")
    if start is None or context["dag_run"].run_type == "manual":
        raise LoyaltyError(
            "This run was started by hand without a date. Start it with the parameter run_date, the business date of "
            "the landing folder to load."
        )
    return start.astimezone(ZoneInfo(settings.timezone)).date()


@sdk.dag(
    dag_id="loyalty_nightly",
    schedule=CronDataIntervalTimetable(settings.schedule, timezone=settings.timezone),
    start_date=pendulum.datetime(2000, 1, 1, tz=settings.timezone),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5), "owner": "loyalty"},
    params={
        "run_date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Business date",
            description="The landing folder to load. Needed when you start a run by hand.",
        )
    },
    doc_md=__doc__,
    tags=["loyalty"],
)
def loyalty_nightly() -> None:
    @task.sensor(poke_interval=60, timeout=12 * 3600, mode="reschedule")
    def open_night(**context: Any) -> PokeReturnValue:
        """Wait while an earlier night still runs (a backfill starts several), check the landing folder, begin."""
        from pipelines import nightly

        if context.get("logical_date") and context["ti"].get_previous_dagrun(state="running"):
            return PokeReturnValue(is_done=False)

        def opened() -> str:
            night = business_date(context)
            nightly.open_night(night, context["run_id"])
            return f"{night}"

        return PokeReturnValue(is_done=True, xcom_value=_checked(opened))

    @task
    def make(night: str, table: str, run_id: str | None = None) -> None:
        from pipelines import nightly

        _checked(nightly.make, table, date.fromisoformat(night), run_id)

    @task
    def commit(night: str, run_id: str | None = None) -> None:
        """Write the night's manifest: from here on the night is known."""
        from pipelines import nightly

        _checked(nightly.commit, date.fromisoformat(night), run_id)

    @task(outlets=[WAREHOUSE])
    def publish_warehouse(night: str, run_id: str | None = None) -> None:
        """Swap the night's warehouse in, unless a later night is published."""
        from pipelines import nightly

        _checked(nightly.publish, date.fromisoformat(night), run_id)

    @task(outlets=[EXPORTS])
    def export_campaigns(night: str, run_id: str | None = None) -> None:
        """Write the campaigns' files, unless a later night is published: an old night sends nothing."""
        from pipelines import nightly

        _checked(nightly.export, date.fromisoformat(night), run_id)

    @task
    def write_report(night: str, run_id: str | None = None) -> None:
        """Write reports/<D>/index.html."""
        from pipelines import nightly

        _checked(nightly.report, date.fromisoformat(night), run_id)

    @task
    def finish(night: str, run_id: str | None = None) -> None:
        """Close the night: its draft may go."""
        from pipelines import nightly

        _checked(nightly.finish, date.fromisoformat(night), run_id)

    night = open_night()
    groups = {layer: TaskGroup(layer, tooltip=tooltip) for layer, tooltip in GROUPS.items()}
    made: dict[str, Any] = {}
    for table in tables().values():
        if table.kind == "split":  # made along with its source
            made[table.name] = made[table.inputs[0]]
            continue
        doc = f"Makes `{table.name}` from {', '.join(f'`{name}`' for name in table.inputs) or 'its extract'}."
        made[table.name] = make.override(task_id=table.name, task_group=groups[table.layer], doc_md=doc)(
            night, table.name
        )
        for name in table.inputs:
            made[name] >> made[table.name]

    committed = commit(night)
    list(made.values()) >> committed
    published = publish_warehouse(night)
    committed >> published >> [export_campaigns(night), write_report(night)] >> finish(night)


dag = loyalty_nightly()
