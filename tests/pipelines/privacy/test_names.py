"""Names that an erasure looks for: as the CRM gives them, in parts or whole, by the rule by which lists part them."""

import duckdb
import pytest
from conftest import Retailer
from hypothesis import given
from hypothesis import strategies as st

from pipelines.catalog import query
from pipelines.privacy.erase import erase
from pipelines.privacy.spellings import family_and_given, words_of
from pipelines.settings import NameOrder

DAY = "2017-12-01"
TICKETS = "ticket_id,customer_id,opened_at,topic\n"


def blanked(retailer: Retailer, header: str, values: str, *texts: str) -> list[str]:
    """Erase a customer of the CRM; returns which of some texts in others' rows went."""
    crm = f"customer_id,registered_at,{header}\n12,2017-01-01,{values}\n"
    tickets = "".join(f"t{n},2,2017-11-01,{text}\n" for n, text in enumerate(texts))
    path = retailer.deliver(DAY, crm_customers=crm, support_tickets=TICKETS + tickets) / "support_tickets.csv"
    assert erase("12", retailer.settings).found == ()
    kept = [line.split(",")[3] for line in path.read_text().splitlines()[1:]]
    return [text for text, left in zip(texts, kept, strict=True) if not left]


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("first_name,middle_name,last_name", "Анна,Петровна,Иванова"),
        ("last_name,first_name,middle_name,name", "Иванова,Анна,Петровна,Иванова"),
        ("name,middle_name", "Анна Иванова,Петровна"),
    ],
)
def test_given_parts_are_looked_for_together(retailer, header, values):
    found = ["Иванова Анна", "Анна Петровна Иванова", "ИВАНОВА / Анна Иванова"]
    other = ["Анна Петровна", "Иванова", "Анна"]
    assert blanked(retailer, header, values, *found, *other) == found


@pytest.mark.parametrize(
    ("header", "values"),
    [("last_name,name", "Lee,Ann"), ("first_name,name", "Ann,Lee"), ("first_name,name", "Ann,Lee Ann")],
)
def test_a_name_of_which_a_column_holds_the_one_part_and_name_the_other_is_looked_for(retailer, header, values):
    assert blanked(retailer, header, values, "Ann Lee", "Lee; Ann", "Ann", "Lee") == ["Ann Lee", "Lee; Ann"]


def test_a_family_name_of_several_words_is_looked_for_whole(retailer):
    found = ["Ann van der Lee", "van der Lee / Ann", "Mary van der Lee", "Ann Mary van der Lee"]
    other = ["Ann Lee", "van der Lee", "Ann Mary"]
    assert blanked(retailer, "first_name,last_name", "Ann Mary,van  der Lee", *found, *other) == found


WORDS = st.sampled_from(["Ann", "Lee", "O'Brien", "van", "Иванова", "ÉMILE", "Müller-Schmidt", "Dr."])
GAPS = st.sampled_from([" ", "  ", "\u00a0", "\t", ", ", ","])


@given(
    pieces=st.lists(st.tuples(WORDS, GAPS), min_size=1, max_size=6),
    order=st.sampled_from(["first_last", "last_first"]),
)
def test_the_family_name_is_the_last_name_of_lists(pieces: list[tuple[str, str]], order: NameOrder) -> None:
    name = "".join(word + gap for word, gap in pieces[:-1]) + pieces[-1][0]
    with duckdb.connect() as con:
        con.execute("CREATE TABLE list_setting AS SELECT $order AS name_order", {"order": order})
        con.execute(
            "CREATE TABLE list_channel AS SELECT 0 AS list_number, 'x' AS campaign_id, '' AS channel, '' AS target"
        )
        con.execute(
            """CREATE TABLE list_decision AS SELECT 0 AS list_number, 'a' AS customer_id, 'treated' AS arm,
            NULL::VARCHAR AS reason, '' AS email, '' AS phone, '' AS push_token, '' AS messenger_id"""
        )
        con.execute(
            """CREATE TABLE crm_customers_personal AS SELECT 'a' AS customer_id, $name AS name,
            NULL::VARCHAR AS first_name, NULL::VARCHAR AS last_name, NULL::VARCHAR AS middle_name""",
            {"name": name},
        )
        listed = con.execute(
            f"SELECT COALESCE(last_name, ''), CONCAT_WS(' ', first_name, middle_name) FROM ({query('lists/entry')})"
        ).fetchone()
    assert listed is not None
    assert tuple(map(words_of, listed)) == family_and_given(name, order)
