"""Great-expectations judges the figures of a night's batches, and draws the Data Docs of what it found.

Only the task that needs this module imports it, as great-expectations is slow to import. Its analytics stay off, it
keeps nothing outside the home, and the pages ask no other host for scripts, fonts or styles.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import great_expectations as gx
import jinja2
import pandas as pd
from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults
from great_expectations.exceptions import GreatExpectationsError
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.render.renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView

from pipelines.contracts import Expectation
from pipelines.errors import LoyaltyError
from pipelines.intake.batch_figures import Figure, expected
from pipelines.store.files import path_beside

# Great-expectations' pages load their styles from a dozen hosts; these pages load nothing and have this instead.
_HEAD = """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body { max-width: 72rem; margin: 2rem auto; padding: 0 1.5rem; color: #1f2933; font: 16px/1.5 system-ui, sans-serif; }
a { color: #1f5f99; }
table { border-collapse: collapse; }
th, td { padding: .35rem .8rem .35rem 0; border-bottom: 1px solid #d9dfe5; text-align: left; vertical-align: top; }
.fa-check-circle::before { content: "\\2714"; color: #1b7f3b; font-style: normal; }
.fa-times::before { content: "\\2718"; color: #b3261e; font-style: normal; }
.fa-exclamation-triangle::before { content: "!"; color: #b4530a; font-style: normal; }
footer, input, label { display: none; }
</style>
"""


_INDEX = jinja2.Environment(autoescape=True).from_string(
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{{ head | safe }}<title>Data Docs, {{ run_date }}</title>
</head>
<body>
<h1>Batch expectations, night of {{ run_date }}</h1>
<table>
<thead><tr><th>Source</th><th>Expectation</th><th>Severity</th><th>Met</th><th>Observed</th><th>Expected</th></tr></thead>
<tbody>
{% for source, expectation, is_met, words, wanted in rows %}
<tr><td><a href="{{ source }}.html">{{ source }}</a></td><td>{{ expectation.name }}</td>
<td>{{ expectation.severity }}</td>
<td><i class="{{ "fa-check-circle" if is_met else "fa-times" }}"></i> {{ "yes" if is_met else "no" }}</td>
<td>{{ words }}</td><td>{{ wanted }}{% if not is_met %} {{ expectation.advice }}{% endif %}</td></tr>
{% endfor %}
</tbody>
</table>
</body>
</html>
"""
)


_SEVERITY = {"fail": "critical", "warn": "warning"}


def judge(
    expectations: Mapping[str, Sequence[Expectation]],
    figures: Mapping[str, Mapping[str, Figure]],
    run_date: date,
    folder: Path | None,
    *,
    mode: int,
    folder_mode: int,
) -> dict[str, dict[str, bool]]:
    """Whether each expectation is met, by source and name; writes the Data Docs into `folder`, if one is given.

    Raises:
        LoyaltyError: An expectation could not be judged, which great-expectations itself would report as not met.
    """
    profiles = _context().data_sources.add_pandas("batch_profile")
    met: dict[str, dict[str, bool]] = {}
    pages: dict[str, str] = {}
    view = DefaultJinjaPageView()  # one for all pages: it compiles its templates once
    for source, of_source in expectations.items():
        asset = profiles.add_dataframe_asset(source).add_batch_definition_whole_dataframe("tonight")
        # Of dtype object, as pages are rendered from Python's own numbers only.
        profile = pd.DataFrame({name: [figure.value] for name, figure in figures[source].items()}, dtype=object)
        result = asset.get_batch({"dataframe": profile}).validate(_suite(source, of_source, figures[source]))
        met[source] = _met(source, result)
        if folder is not None:
            pages[source] = _page(result, run_date, view)
    if folder is not None:
        pages["index"] = _index(expectations, figures, met, run_date)
        _write(folder, pages, mode=mode, folder_mode=folder_mode)
    return met


def _index(
    expectations: Mapping[str, Sequence[Expectation]],
    figures: Mapping[str, Mapping[str, Figure]],
    met: Mapping[str, Mapping[str, bool]],
    run_date: date,
) -> str:
    """The page that lists every expectation."""
    rows = [
        (source, e, met[source][e.name], figures[source][e.figure].words, expected(e))
        for source, of_source in expectations.items()
        for e in of_source
    ]
    return _INDEX.render(head=_HEAD, run_date=run_date, rows=rows)


def _context() -> Any:
    """A context that lives in memory and writes nowhere."""
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        analytics_enabled=False,
        progress_bars={"globally": False},
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _suite(source: str, expectations: Sequence[Expectation], figures: Mapping[str, Figure]) -> Any:
    """The source's suite. From plain dicts great-expectations would silently drop expectations that it doesn't know."""
    suite = gx.ExpectationSuite(name=source)
    for expectation in expectations:
        try:
            configuration = ExpectationConfiguration(
                type=expectation.type,
                kwargs=dict(expectation.arguments),
                severity=_SEVERITY[expectation.severity],
                description=_description(expectation, figures.get(expectation.figure)),
                meta={"name": expectation.name},
            )
            suite.add_expectation(configuration.to_domain_obj())
        except (GreatExpectationsError, ValueError, TypeError) as error:
            raise _cannot_judge(source, expectation.name, str(error)) from error
    return suite


def _description(expectation: Expectation, figure: Figure | None) -> str:
    seen = figure.words if figure else "not measured"
    text = f"{expectation.name} ({expectation.severity}): {expected(expectation)} Tonight: {seen}."
    return text.replace("$", "$$")  # great-expectations takes $name for a parameter


def _met(source: str, result: ExpectationSuiteValidationResult) -> dict[str, bool]:
    met = {}
    for one in result.results:
        name = one.expectation_config.meta["name"]
        if message := _exception(one.exception_info):
            raise _cannot_judge(source, name, message)
        met[name] = bool(one.success)
    return met


def _exception(info: Mapping[str, Any]) -> str | None:
    """The exception raised while an expectation was judged; `info` is of one exception, or of one for each metric."""
    each = [info] if "raised_exception" in info else list(info.values())
    return next((one["exception_message"] for one in each if one["raised_exception"]), None)


def _cannot_judge(source: str, name: str, why: str) -> LoyaltyError:
    return LoyaltyError(
        f"{source}: great-expectations can't judge the expectation {name}: {' '.join(why.split())}. Nothing was "
        "published; mend its implementation in the source's contract, or in data_contracts/every_source.yaml."
    )


def _page(result: ExpectationSuiteValidationResult, run_date: date, view: DefaultJinjaPageView) -> str:
    run_id = RunIdentifier(run_name=f"{run_date}", run_time=datetime.combine(run_date, time(), UTC))
    result.meta = {"great_expectations_version": gx.__version__, "run_id": run_id}
    page = view.render(ValidationResultsPageRenderer().render(result))
    page = re.sub(r'"(\.\./)+index\.html"', '"index.html"', page)
    page = re.sub(r'<a href="(\.\./)+expectations/[^"]*" >([^<]*)</a>', r"\2", page)
    page = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    page = re.sub(r"<(link|img)\b[^>]*>", "", page)
    return str(page).replace("<head>", f"<head>\n{_HEAD}", 1)


def _write(folder: Path, pages: Mapping[str, str], *, mode: int, folder_mode: int) -> None:
    """Put the pages into a new folder, all at once."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.parent.chmod(folder_mode)
    unfinished = path_beside(folder)
    unfinished.mkdir()
    for name, page in pages.items():
        path = unfinished / f"{name}.html"
        path.write_text(page, encoding="utf-8")
        path.chmod(mode)
    unfinished.chmod(folder_mode)
    unfinished.rename(folder)
