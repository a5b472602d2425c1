"""Whether customers prefer channels as forecast, beyond what all of them do: judged on later contacts.

A customer who buys much does so after contacts on any channel, so a forecast of the best channel is judged within
customers: of those who bought after later contacts, were it the contacts on the channels that the forecast prefers for
them? Given how often each customer bought, and how often all do on each channel, purchases without preferences are
spread over the customer's contacts by the channels' rates (Poisson regression with a fixed effect a customer: Hausman,
Hall and Griliches 1984). The test is the score test of the forecast in that regression. Its variance is summed by
customer, as one purchase may follow several contacts.
"""

import numpy as np
from scipy.special import ndtr

from models.types import Floats

MAX_ROUNDS = 500
TOLERANCE = 1e-10


def preference_p_value(preference: Floats, delivered: Floats, bought: Floats) -> tuple[float, int]:
    """One-sided p-value of preferences that are worth nothing, and the customers that tell; 1.0 if nobody does.

    Those tell who bought after a contact and were contacted on two channels or more.

    Args:
        preference: customer x channel: logarithm of the forecast rate on the channel less that of all customers.
        delivered: contacts, of the same shape; later than all that the forecast knows.
        bought: those of them that a purchase followed.
    """
    told = (bought.sum(axis=1) > 0) & ((delivered > 0).sum(axis=1) > 1)
    delivered, bought, preference = delivered[told], bought[told], preference[told]
    used = bought.sum(axis=0) > 0
    if not told.any() or used.sum() < 2:
        return 1.0, int(told.sum())
    share = _shares(delivered[:, used], bought[:, used])
    expected = bought[:, used].sum(axis=1, keepdims=True) * share
    beyond = _unexplained(preference[:, used], share, expected)
    score = (beyond * (bought[:, used] - expected)).sum(axis=1)
    error = float(np.sqrt((score**2).sum()))
    return (float(ndtr(-score.sum() / error)) if error > 0 else 1.0), int(told.sum())


def _shares(delivered: Floats, bought: Floats) -> Floats:
    """Customer x channel, rows sum to 1: how purchases without preferences are spread over a customer's contacts."""
    rate = np.ones(delivered.shape[1])
    for _ in range(MAX_ROUNDS):
        share = delivered * rate / (delivered @ rate)[:, None]
        step = bought.sum(axis=0) / np.maximum((bought.sum(axis=1, keepdims=True) * share).sum(axis=0), 1e-300)
        rate = rate * step / (rate * step).mean()
        if np.abs(step - 1).max() < TOLERANCE:
            break
    return np.asarray(delivered * rate / (delivered @ rate)[:, None])


def _unexplained(preference: Floats, share: Floats, weight: Floats) -> Floats:
    """What of the preferences neither a level of the customer nor one of the channel explains; by least squares."""
    centred = preference - (share * preference).sum(axis=1, keepdims=True)
    channels = np.eye(share.shape[1])[None] - share[:, None, :]  # customer x channel x dummy, centred within customers
    root = np.sqrt(weight).ravel()
    flat = channels.reshape(-1, share.shape[1])
    effect = np.linalg.lstsq(flat * root[:, None], centred.ravel() * root, rcond=None)[0]
    return np.asarray(centred - (flat @ effect).reshape(share.shape))
