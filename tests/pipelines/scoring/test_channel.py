"""Channels over nights: choices that are logged and weighed, and the best channel."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from regulars import NIGHT, load, opened

from pipelines.scoring.channel import _draws


@pytest.fixture
def shop(retailer):
    return opened(retailer)


def test_choices_are_drawn_by_month_logged_when_used_and_weighed(shop):
    first = load(shop, NIGHT)
    columns = "customer_id, chosen_channel, choice_probability, is_explored, best_channel, method"
    chosen = {row[0]: row[1:] for row in shop.rows(first, "customer_channel", columns)}
    for n in range(40):
        channel, probability, *rest = chosen[f"c{n}"]
        assert (probability, *rest) == (0.5 if n % 2 == 0 else 1.0, True, None, "observational")
        assert channel in (("email", "sms") if n % 2 == 0 else ("email",))
    assert {chosen[f"c{n}"][0] for n in range(0, 40, 2)} == {"email", "sms"}

    contacts = "contact_id,customer_id,channel,sent_at,delivered_at\n"
    sent = NIGHT + timedelta(1)
    for n in range(40):
        contacts += f"k{n},c{n},email,{sent}T09:00:00,{sent}T09:01:00\n"
    shop.deliver(f"{sent}", contacts=contacts)
    second = load(shop, sent)
    logged = shop.rows(second, "channel_log", "contact_id, customer_id, channel, choice_probability, is_explored")
    assert logged == sorted(
        (f"k{n}", f"c{n}", "email", chosen[f"c{n}"][1], True) for n in range(40) if chosen[f"c{n}"][0] == "email"
    )
    later = sent + timedelta(7)
    shop.deliver(f"{later}")
    third = load(shop, later)
    assert shop.rows(third, "channel_log", "contact_id") == [(row[0],) for row in logged]
    weights = dict(shop.rows(third, "contact_response", "customer_id, logged_weight"))
    assert weights == {
        f"c{n}": Decimal(1 / chosen[f"c{n}"][1]) if chosen[f"c{n}"][0] == "email" else 0 for n in range(40)
    }
    counts = dict(shop.rows(third, "customer_channel", "customer_id, delivered_count"))
    assert counts == {f"c{n}": 1 for n in range(40)}


@pytest.mark.parametrize("method", ["observational", "base_rate"])
def test_the_best_channel_is_published_for_customers_and_segments(shop, method):
    """Each got an e-mail two days before every monthly purchase, and an sms eight days after it; every third the other
    way round, or nobody: then customers have no preferences, and all do better on e-mail."""
    contacts = "contact_id,customer_id,channel,sent_at,delivered_at\n"
    for n in range(40):
        before, after = ("sms", "email") if method == "observational" and n % 3 == 0 else ("email", "sms")
        for month in range(1, 12):
            bought = NIGHT - timedelta(30 * month + n % 7)
            for channel, day in ((before, bought - timedelta(2)), (after, bought + timedelta(8))):
                contacts += f"{channel}{n}-{month},c{n},{channel},{day}T09:00:00,{day}T09:01:00\n"
    shop.deliver(f"{NIGHT + timedelta(1)}", contacts=contacts)
    load(shop, NIGHT)
    night = load(shop, NIGHT + timedelta(1))
    columns = "customer_id, best_channel, p_purchase, delivered_count, method, p_sms, p_email, p_push"
    for customer, best, p, count, *rest in shop.rows(night, "customer_channel", columns):
        is_other = method == "observational" and int(customer[1:]) % 3 == 0
        assert (best, count, rest[0], rest[3]) == ("sms" if is_other else "email", 22, method, None)
        assert p == max(rest[1:3]) > 0.7 > 0.3 > min(rest[1:3])
    assert set(shop.rows(night, "segment_channel", "channel, is_best")) == {("email", True), ("sms", False)}


def test_draws_are_the_first_digits_of_the_md5():
    md5s = pa.chunked_array([["00000000" + "ffffffff" + 16 * "a"], ["80000000" + "00000001" + 16 * "b"]])
    assert _draws(md5s).tolist() == [[0.0, 1 - 2**-32], [0.5, 2**-32]]
    assert np.shape(_draws(pa.chunked_array([], pa.string()))) == (0, 2)
