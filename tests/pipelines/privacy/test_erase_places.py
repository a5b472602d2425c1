"""What ingest may read and what a night writes is without the person after an erasure, or named as a find."""

import pytest
from two_people import CRM, RECEIPTS, TICKETS

from pipelines.privacy.erase import erase, summary

DAY = "2017-12-01"
LEE = "12,2017-01-01,Lee Ann Marie,ann@example.org,+12015550005,,true,,\n"


@pytest.fixture(autouse=True)
def last_first(monkeypatch):
    monkeypatch.setenv("LOYALTY_NAME_ORDER", "last_first")


def test_parts_pages_and_other_customers_texts_are_cleaned_and_the_rest_is_named(retailer):
    folder = retailer.deliver(
        DAY,
        crm_customers=CRM + LEE + "2,2017-01-01,Bob Roe,b@example.org,,,,,\n",
        receipts=RECEIPTS + "2015550005,2,2017-12-01,5,\n",
        support_tickets=TICKETS + "t1,2,2017-11-01,call 201-555-0005\nt2,2,2017-11-01,2015550006 is another\n",
    )
    parts = folder / "contacts"
    (parts / "sub").mkdir(parents=True)
    for part in (".a.csv", "b.CSV", "sub/c.csv", "d.txt", "../contacts-2.csv"):
        (parts / part).write_text("contact_id,customer_id,channel,sent_at\nm1,12,email,2017-11-01\n")
    (folder / "notes.txt").write_text("ask Ann Lee")
    page = retailer.home / "reports" / DAY / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<td>ann&#64;example.org</td><td>2015550005 (201) 555-0005</td><td>2015550006</td>")
    outcome = erase("12", retailer.settings)
    assert [(find.path.name, find.what) for find in outcome.found] == [("notes.txt", "in the file's bytes")]
    assert (folder / "support_tickets.csv").read_text() == (
        TICKETS + "t1,2,2017-11-01,\nt2,2,2017-11-01,2015550006 is another\n"
    )
    assert (folder / "receipts.csv").read_text() == RECEIPTS + "2015550005,2,2017-12-01,5,\n"
    cleaned = [folder / "contacts-2.csv", *(path for path in parts.rglob("*") if path.is_file())]
    assert [path.read_text() for path in cleaned] == ["contact_id,customer_id,channel,sent_at\n"] * 5
    assert outcome.changes[f"reports/{DAY}/index.html"] == 1
    assert page.read_text() == "<td>[erased]</td><td>[erased] ([erased]</td><td>2015550006</td>"
    assert "Not looked for: a first name, family name or patronymic alone" in list(summary(outcome))[-1]


def test_a_name_of_another_customer_too_is_left_and_said(retailer):
    folder = retailer.deliver(
        DAY,
        crm_customers=CRM + LEE + "2,2017-01-01,Ann Lee,b@example.org,,,,,\n",
        support_tickets=TICKETS + "t1,2,2017-11-01,Ann Lee called\nt2,2,2017-11-01,so did Ann Marie Lee\n",
    )
    retailer.load(DAY, upto=("staging",))
    outcome = erase("12", retailer.settings)
    assert outcome.found == ()
    assert outcome.unsought == ("a name without the middle name, where another customer has it too",)
    assert (
        folder / "support_tickets.csv"
    ).read_text() == TICKETS + "t1,2,2017-11-01,Ann Lee called\nt2,2,2017-11-01,\n"
