"""What is a person's own, and what another customer has too."""

from two_people import DAYS, landing


def test_what_another_customer_has_too_stays_with_them(erased):
    assert "(201) 555-0123" in landing(erased, DAYS[0], "crm_customers.csv")[1]
