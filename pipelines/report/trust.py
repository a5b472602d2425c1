"""Whether data and models can be trusted, and which figures are missing."""

import re
from collections.abc import Sequence

from pipelines.report.page import LISTED, Section, Warehouse
from pipelines.report.words import Row, counted, day, name_of, number, percent, ratio

COVERED = "kpi_daily customer_360 customer_clv customer_churn promo_performance promotion_performance campaign_effect"
PARTLY_SHOWN = {"gross_margin", "clv", "p_churn", "roi", "incremental_profit"}

_SOURCES = """
SELECT source AS "Source", rows_read AS "Read", rows_loaded AS "Loaded", rows_rejected AS "Rejected",
    ratio(rows_rejected, rows_read) AS "Rejected share", rows_duplicate AS "Duplicate", rows_superseded AS "Superseded"
FROM data_quality
ORDER BY source
"""

_REJECTED = """
SELECT source AS "Source", rule AS "Rule that was broken", COUNT(*) AS "Rows", COUNT(DISTINCT file) AS "Files",
    MIN(file || ', row ' || row_number) AS "For example"
FROM rejected_rows
GROUP BY source, rule
ORDER BY "Rows" DESC, source, rule
"""

_EXPECTATIONS = """
SELECT source AS "Source", expectation AS "Expectation", observed AS "Observed", expected AS "Expected",
    advice AS "What to do"
FROM batch_expectation
WHERE NOT is_met
ORDER BY source, expectation
"""

_MODELS = """
SELECT model AS "Model", metric AS "Figure", value AS "Value", COALESCE(note, '') AS "Note",
    trained_through AS "Trained through"
FROM model_quality
ORDER BY model, metric
"""

_DRIFT = """
SELECT model AS "Model", REPLACE(SUBSTRING(metric, 5), '_', ' ') AS "Watched", value AS "Index", note AS "Level",
    trained_through AS "Trained through"
FROM model_quality
WHERE STARTS_WITH(metric, 'psi_')
ORDER BY model, "Watched" <> 'score', value DESC NULLS LAST, "Watched"
"""
LEVELS = {"stable": "as at training", "warning": "has moved", "alarm": "has moved far"}
SCORES = {
    "stable": "are as at training",
    "warning": "have moved: keep an eye on them",
    "alarm": "have moved far: trust them less until the model is fitted again",
}


def quality(warehouse: Warehouse) -> Section:
    rows = warehouse.rows(_SOURCES)
    read, rejected, duplicate = (sum(row[key] for row in rows) for key in ("Read", "Rejected", "Duplicate"))
    sent = sum(row["Read"] > 0 for row in rows)
    takeaways = [
        f"{counted(read, 'row')} read from {counted(sent, 'source')}; {number(rejected)} rejected"
        f" ({percent(ratio(rejected, read), 2)}), {number(duplicate)} were exact repeats or repeated keys."
    ]
    if rejected:
        worst = max(rows, key=lambda row: (row["Rejected share"] or 0.0, row["Source"]))
        share = percent(worst["Rejected share"], 2)
        takeaways.append(f"Most rejected: {name_of(worst['Source'])}, {share} of its rows.")
    unbalanced = [name_of(r["Source"]) for r in rows if r["Read"] != r["Loaded"] + r["Rejected"] + r["Duplicate"]]
    takeaways.append(
        f"Rows do not add up (read is not loaded + rejected + duplicate) for {', '.join(unbalanced)}."
        if unbalanced
        else "For every source the rows add up: read = loaded + rejected + duplicate."
    )
    shapes = "name, count, count, count, fine share, count, count"
    note = (
        "Superseded: loaded rows that replaced an earlier row of the same key. A source with 0 rows read sent nothing."
    )
    section = Section(takeaways=takeaways, tables=[warehouse.table("Rows by source", shapes, rows, note)])
    checked = warehouse.count("batch_expectation")
    not_met = warehouse.rows(_EXPECTATIONS)
    if checked:
        share = f"{number(len(not_met))} of {counted(checked, 'expectation')} of the night's extracts were not met"
        takeaways.append(
            f"{share}; the night went on, and the table below says what to do." if not_met else f"{share}."
        )
    else:
        takeaways.append(
            "No expectation of the night's extracts could be checked: there are too few rows or earlier nights."
        )
    if not_met:
        shapes = "name, name, long, long, long"
        section.tables.append(warehouse.table("Expectations that were not met", shapes, not_met))
    rules = warehouse.rows(_REJECTED)
    if rules:
        left = f", the {LISTED} most frequent of {number(len(rules))}" if len(rules) > LISTED else ""
        shapes = "name, name, count, count, name"
        section.tables.append(warehouse.table(f"Why rows were rejected{left}", shapes, rules[:LISTED]))
    return section


def models(warehouse: Warehouse) -> Section:
    rows = warehouse.rows(_MODELS)
    names = sorted({row["Model"] for row in rows})
    through = max((row["Trained through"] for row in rows if row["Trained through"]), default=None)
    trained = f", trained on data through {day(through)}." if through else "."
    shown = ", ".join(name_of(name, 30) for name in names[:8])
    takeaways = [f"{counted(len(rows), 'figure')} on {counted(len(names), 'model')} ({shown}){trained}"]
    unknown = sum(row["Value"] is None for row in rows)
    if unknown:
        takeaways.append(f"{counted(unknown, 'figure')} could not be worked out; the notes say why.")
    table = warehouse.table("Model quality", "name, name, figure, long, day", rows, folded=len(rows) > 8)
    return Section(takeaways=takeaways, tables=[table])


def drift(warehouse: Warehouse) -> Section:
    """Whether tonight's customers and scores are still like those that the models were fitted on."""
    rows = warehouse.rows(_DRIFT)
    if not rows:
        return Section(reason="There is no model tonight whose customers and scores could have drifted.")
    section = Section()
    for model in sorted({row["Model"] for row in rows}):
        section.takeaways.append(_drift_words(model, [row for row in rows if row["Model"] == model]))
    for row in warehouse.rows(
        "SELECT model, value, note FROM model_quality"
        " WHERE (ENDS_WITH(metric, 'model_age_days') OR ENDS_WITH(metric, 'new_model_refused'))"
        " AND STARTS_WITH(note, 'alarm; ')"
        " ORDER BY model, metric"
    ):
        section.takeaways.append(f"{_model_name(row['model'])}: {row['note'].removeprefix('alarm; ')}.")
    shown = [row | {"Level": LEVELS.get(_level(row), row["Level"])} for row in rows]
    note = (
        "Population stability index: 0 is no change, from 0.1 on a feature has moved, from 0.25 on it has moved far."
        " Features that grow with the time since the first order move by themselves."
    )
    section.tables.append(
        warehouse.table("What is watched", "name, name, figure, long, day", shown, note, folded=len(shown) > 8)
    )
    return section


def _level(row: Row) -> str:
    return str(row["Level"]).split("; ", maxsplit=1)[0]


def _model_name(model: str) -> str:
    return name_of(model).replace("_", " ").capitalize()


def _drift_words(model: str, rows: Sequence[Row]) -> str:
    """A model's scores, then how many of its features have moved."""
    name = _model_name(model)
    known = [row for row in rows if row["Index"] is not None]
    if not known:
        return f"{name}: drift is not known, {rows[0]['Level']}."
    score = [row for row in known if row["Watched"] == "score"]
    words = [f"the scores {SCORES[_level(row)]} (index {number(row['Index'], 3)})" for row in score]
    features = [row for row in known if row["Watched"] != "score"]
    for level, how_far in (("alarm", "far"), ("warning", "somewhat")):
        moved = [row for row in features if _level(row) == level]
        if moved:
            which = ", ".join(f"{row['Watched']} ({number(row['Index'], 2)})" for row in moved[:4])
            words.append(f"{number(len(moved))} of {counted(len(features), 'feature')} moved {how_far}: {which}")
    if len(words) == len(score):
        words.append(f"none of {counted(len(features), 'feature')} has moved")
    return f"{name}: {'; '.join(words)}."


def missing(warehouse: Warehouse) -> Section:
    """Columns of the main tables that are NULL, or (key figures) NULL in part; each with the reason."""
    notes = warehouse.rows("SELECT metric, note FROM model_quality WHERE note IS NOT NULL ORDER BY model, metric")
    gaps: list[Row] = []
    filled_tables = 0
    for table in COVERED.split():
        counts = warehouse.one("SELECT COUNT(*) AS rows, COUNT(COLUMNS(*)) FROM query_table($table)", table=table)
        rows = counts.pop("rows")
        filled_tables += rows > 0
        for column, filled in counts.items():
            if rows and (filled == 0 or (filled < rows and column in PARTLY_SHOWN)):
                gap = "all" if filled == 0 else f"{number(rows - filled)} of {number(rows)}"
                why = _reason(warehouse, notes, table, column)
                gaps.append({"Table": table, "Column": column, "Rows without it": gap, "Why": why})
    section = Section()
    if gaps:
        empty = sum(row["Rows without it"] == "all" for row in gaps)
        section.takeaways.append(
            f"{counted(empty, 'column')} of the main tables {'is' if empty == 1 else 'are'} empty and"
            f" {number(len(gaps) - empty)} filled in part. An unknown figure is never guessed: it is a dash on this"
            " page."
        )
        section.tables.append(warehouse.table("Empty and partly filled columns", "name, name, as is, long", gaps))
    elif filled_tables:
        words = "No column of the main tables is empty, and the key figures are known for every row."
        section.takeaways.append(words)
    else:
        section.takeaways.append("None of the main tables has a row, so there is nothing to say about their columns.")
    silent = [row["source"] for row in warehouse.rows("FROM data_quality WHERE rows_read = 0 ORDER BY source")]
    if silent:
        names = ", ".join(map(name_of, silent))
        words = f"Nothing came tonight from {names}; tables that rest on them alone are unchanged, or empty."
        section.takeaways.append(words)
    return section


def _reason(warehouse: Warehouse, notes: Sequence[Row], table: str, column: str) -> str:
    """What the models' notes say of a column; otherwise the column's description in the warehouse."""
    specific = "_" in column or column in PARTLY_SHOWN  # the word 'revenue' in a note need not mean the column
    reasons = [
        row["note"]
        for row in notes
        if row["metric"] == column or (specific and re.search(rf"\b{re.escape(column)}\b", row["note"]))
    ]
    if reasons:
        return " ".join(dict.fromkeys(reasons))
    described = "SELECT comment FROM duckdb_columns() WHERE table_name = $table AND column_name = $column"
    return f"By definition: {warehouse.one(described, table=table, column=column)['comment']}"
