"""### The night: extracts in; warehouse, report and campaign files out.

Reads `landing/<D>/`, where D is the business date: the start of the run's data interval in the business time zone,
or the parameter `run_date` when a person starts a run. One task makes the tables of a layer; then the night's only
commit, and what people see: `warehouse.duckdb`, `exports/<D>/`, `reports/<D>/index.html`.

* **A scheduled night waits** until its landing folder is complete; one that a person starts takes what is there, and
  goes ahead of nights that wait. Only one night is on at a time, and backfills keep their order.
* **Bad data fails at once** with a message that names the file and what to do. Mend the extract, then clear the failed
  run from `open_night` on, or start it again: a night can be run as often as needed and ends the same.
* **A task that is tried again** begins with the first table that it had not made. Its log has each table's rows and
  seconds.
* **A batch that breaks a limit stops the night**, as soon as all is read: whatever is built waits for
  `batch_expectation`. Who knows that it is right starts a run with `run_date` and, as
  `accept`, the expectation that the message names. It passes in that run only, and the night's manifest records it.
* **A failed night changes nothing** that analysts or marketing tools read: last night's warehouse and files stay.
* **An old night** run again (a backfill, a correction) rebuilds its tables, but does not replace a later warehouse and
  sends nothing. The nights of a backfill are old: their lists stay, unless the parameter `deliver` says otherwise.
"""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import pendulum
from airflow import sdk
from airflow.sdk import Asset, BaseOperator, BaseSensorOperator, CronDataIntervalTimetable, Param, chain

from pipelines.catalog import tables_by_task
from pipelines.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Context, DeadlineAlert

T = TypeVar("T")

settings = load_settings()
# Named by what they are, not by where they lie: Airflow would take an asset of a moved home for another one.
WAREHOUSE = Asset("loyalty_warehouse", uri="loyalty://home/warehouse.duckdb")
EXPORTS = Asset("loyalty_exports", uri="loyalty://home/exports")
REPORTS = Asset("loyalty_reports", uri="loyalty://home/reports")
LAYERS = {
    "staging": "Reads the extracts by their contracts: typed, checked, counted.",
    "facts": "Judges the batches; then joins and sums events.",
    "scores": "Fits models and scores customers: one row a customer.",
    "marts": "Makes what analysts read.",
    "segments": "Says who belongs where, and who is on which campaign's list.",
}


def _extract(source: str) -> Asset:
    """A source's extracts, as the asset that its table is made from."""
    return Asset(f"loyalty_extract_{source}", uri=f"loyalty://landing/{source}")


def fail_without_retry(step: "Callable[[], T]") -> "T":
    """Run a step. An error that a retry can't mend fails the task at once."""
    from airflow.sdk.exceptions import AirflowFailException

    from pipelines.errors import LoyaltyError
    from pipelines.ops import nightly

    try:
        return step()
    except LoyaltyError as error:
        nightly.failures.append(error)
        raise AirflowFailException(str(error)) from error
    except Exception as error:
        nightly.failures.append(error)
        raise


def business_date(context: "Context") -> date:
    """The run's parameter, else the start of its data interval in the business time zone.

    Raises:
        LoyaltyError: it has neither; today's date would be a guess.
    """
    from zoneinfo import ZoneInfo

    from pipelines.errors import LoyaltyError
    from pipelines.ops.business_date import read_date

    given = context["params"].get("run_date")
    if given:
        return read_date(given)
    start = context.get("data_interval_start")
    if start is None or context["dag_run"].run_type == "manual":
        raise LoyaltyError(
            "This run was started by hand without a date. Start it with the parameter run_date, the business date of "
            "the landing folder to load."
        )
    return start.astimezone(ZoneInfo(settings.timezone)).date()


def delivers(context: "Context") -> bool:
    """Whether the night's lists may leave: as the run's parameter says, else those of any run but a backfill's."""
    given = context["params"].get("deliver")
    return context["dag_run"].run_type != "backfill" if given is None else bool(given)


class AwaitExtracts(BaseOperator):
    """Wait, without a worker, until the night's landing folder is complete. A person's night does not wait."""

    def execute(self, context: "Context") -> None:
        if context["params"].get("run_date") or context["dag_run"].run_type == "backfill":
            return
        from pipelines.contracts import sources
        from pipelines.intake.deliveries import due_sources
        from pipelines.ops.landing_trigger import LandingTrigger
        from pipelines.store.home import landing_folder

        trigger = LandingTrigger(
            folder=str(landing_folder(settings, fail_without_retry(lambda: business_date(context)))),
            marker=settings.complete_marker,
            required=due_sources(sources().values(), settings),
            settle_seconds=settings.settle_seconds,
            looks=max(2, round(settings.wait_hours * 3600 / settings.settle_seconds)),
        )
        self.defer(trigger=trigger, method_name="go_on")

    def go_on(self, _context: "Context", event: str | None) -> None:
        from airflow.sdk.exceptions import AirflowFailException

        if event is not None:
            raise AirflowFailException(event)


class OpenNight(BaseSensorOperator):
    """Wait, without a worker, while another run works in the home; check the landing folder, begin."""

    def poke(self, context: "Context") -> bool:
        return fail_without_retry(lambda: self._begin(context))

    def _begin(self, context: "Context") -> bool:
        """Begin unless another night is on. The home is locked from the look to the beginning."""
        from pipelines.errors import HomeBusyError, LoyaltyError
        from pipelines.ops import nightly
        from pipelines.store.locks import exclusive_home_lock

        day = business_date(context)
        if not settings.home.is_dir():
            raise LoyaltyError(f"there is no home {settings.home}. Mend LOYALTY_HOME; a mistyped home is not made.")
        try:
            with exclusive_home_lock(settings.home):
                if other := self._another_that_is_on(context):
                    self.log.info("Waiting: %s", other)
                    return False
                accept = context["params"].get("accept") or []
                nightly.open_night(day, context["run_id"], accept, delivers=delivers(context))
        except HomeBusyError as busy:
            self.log.info("Waiting: %s", busy)
            return False
        return True

    def _another_that_is_on(self, context: "Context") -> str | None:
        """What this run waits for: the run that began the open night, or an earlier interval's run.

        A run that a person starts goes ahead of all that only wait: for their folder, or for their turn.
        """
        from pipelines.store.lake import Lake

        owners = Lake(settings.home).open_runs()
        if context["run_id"] in owners:
            return None  # this run was cleared, and begins again
        if owners and context["ti"].get_dr_count(self.dag_id, run_ids=owners, states=["running"]):
            return f"the run {owners[0]} is in its night"
        if context["dag_run"].run_type == "manual" or not context.get("logical_date"):
            return None
        earlier = context["ti"].get_previous_dagrun(state="running")
        return f"the run {earlier.run_id}, of an earlier night, goes first" if earlier else None


class Step(BaseOperator):
    """A step of the night, by its name in pipelines.ops.nightly; with a layer, the step that makes its tables.

    The task finds the date in its own context. Fetching it from another task and storing rendered arguments would be
    two more requests to Airflow for each task, besides the two that start and end it.
    """

    def __init__(self, *, step: str, layer: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.step = step
        self.layer = layer

    def execute(self, context: "Context") -> None:
        from pipelines.ops import nightly

        step = getattr(nightly, self.step)
        arguments = () if self.layer is None else (self.layer,)
        fail_without_retry(lambda: step(*arguments, business_date(context), context["run_id"]))


def _failed() -> "list[Any]":
    """The notifiers of a task that failed for good; none unless the settings name a connection."""
    if settings.notify_connection is None:
        return []
    from pipelines.ops.notify import NightNotifier

    return [NightNotifier(settings.notify_connection, settings.notify_to, "failed")]


def _warned() -> "list[Any]":
    """The callbacks after a finished night: they tell people what to look at, if there is anything."""
    if settings.notify_connection is None:
        return []

    def tell(context: "Context") -> None:
        from pipelines.ops import nightly
        from pipelines.ops.notify import NightNotifier

        if found := nightly.night_warnings(business_date(context)):
            notifier = NightNotifier(settings.notify_connection or "", settings.notify_to, "warned", found=found)
            notifier.notify(context)

    return [tell]


def _deadline() -> "DeadlineAlert | None":
    """The alert about a night that has not finished in time; none unless the settings ask for it."""
    if settings.notify_connection is None or settings.publish_within_hours is None:
        return None
    from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference

    from pipelines.ops.notify import NightNotifier

    arguments = {"connection_id": settings.notify_connection, "to": settings.notify_to, "event": "late"}
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=settings.publish_within_hours),
        callback=AsyncCallback(NightNotifier, kwargs=arguments),
    )


@sdk.dag(
    dag_id="loyalty_nightly",
    schedule=CronDataIntervalTimetable(settings.schedule, timezone=settings.timezone),
    start_date=pendulum.datetime(2000, 1, 1, tz=settings.timezone),
    catchup=False,
    # A run that waits for its folder keeps no other from beginning. Nights still go one by one: open_night sees to it.
    max_active_runs=16,
    default_args={
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "owner": "loyalty",
        "on_failure_callback": _failed(),
    },
    deadline=_deadline(),
    params={
        "run_date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Business date",
            description="The landing folder to load. Needed when you start a run by hand.",
        ),
        "accept": Param(
            [],
            type=["null", "array"],
            items={"type": "string"},
            title="Expectations to let pass",
            description="As source.expectation, from the message of the night that they stopped; for this run only.",
        ),
        "deliver": Param(
            None,
            type=["null", "boolean"],
            title="Send the lists",
            description="Whether the night's campaign lists leave. Not given: yes, but for the nights of a backfill.",
        ),
    },
    doc_md=__doc__,
    tags=["loyalty"],
)
def loyalty_nightly() -> None:
    awaited = AwaitExtracts(task_id="await_extracts", doc_md=AwaitExtracts.__doc__)
    opened = OpenNight(
        task_id="open_night", poke_interval=60, timeout=12 * 3600, mode="reschedule", doc_md=OpenNight.__doc__
    )
    layers = [
        Step(
            task_id=layer,
            step="make_layer",
            layer=layer,
            inlets=[_extract(source) for source in names] if layer == "staging" else [],
            doc_md=f"{LAYERS[layer]} In this order: {', '.join(f'`{name}`' for name in names)}.",
        )
        for layer, names in tables_by_task().items()
    ]
    commit = Step(
        task_id="commit", step="commit", doc_md="Writes the night's manifest: from here on the night is known."
    )
    publish = Step(
        task_id="publish_warehouse",
        step="publish",
        outlets=[WAREHOUSE],
        doc_md="Swaps the night's warehouse in, unless a later night is published.",
    )
    export = Step(
        task_id="export_campaigns",
        step="export",
        outlets=[EXPORTS],
        doc_md="Sends the campaigns' lists, unless a later night is published: an old night sends nothing.",
    )
    report = Step(task_id="write_report", step="report", outlets=[REPORTS], doc_md="Writes reports/<D>/index.html.")
    finish = Step(
        task_id="finish",
        step="finish",
        on_success_callback=_warned(),
        doc_md="Closes the night, whose draft may go. Then tells people what to look at, if there is anything.",
    )
    chain(awaited, opened, *layers, commit, publish, [export, report], finish)


dag = loyalty_nightly()
