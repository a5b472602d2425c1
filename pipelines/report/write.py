"""Writes the report: its sections in order, rendered into one page.

The same warehouse gives the same bytes: nothing is read from the clock, sums are of DECIMAL, pictures carry no random
id, and of pipeline_run only the code version is shown. Names from data reach the page only after escaping.

`trends` (with `stores`), `plan`, `customers`, `growth`, `backtests`, `campaigns`, `reconciliation` and `trust` make
the sections, `page` says what a section is made of, `words` how numbers are written, and `charts` draws the pictures.
"""

import os
import tempfile
from contextlib import closing
from pathlib import Path

import jinja2

from pipelines.report.backtests import backtests
from pipelines.report.campaigns import campaigns, promo
from pipelines.report.customers import churn, clv, rfm, segments
from pipelines.report.growth import growth
from pipelines.report.lists import exports
from pipelines.report.page import Topic, Warehouse
from pipelines.report.plan import plan
from pipelines.report.reconciliation import FILES, csv_file, reconciliation
from pipelines.report.trends import trends
from pipelines.report.trust import COVERED, drift, missing, models, quality
from pipelines.report.words import day, name_of

TOPICS = (
    Topic(trends, "How business is going", "kpi_daily store_like_for_like"),
    Topic(
        plan,
        "Plan against actual",
        "plan_actual growth_target target_warning",
        needs_rows=False,
        is_asked_by_all=False,
    ),
    Topic(rfm, "Who buys: recency, frequency, money", "customer_rfm"),
    Topic(clv, "What customers will be worth", "customer_clv customer_clv_horizon"),
    Topic(churn, "Who may leave, and can the forecast be trusted", "customer_churn churn_calibration model_quality"),
    Topic(
        growth,
        "Who may spend more, and when orders are due",
        "customer_growth customer_next_order customer_rfm category_capacity model_quality",
    ),
    Topic(backtests, "How far to trust the forecasts", "backtest_quality backtest"),
    Topic(segments, "Segments and who moved", "customer_segment customer_segment_history"),
    Topic(promo, "Promo codes", "promo_performance promotion_performance spend_waste price_slip_monthly"),
    Topic(campaigns, "Do campaigns work", "campaign_effect"),
    Topic(
        exports,
        "Campaign lists of tonight",
        "campaign_list campaign_exclusion campaign_assignment campaign_hold",
        needs_rows=False,
    ),
    Topic(reconciliation, "Does it agree with the back office", "reconciliation reconciliation_rejected"),
    Topic(quality, "Can the data be trusted", "data_quality batch_expectation rejected_rows"),
    Topic(models, "How good the models are", "model_quality"),
    Topic(drift, "Are customers still like those that the models were fitted on", "model_quality"),
    Topic(missing, "What is missing, and why", f"{COVERED} model_quality", needs_rows=False),
)


def write_report(warehouse: Path, out: Path, *, mode: int, folder_mode: int) -> Path:
    """Write `<out>/index.html`, the report of the night that a warehouse holds, and return its path.

    Beside it are the tables of the reconciliation as CSV. The files get `mode`; the folder, and parents that are
    missing, `folder_mode`.

    Raises:
        duckdb.IOException: there is no such warehouse, or it cannot be read.
    """
    with closing(Warehouse(warehouse)) as night:
        content = {f"{table}.csv": csv_file(night, table) for table in FILES}
        content["index.html"] = _render(night).encode()
    for folder in [*reversed([p for p in out.parents if not p.exists()]), out]:
        folder.mkdir(exist_ok=True)
        folder.chmod(folder_mode)
    for name, data in content.items():
        _write(out / name, data, mode)
    return out / "index.html"


def _write(path: Path, data: bytes, mode: int) -> None:
    """Put a file in place whole or not at all."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        temporary.chmod(mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _render(warehouse: Warehouse) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    run = warehouse.one("SELECT MAX_BY(code_version, run_date) AS code_version FROM pipeline_run")
    sections = [(topic, topic.section(warehouse)) for topic in TOPICS if topic.is_asked(warehouse)]
    return environment.get_template("report.html.jinja").render(
        run_date=day(warehouse.run_date),
        currency=warehouse.currency,
        code_version=name_of(run["code_version"]),
        tiles=[tile for _, section in sections for tile in section.tiles],
        sections=sections,
    )
