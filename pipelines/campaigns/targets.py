"""Export targets: the formats of importing tools. `content` has the SQL that fills them.

The formats are the contracts in data_contracts/exports/: headers, where a column's value comes from, what is hashed,
delimiter, size limit, fewest rows, and how the tool removes people.
"""

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Literal, get_args

from open_data_contract_standard.model import SchemaProperty

from pipelines.campaigns.channels import ADDRESSES
from pipelines.contracts import CONTRACTS, custom_properties, open_contract
from pipelines.engines.sql import literal
from pipelines.intake.addresses import COUNTRIES

Kind = Literal["list", "removals"]

# How people leave a list in the tool. replace: each upload of the list takes the place of the last. subtract: a file
# for the tool's own "remove". field: both files carry a membership field, 1 or 0, and the tool's segment filters on it.
# none: the tool keeps no list; a file is one sending.
Removal = Literal["replace", "subtract", "field", "none"]


# Where a contract's column takes its value: r = the customer's row on the list, c = the consents of the person that the
# customer is now. Who is no customer any more has none. A row without a customer is an old address of one who stays.
SOURCES = {
    **{name: f"r.{name}" for name in (*ADDRESSES, "customer_id", "first_name", "last_name", "middle_name")},
    "country": "phone_country(r.phone)",
    "email_opt_out": """CASE WHEN r.customer_id IS NOT NULL AND COALESCE(c.is_deleted OR NOT c.email_consent, TRUE)
        THEN 1 END""",
}
NAMES = ("first_name", "middle_name", "last_name")


# A removal names the customer, and says nothing else about them.
REMOVAL_SOURCES = {*ADDRESSES, "customer_id", "email_opt_out"}


# A gmail address without the dots and the +suffix of its local part, which Google ignores.
_GOOGLE_EMAIL = r"""CASE WHEN regexp_matches({0}, '@(gmail|googlemail)\.com$')
    THEN replace(split_part(split_part({0}, '@', 1), '+', 1), '.', '') || '@' || split_part({0}, '@', 2) ELSE {0} END"""


_COUNTRY = f"CASE WHEN upper(trim({{0}})) IN ({', '.join(map(literal, sorted(COUNTRIES)))}) THEN upper(trim({{0}})) END"


# What a spreadsheet takes for the beginning of a formula: = + - @, also in full width, and what may stand before them.
_FORMULA = r"=+\-@" + "\uff1d\uff0b\uff0d\uff20" + r"\t\r\n"
_ONE_LINE = r"regexp_replace({0}, '[\r\n]+', ' ', 'g')"
_NO_FORMULA = f"CASE WHEN regexp_matches({{0}}, '^[{_FORMULA}]') THEN '''' || {{0}} ELSE {{0}} END"
_CUT_NAME = rf"regexp_replace({{0}}, '^[{_FORMULA}\s\pZ''" + "\u2019]+', '')"


# How a value is written; a record is one line. Text that would be a formula gets an apostrophe before it. From a name
# such a beginning is cut off, and an apostrophe too: Yespo refuses a name that begins with one.
FORMS = {
    "plain": "{0}",
    "text": _ONE_LINE.format(_NO_FORMULA),
    "name": f"NULLIF(trim({_ONE_LINE.format(_CUT_NAME)}), '')",
    "country": _COUNTRY,
    "sha256": "sha256(NULLIF(lower(trim({0})), ''))",
    "sha256_digits": "sha256(ltrim({0}, '+'))",
    "sha256_google_email": f"sha256({_GOOGLE_EMAIL})",
    "sha256_email_without_suffix": r"sha256(regexp_replace({0}, '^([^+@]+)\+[^@]*@', '\1@'))",
    "sha256_ascii_email": "sha256(ascii_email({0}))",
    "sha256_country": f"sha256(lower({_COUNTRY}))",
}
COUNTRY_FORMS = ("country", "sha256_country")


@dataclass(frozen=True)
class TargetColumn:
    """A column of a target's file.

    Attributes:
        header: As the tool names it.
        source: One of SOURCES; without it the campaign fills the column.
        form: One of FORMS.
        always: A file has the column also without a value.
        is_open: The campaign may fill it, also in the source's place.
        needs: Headers without whose values it has none.
    """

    header: str
    source: str | None = None
    form: str = "text"
    always: bool = False
    is_open: bool = True
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """The file that an importing tool takes.

    Attributes:
        name: Of its contract.
        channels: What it serves.
        columns: In their order.
        format: Of the file.
        removal: How people leave a list in the tool.
        delimiter: Of CSV.
        maximum_bytes: Files are smaller than this.
        minimum_rows: The tool takes no fewer in a list.
        maximum_field_name: Characters in the name of a field; None is no limit.
        membership_days: After so many days the tool forgets who was not uploaded again.
        free_columns: A campaign may add columns.
    """

    name: str
    channels: tuple[str, ...]
    columns: tuple[TargetColumn, ...]
    format: Literal["csv", "jsonl"]
    removal: Removal
    delimiter: str = ","
    maximum_bytes: int | None = None
    minimum_rows: int = 0
    maximum_field_name: int | None = None
    membership_days: int | None = None
    free_columns: bool = False

    @property
    def open_headers(self) -> set[str]:
        """Headers of the contract that a campaign may fill."""
        return {column.header for column in self.columns if column.is_open}

    @property
    def takes_removals(self) -> bool:
        """Whether there are files of who left; any other tool would take them for a list, and add people."""
        return self.removal in ("subtract", "field")


def target_names() -> list[str]:
    """All targets that have a contract in data_contracts/exports/."""
    return sorted(path.stem for path in (CONTRACTS / "exports").glob("*.yaml"))


@cache
def export_target(name: str) -> Target:
    """The target of this name, from its contract.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file is no valid contract, a column's source or form is unknown, or it doesn't say how the tool
            removes people and where that was read; the message names the file.
    """
    with open_contract(CONTRACTS / "exports" / f"{name}.yaml") as file:
        (server,) = file.servers
        return Target(
            name=name,
            channels=tuple(file.custom["channels"]),
            columns=tuple(map(_column, file.schema.properties or [])),
            format="jsonl" if server.format == "jsonl" else "csv",
            removal=_removal(file.custom),
            delimiter=server.delimiter or ",",
            maximum_bytes=file.custom.get("maximumBytes"),
            minimum_rows=file.custom.get("minimumRows", 0),
            maximum_field_name=file.custom.get("maximumFieldName"),
            membership_days=file.custom.get("membershipDays"),
            free_columns=bool(file.custom.get("freeColumns")),
        )


def _removal(custom: dict[str, Any]) -> Removal:
    """How the tool removes people; a contract also says on which page of the vendor that was read, and when."""
    removal: Removal = custom.get("removal", "")
    if removal not in get_args(Removal):
        raise ValueError(f"removal {removal!r} is none of {', '.join(get_args(Removal))}")
    if removal != "none":
        if not str(custom.get("removalPage")).startswith("https://"):
            raise ValueError(f"removal {removal} needs a removalPage, https://...: where the vendor says so")
        try:
            date.fromisoformat(str(custom.get("removalReadOn")))
        except ValueError:
            raise ValueError("removalReadOn must be the day on which removalPage was read, like 2025-12-31") from None
    return removal


def _column(prop: SchemaProperty) -> TargetColumn:
    custom = custom_properties(prop.customProperties)
    source, form = custom.get("source"), custom.get("form")
    if source not in (None, *SOURCES) or form not in (None, *FORMS):
        raise ValueError(f"column {prop.name}: unknown source {source!r} or form {form!r}")
    return TargetColumn(
        header=prop.name or "",
        source=source,
        form=form or form_of(source),
        always=bool(custom.get("always")),
        is_open=source is None or bool(custom.get("open")),
        needs=tuple(custom.get("needs", ())),
    )


def form_of(source: str | None) -> str:
    """How the values of a source are written unless a contract says otherwise."""
    if source in NAMES:
        return "name"
    return "plain" if source in (*ADDRESSES, "email_opt_out") else "text"
