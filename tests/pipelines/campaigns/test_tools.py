"""What importing tools make of the files: exactly tonight's list, whatever the nights before, in either order."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from campaign_shop import NIGHT, CampaignShop, campaign, files_of
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tools import CRMS, PLATFORMS, AdPlatform, ContactTool, Gateway, RefusedError

from pipelines.campaigns.content import ListFile, list_query
from pipelines.campaigns.targets import export_target
from pipelines.intake.addresses import register_file_functions

# Addresses that differ and are one for some tools: dots, suffixes, letters of other scripts.
EMAILS = [
    "ann.lee@gmail.com",
    "annlee@gmail.com",
    "ann.lee+shop@gmail.com",
    "bob@example.org",
    "bob+shop@example.org",
    "bob@почта.рф",
    "carl@example.org",
]
PHONES = [None, "+12015550101", "+12015550102", "+442079460958"]
# Who is on a night's list: e-mail and phone by customer.
OnTheList = dict[str, tuple[str, str | None]]
COLUMNS = [
    *("campaign_id", "channel", "target", "customer_id", "email", "phone", "push_token", "messenger_id"),
    *("first_name", "middle_name", "last_name"),
]

stories = st.lists(
    st.dictionaries(st.sampled_from("abcd"), st.tuples(st.sampled_from(EMAILS), st.sampled_from(PHONES))),
    min_size=2,
    max_size=4,
)
some_stories = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # a story takes too long to be shrunk
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Customers who consent to everything; files need nothing else of them."""
    with duckdb.connect(config={"threads": 1}) as found:
        register_file_functions(found)
        found.execute("CREATE TABLE customer_identity (source_customer_id VARCHAR, customer_id VARCHAR)")
        found.execute("CREATE TABLE customer AS SELECT unnest(['a', 'b', 'c', 'd']) AS customer_id")
        found.execute("ALTER TABLE customer ADD COLUMN is_deleted BOOLEAN DEFAULT FALSE")
        found.execute("ALTER TABLE customer ADD COLUMN email_consent BOOLEAN DEFAULT TRUE")
        yield found


def removed(before: OnTheList, tonight: OnTheList) -> Iterator[tuple[str | None, str | None, str | None]]:
    """Who left, and the old addresses of who stays and has another now: customer, e-mail, phone."""
    for customer, (email, phone) in before.items():
        if customer not in tonight:
            yield customer, email, phone
        elif tonight[customer] != (email, phone):
            now = tonight[customer]
            yield None, email if email != now[0] else None, phone if phone != now[1] else None


def write(
    con: duckdb.DuckDBPyConnection, before: OnTheList, tonight: OnTheList, file: ListFile, path: Path
) -> list[dict[str, Any]]:
    """Write a file of a night; returns who is on its list."""
    rows = {
        "list_entry": [(customer, *addresses) for customer, addresses in tonight.items()],
        "list_removal": list(removed(before, tonight)),
    }
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    known = {"campaign_id": "x", "channel": file.channel, "target": file.target.name}
    for name, found in rows.items():
        made = [known | dict(zip(("customer_id", "email", "phone"), row, strict=True)) for row in found]
        con.register(name, pa.Table.from_pylist(made, schema=schema))
    delimiter = file.target.delimiter
    con.execute(f"COPY ({list_query(file)}) TO '{path}' (FORMAT CSV, HEADER, DELIMITER '{delimiter}')", file.parameters)
    return [{"customer_id": c, "email": email, "phone": phone} for c, (email, phone) in tonight.items()]


def nights(
    con: duckdb.DuckDBPyConnection,
    story: list[OnTheList],
    tools: list[AdPlatform | ContactTool],
    folder: Path,
    removals_first: bool,
) -> Iterator[tuple[AdPlatform | ContactTool, list[dict[str, Any]]]]:
    """Each tool after each night, whose files it has imported, and who is on the list."""
    before: OnTheList = {}
    for tonight in story:
        for tool in tools:
            target, channel = export_target(tool.name), "ads" if isinstance(tool, AdPlatform) else "email"
            steps: list[Any] = [("list", tool.import_list)]
            if target.takes_removals:
                steps.insert(0 if removals_first else 1, ("removals", tool.import_removals))
            listed: list[dict[str, Any]] = []
            for kind, step in steps:
                file = ListFile(target, "x", channel, kind)
                listed = write(con, before, tonight, file, folder / "file.csv")
                step(folder / "file.csv")
            yield tool, listed
        before = tonight


@some_stories
@given(story=stories, removals_first=st.booleans())
def test_ad_platforms_hold_exactly_tonights_list(
    con: duckdb.DuckDBPyConnection,
    tmp_path_factory: pytest.TempPathFactory,
    story: list[OnTheList],
    removals_first: bool,
) -> None:
    tools: list[Any] = [AdPlatform(name, checks_size=False) for name in PLATFORMS]
    for tool, listed in nights(con, story, tools, tmp_path_factory.getbasetemp(), removals_first):
        assert tool.members == tool.members_of(listed), tool


@some_stories
@given(story=stories, removals_first=st.booleans())
def test_segments_of_crm_tools_hold_exactly_tonights_list(
    con: duckdb.DuckDBPyConnection,
    tmp_path_factory: pytest.TempPathFactory,
    story: list[OnTheList],
    removals_first: bool,
) -> None:
    tools: list[Any] = [ContactTool(name, ("loyalty_x",)) for name in CRMS]
    for tool, listed in nights(con, story, tools, tmp_path_factory.getbasetemp(), removals_first):
        assert tool.segment("loyalty_x", "1") == {row["email"] for row in listed}, tool


@pytest.mark.parametrize("target", ["yandex", "sms", "push", "messenger"])
def test_there_is_no_file_of_removals_where_it_would_add_people(target: str) -> None:
    with pytest.raises(ValueError, match=f"{target} takes no file of removals"):
        list_query(ListFile(export_target(target), "x", export_target(target).channels[0], "removals"))


@pytest.mark.parametrize(
    ("channel", "target", "address", "expected"),
    [
        ("sms", "sms", "phone", ["+12015550123"]),
        ("call", "sms", "phone", ["+12015550123"]),
        ("push", "push", "token", ["t"]),
        ("messenger", "messenger", "messenger_id", ["m"]),
    ],
)
def test_gateways_send_to_tonights_list_and_are_told_of_no_removal(
    shop: CampaignShop, channel: str, target: str, address: str, expected: list[str]
) -> None:
    shop.customer("gone", "lapsing", phone="(201) 555-0199")
    tonight = campaign("win_back", channels=[{"channel": channel, "target": target}])
    shop.write(tonight, night=NIGHT - timedelta(1))
    shop.leave("gone")
    shop.customer("a", "lapsing", phone="(201) 555-0123", push_token="t", messenger_id="m")
    (file,) = files_of(shop.write(tonight))
    gateway = Gateway(address)
    gateway.import_list(shop.out_dir / f"{NIGHT}" / "win_back" / file.path)
    assert gateway.sent == expected


HASH = "a" * 64


@pytest.mark.parametrize(
    ("target", "text", "why"),
    [
        ("google_ads", "Email,Phone\n", "the headers are"),
        ("google_ads", f"Email,Phone,First Name,Last Name,Country,Zip\n,,{HASH},,US,\n", "a name without Country"),
        ("google_ads", "Email,Phone,First Name,Last Name,Country,Zip\na@b.cd,,,,,\n", "Email is no SHA-256"),
        ("tiktok", f"Email_SHA256,Phone_SHA256\n{HASH},\n", "1 rows are too few"),
        ("yandex", f"email,phone,ext_id\n{HASH},,a\n", "1 rows are too few"),
        ("meta", "email;phone\n", "the headers are"),
    ],
)
def test_the_simulated_platforms_refuse_what_the_platforms_refuse(
    tmp_path: Path, target: str, text: str, why: str
) -> None:
    (tmp_path / "ads.csv").write_text(text)
    with pytest.raises(RefusedError, match=why):
        AdPlatform(target).import_list(tmp_path / "ads.csv")


@pytest.mark.parametrize(
    ("target", "text", "why"),
    [
        ("esputnik", "email,firstName\na@b.cd,'Ann\n", "a name begins with '"),
        ("unisender", "email,loyalty_y\na@b.cd,1\n", "there is no field loyalty_y"),
        ("unisender", "email,loyalty_x\n,1\n", "a row names nobody"),
        ("mautic", f"email,{'x' * 26}\n", "is too long"),
        ("mindbox", "Email,loyalty_x\n", "there is no field Email,loyalty_x"),
    ],
)
def test_the_simulated_crm_tools_refuse_what_the_tools_refuse(tmp_path: Path, target: str, text: str, why: str) -> None:
    (tmp_path / "email.csv").write_text(text)
    with pytest.raises(RefusedError, match=why):
        ContactTool(target, ("loyalty_x", "firstName", "x" * 26)).import_list(tmp_path / "email.csv")
