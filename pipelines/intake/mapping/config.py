"""What `<home>/mapping.yaml` may say: feeds, and how each source is made of them."""

import re
from dataclasses import asdict
from typing import Annotated, Any, Literal

from open_data_contract_standard.model import Server
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pipelines.dialect import read_dialect
from pipelines.intake.mapping.feed_dialect import FeedDialect

Aggregate = Literal["sum", "min", "max", "first"]
# Of a column's rule: where the value comes from. One of them stands in each.
ORIGINS = ("column", "expression", "constant", "id_of_email", "number_within")


def _as_text(value: Any) -> Any:
    """A number or a yes as the text that was meant: YAML reads 1 and true as such."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value}" if isinstance(value, int | float) else value


Text = Annotated[str, BeforeValidator(_as_text), Field(max_length=2000)]
Header = Annotated[str, BeforeValidator(_as_text), Field(min_length=1, max_length=500)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DialectPart(_Part):
    """How the files of a feed are written; what is left out is as in a contract."""

    encoding: str = "utf-8"
    delimiter: str | None = None
    decimal_mark: str = "."
    grouping_mark: str | None = None
    date_order: Literal["day_first", "month_first", "year_first"] | None = None
    date_format: str | None = None
    time_zone: str | None = None
    null_values: list[Text | None] | None = None
    sheet: Header | None = None
    header_row: Annotated[int, Field(ge=1)] = 1
    rows: Header | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> "DialectPart":
        self.read([])
        return self

    def read(self, files: list[str]) -> FeedDialect:
        """The dialect of files of such names: tabs stand between the fields of .tsv unless it says otherwise.

        Raises:
            ValueError: it makes no sense.
        """
        is_tsv = bool(files) and all(re.search(r"(?i)\.tsv(\.gz)?$", name) for name in files)
        delimiter = self.delimiter or ("\t" if is_tsv else ",")
        custom: dict[str, Any] = {"timeZone": self.time_zone}
        if "decimal_mark" in self.model_fields_set:
            custom["decimalMark"] = self.decimal_mark
        if self.grouping_mark is not None:
            custom["groupingMark"] = self.grouping_mark
        if self.date_format is not None:
            custom["dateFormat"] = self.date_format
            self._check_order(self.date_format.upper())
        if self.null_values is not None:
            custom["nullValues"] = self.null_values
        server = Server(delimiter="\t" if delimiter.lower() in ("tab", "\\t") else delimiter, encoding=self.encoding)
        try:
            found = read_dialect(server, custom)
        except ValueError as error:
            named = {"decimalMark": "decimal_mark", "groupingMark": "grouping_mark", "timeZone": "time_zone"}
            text = f"{error}"
            for theirs, ours in (*named.items(), ("dateFormat", "date_format"), ("nullValues", "null_values")):
                text = text.replace(theirs, ours)
            raise ValueError(text) from None
        return FeedDialect(
            **asdict(found),
            date_order=None if self.date_format else self.date_order,
            sheet=self.sheet,
            header_row=self.header_row,
            rows=self.rows,
        )

    def _check_order(self, date_format: str) -> None:
        first = {"DD": "day_first", "MM": "month_first", "YY": "year_first"}.get(date_format.strip()[:2])
        if self.date_order and first and first != self.date_order:
            raise ValueError(f"date_order {self.date_order} and date_format {self.date_format} say different things")


class FillDown(_Part):
    """Columns that stand on the first line of an order alone: each line of it takes them over."""

    by: Header
    columns: list[Header] = Field(min_length=1)


# How a pattern may end that is of workbooks, and of JSON.
_BOOKS = (".xlsx", ".xlsm", "*")
_JSON = (".json", ".jsonl", ".ndjson", "*")


class Feed(_Part):
    """Files of one form: which they are, how they are written, what is left out of them."""

    files: list[Annotated[str, Field(min_length=1, max_length=500)]] = Field(min_length=1)
    dialect: DialectPart = DialectPart()
    fill_down: FillDown | None = None
    filters: dict[Name, Text] = {}

    @model_validator(mode="after")
    def _is_of_one_form(self) -> "Feed":
        dialect, names = self.dialect, [name.lower() for name in self.files]
        if (dialect.sheet is not None or dialect.header_row != 1) and not any(n.endswith(_BOOKS) for n in names):
            raise ValueError(
                "sheet: and header_row: are of workbooks (.xlsx); a header of text stands in the first line: take what "
                "is above it away"
            )
        if dialect.rows is not None and not any(n.removesuffix(".gz").endswith(_JSON) for n in names):
            raise ValueError("rows: is of JSON (.json, .jsonl), whose objects hold a list of that name")
        return self

    def read_dialect(self) -> FeedDialect:
        return self.dialect.read(self.files)


class ColumnRule(_Part):
    """Where a source's column comes from, and what is made of it."""

    column: Header | None = None
    expression: Text | None = None
    constant: Text | None = None
    id_of_email: Header | None = None
    number_within: Header | None = None
    values: dict[Text, Text | None] | None = None
    default: Text | None = None
    aggregate: Aggregate | None = None

    @model_validator(mode="after")
    def _has_one_origin(self) -> "ColumnRule":
        found = [name for name in ORIGINS if getattr(self, name) is not None]
        if len(found) != 1:
            named = f"here are {' and '.join(found)}" if found else "here is none"
            raise ValueError(f"a column comes from one of {', '.join(ORIGINS)}; {named}")
        if found[0] not in ("column", "expression") and (self.values is not None or self.default is not None):
            raise ValueError(f"values and default go with column or expression, not with {found[0]}")
        if found[0] in ("constant", "number_within") and self.aggregate is not None:
            raise ValueError(f"{found[0]} has no aggregate")
        if self.values is not None:
            folded = [key.strip().lower() for key in self.values]
            if twice := sorted({key for key in folded if folded.count(key) > 1}):
                raise ValueError(f"values: {twice[0]!r} is there twice, as capitals make no difference")
        return self

    @property
    def origin(self) -> str:
        return next(name for name in ORIGINS if getattr(self, name) is not None)


class SourcePart(_Part):
    """How rows of a source are made of a feed's."""

    feed: str
    group_by: list[Header] = []
    columns: dict[str, ColumnRule] = Field(min_length=1)
    only_between: dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]] = {}


class MappingModel(_Part):
    """The file."""

    feeds: dict[Name, Feed] = Field(min_length=1)
    sources: dict[str, list[SourcePart]] = Field(min_length=1)
    every_night: list[str] = ["receipts"]
