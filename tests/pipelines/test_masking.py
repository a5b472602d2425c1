"""What a person sees of addresses and names who only looks at a list."""

import pytest

from pipelines.masking import initials, masked_email, masked_phone, masked_token


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("ann@example.org", "a***@e***.org"),
        ("a@b.co.uk", "a***@b***.uk"),
        ("ann@localhost", "***"),
        ("@example.org", "***"),
        ("ann", "***"),
    ],
)
def test_an_email_shows_two_letters_and_the_end_of_its_domain(address, shown):
    assert masked_email(address) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [("+447911123412", "+4479*****12"), ("+4479111234", "+4479*****34"), ("+290123456", "+2*****"), ("+2901", "*****")],
)
def test_a_phone_shows_its_first_digits_and_the_last_two_and_a_short_one_less(number, shown):
    assert masked_phone(number) == shown


def test_tokens_and_names_show_a_letter():
    assert (masked_token("token-1"), masked_token("t")) == ("t***", "***")
    assert (initials("Ann", None, "Lee"), initials(None, "")) == ("A. L.", "")
