"""Best channel: on which a customer is likeliest to buy within 7 days of a delivery, learnt from few contacts each.

Three levels, each shrunk towards the one above by empirical Bayes: a channel in the population, in a segment, for a
customer. What customers did on one channel also says how much they buy at all. So the expectation of a customer on a
channel is the segment's times how they did on the *other* channels (a gamma-Poisson ratio). Their own contacts there
then move it (a beta-binomial). Without the first step a frequent buyer's only channel would always seem their best.

Opens and clicks are weaker signs. One without a purchase counts as a share of a purchase: the share that forecasts the
customers' purchases on other channels best. Probabilities are of buying after a delivery, not because of it.

What is learnt from the earlier contacts is held against the last ones (models.channel_skill). Where customers do not
prefer channels as forecast beyond chance, or nobody can tell, everybody gets what all do on the channel: base_rate.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import betaln, gammaln

from models.channel_skill import preference_p_value
from models.evaluation.skill import Skill
from models.types import Booleans, Floats, Integers, QualityRow

Method = Literal["explored", "observational", "base_rate"]

CHANNELS = ("ads", "call", "email", "messenger", "push", "sms")
MIN_DELIVERED = 100
MIN_LOGGED = 100
# Bounds of the number of expected contacts against which a customer's own contacts weigh.
CONCENTRATION = (0.5, 10_000.0)
HIGHEST_RATE = 0.95
SIGN_WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)
MAX_SIGN_CUSTOMERS = 20_000
SEED = 7


@dataclass(frozen=True)
class ChannelModel:
    """What is known of channels before a customer's own contacts.

    Attributes:
        method: whether channels were drawn at random (explored) or not; base_rate: everybody gets base_rates.
        base_rates: of all customers, by channel in use.
        rates: grain segment and channel: segment, channel, delivered_count, purchase_count, p_purchase (shrunk).
        sign_rates: by channel, the share of contacts without a purchase that were clicked; and that were opened only.
        sign_weights: the shares of a purchase as which a click without one counts, and an open.
        customer_concentration: contacts that the expectation of a customer weighs.
        ratio_concentration: expected purchases that a customer's overall level weighs.
    """

    method: Method
    base_rates: dict[str, float]
    rates: pd.DataFrame
    sign_rates: tuple[dict[str, float], dict[str, float]]
    sign_weights: tuple[float, float]
    customer_concentration: float
    ratio_concentration: float


@dataclass(frozen=True)
class ChannelFit:
    """The model, None if too few contacts were delivered, and (metric, value, note) for model_quality."""

    model: ChannelModel | None
    quality: list[QualityRow]


def fit_channel(counts: pd.DataFrame, responses: pd.DataFrame) -> ChannelFit:
    """What segments and customers do on each channel, and how much it differs between them.

    Args:
        counts: grain segment and channel, of all customers: segment, channel, delivered_count, opened_count,
            clicked_count, purchase_count, opened_purchase_count (opened but not clicked), clicked_purchase_count, and
            of contacts on a channel that was chosen with a known probability logged_count, logged_weight (the sum of
            1 / probability) and logged_purchase_weight (of those with a purchase).
        responses: grain customer, channel and is_recent, sorted: customer_id and the same; all channels of a random
            part of the customers. They show how much customers differ, and with the recent contacts held back, whether
            they prefer channels as forecast.
    """
    total = counts.groupby("channel", sort=True)["delivered_count"].sum()
    model = learn_channels(counts, responses)
    if model is None:
        note = (
            f"observational: no best channel: {int(total.sum())} contacts were delivered in the last year and their 7 "
            f"days are over; {MIN_DELIVERED} on a channel are needed. Choices are even among channels with consent"
        )
        return ChannelFit(
            None, [("method", None, note), ("delivered_contacts", float(total.sum()), "of the last year")]
        )
    sums = counts[counts["channel"].isin(list(model.base_rates))]
    skill = _skill(responses)
    if not skill.is_beyond_chance:
        model = replace(model, method="base_rate")
    return ChannelFit(
        model, [(name, None if v is None else round(v, 6), note) for name, v, note in _quality(model, sums, skill)]
    )


def _quality(model: ChannelModel, sums: pd.DataFrame, skill: Skill) -> list[QualityRow]:
    why = {
        "explored": "segments' rates weigh each contact by 1 / the logged probability that its channel was chosen",
        "observational": "who was reached on which channel was not left to chance, so part of a difference between "
        f"channels may be one between their customers; from {MIN_LOGGED} logged choices on each channel it is explored",
        "base_rate": "customers were not seen to prefer channels as forecast, so everybody gets what all do on each",
    }
    return [
        ("method", None, f"{model.method}: {why[model.method]}"),
        *skill.quality(),
        (
            "delivered_contacts",
            float(sums["delivered_count"].sum()),
            f"of the last year, on {', '.join(model.base_rates)}",
        ),
        (
            "logged_contacts",
            float(sums["logged_count"].sum()),
            "of them, on the channel that was chosen, with its probability",
        ),
        ("purchase_rate", _rate(sums), "share of delivered contacts with a purchase within 7 days, causal or not"),
        ("open_weight", model.sign_weights[1], "of a purchase, for which an open without click or purchase counts"),
        ("click_weight", model.sign_weights[0], "of a purchase, for which a click without a purchase counts"),
        ("customer_concentration", model.customer_concentration, "contacts that the expectation of a customer weighs"),
        ("ratio_concentration", model.ratio_concentration, "expected purchases that a customer's overall level weighs"),
    ]


def learn_channels(counts: pd.DataFrame, responses: pd.DataFrame) -> ChannelModel | None:
    """The model of channels with enough contacts, whether it has skill or not; None if none has. See fit_channel."""
    total = counts.groupby("channel", sort=True)["delivered_count"].sum()
    used = total.index[total >= MIN_DELIVERED]
    if used.empty:
        return None
    sums = counts[counts["channel"].isin(used)]
    logged = sums.groupby("channel")["logged_count"].sum()
    method: Method = "explored" if len(used) > 1 and (logged >= MIN_LOGGED).all() else "observational"
    base, rates = _segment_rates(sums, method)
    plain = ChannelModel(method, base, rates, _sign_rates(sums), (0.0, 0.0), 1.0, 1.0)
    rows = responses[responses["channel"].isin(used)].drop(columns="is_recent")
    rows = rows.groupby(["customer_id", "segment", "channel"], as_index=False).sum()
    return _with_sign_weights(_with_concentrations(plain, rows), rows)


def _skill(responses: pd.DataFrame) -> Skill:
    """Whether customers did after their recent contacts what the earlier ones foretell of them."""
    earlier, recent = (responses[responses["is_recent"] == value] for value in (False, True))
    counts = earlier.drop(columns=["customer_id", "is_recent"]).groupby(["segment", "channel"], as_index=False).sum()
    model = learn_channels(counts, earlier)
    if model is None or recent.empty:
        return Skill(1.0, None, 1, 0)
    segments = recent.drop_duplicates("customer_id").set_index("customer_id")["segment"]
    base = pd.Series(model.base_rates).reindex(list(CHANNELS)).to_numpy(dtype=float)
    forecast = score_channel(model, segments, earlier).to_numpy(dtype=float)
    known = np.isfinite(base)
    preference = np.log(np.maximum(forecast[:, known], 1e-6) / np.maximum(base[known], 1e-6))
    delivered, bought = (_wide(recent, column)[:, known] for column in ("delivered_count", "purchase_count"))
    p_value, customers = preference_p_value(preference, delivered, bought)
    return Skill(p_value, None, 1, customers)


def score_channel(model: ChannelModel | None, segments: pd.Series, responses: pd.DataFrame) -> pd.DataFrame:
    """Customer x CHANNELS: probability of a purchase within 7 days of a delivery; NaN on channels too little used.

    Args:
        model: of fit_channel.
        segments: segment by customer_id, one for each customer wanted.
        responses: as for fit_channel, of these customers; rows of others are without effect.
    """
    p = pd.DataFrame(np.nan, index=segments.index, columns=list(CHANNELS))
    if model is None:
        return p
    if model.method == "base_rate":
        for channel, rate in model.base_rates.items():
            p[channel] = rate
        return p.round(6)
    expected = _expected(model, segments)
    p[:] = expected
    own = responses[responses["customer_id"].isin(segments.index) & responses["channel"].isin(model.rates["channel"])]
    if own.empty:
        return p.round(6)
    number = segments.index.get_indexer(pd.Index(own["customer_id"].unique()))
    delivered, activity = _wide(own, "delivered_count"), _wide(own.assign(activity=_activity(model, own)), "activity")
    p.iloc[number] = _posterior(model, expected[number], delivered, activity)
    return p.round(6)


def choose_channel(
    p: Floats, is_allowed: Booleans, draws: Floats, exploration: float
) -> tuple[Integers, Floats, Booleans]:
    """A channel for each customer (-1: none is allowed), the probability with which it was chosen, and if it was drawn.

    With probability `exploration` each allowed channel is as likely; else the best of them is chosen; without a best,
    each is as likely.

    Args:
        p: customer x channel, NaN where unknown.
        is_allowed: the same shape: whether the customer agreed to the channel.
        draws: customer x 2, each within [0, 1): whether to explore, and which.
        exploration: share of customers for whom a channel is drawn.
    """
    count = is_allowed.sum(axis=1)
    scores = np.where(is_allowed & np.isfinite(p), p, -1.0)
    best = np.where(scores.max(axis=1) >= 0, scores.argmax(axis=1), -1)
    share = np.where(best >= 0, exploration, 1.0)
    is_drawn = (draws[:, 0] < share) & (count > 0)
    nth = np.minimum((draws[:, 1] * count).astype(np.int64), np.maximum(count - 1, 0))
    drawn = np.argmax(np.cumsum(is_allowed, axis=1) > nth[:, None], axis=1)
    chosen = np.where(count == 0, -1, np.where(is_drawn, drawn, best))
    with np.errstate(divide="ignore"):
        probability = share / count + (1 - share) * (chosen == best)
    return chosen.astype(np.int64), np.where(count == 0, np.nan, probability), is_drawn


def _rate(sums: pd.DataFrame) -> float:
    return float(sums["purchase_count"].sum() / sums["delivered_count"].sum())


def _with_sign_weights(model: ChannelModel, rows: pd.DataFrame) -> ChannelModel:
    """The weights of a click and an open that best forecast purchases on the customers' other channels; 0 if none does.

    A sign's own contact would count too much: customers who buy after a message often opened it in order to buy.
    """
    ids = rows["customer_id"].unique()
    drawn = np.random.default_rng(SEED).permutation(ids)[:MAX_SIGN_CUSTOMERS]
    some = rows[rows["customer_id"].isin(drawn)]
    expected = _expected(model, some.drop_duplicates("customer_id")["segment"])
    delivered, bought = _wide(some, "delivered_count"), _wide(some, "purchase_count")
    is_used = delivered > 0

    def loss(candidate: ChannelModel) -> float:
        activity = _wide(some.assign(activity=_activity(candidate, some)), "activity")
        prior = _prior(expected, delivered, activity, candidate.ratio_concentration)[is_used]
        return _beta_binomial_loss(candidate.customer_concentration, delivered[is_used], bought[is_used], prior)

    for number in range(2):
        click, opened = model.sign_weights
        tried = [(weight, opened) if number == 0 else (click, weight) for weight in SIGN_WEIGHTS]
        model = min((replace(model, sign_weights=weights) for weights in tried), key=loss)
    return model


def _activity(model: ChannelModel, rows: pd.DataFrame) -> pd.Series:
    """Purchases, and the weighted signs without one beyond the channel's rate of them; one per row, 0 or more."""
    activity = rows["purchase_count"].astype(float)
    for weight, rates, signs in zip(model.sign_weights, model.sign_rates, _signs(rows), strict=True):
        activity += weight * (signs - rows["channel"].map(rates) * (rows["delivered_count"] - rows["purchase_count"]))
    return activity.clip(lower=0.0)


def _signs(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Contacts without a purchase that were clicked, and those that were opened only; one per row."""
    clicked = rows["clicked_count"] - rows["clicked_purchase_count"]
    opened = rows["opened_count"] - rows["clicked_count"] - rows["opened_purchase_count"]
    return clicked, opened


def _sign_rates(sums: pd.DataFrame) -> tuple[dict[str, float], dict[str, float]]:
    """By channel: the share of contacts without a purchase that were clicked, and that were opened only."""
    silent = (sums["delivered_count"] - sums["purchase_count"]).groupby(sums["channel"], sort=True).sum()
    shares = ((signs.groupby(sums["channel"]).sum() / silent).fillna(0.0) for signs in _signs(sums))
    clicked, opened = ({str(channel): float(share) for channel, share in rates.items()} for rates in shares)
    return clicked, opened


def _segment_rates(sums: pd.DataFrame, method: Method) -> tuple[dict[str, float], pd.DataFrame]:
    """Rates of all by channel; and grain segment and channel in use, every pair, shrunk towards channel x level."""
    columns = ["delivered_count", "purchase_count", "logged_count", "logged_weight", "logged_purchase_weight"]
    pairs = pd.MultiIndex.from_product(
        [sorted(sums["segment"].unique()), sorted(sums["channel"].unique())], names=["segment", "channel"]
    )
    counts = sums.set_index(["segment", "channel"])[columns].astype(float).reindex(pairs, fill_value=0.0)
    n, s = counts["delivered_count"], counts["purchase_count"]
    if method == "explored":
        n = counts["logged_count"]
        s = (n * counts["logged_purchase_weight"] / counts["logged_weight"]).fillna(0.0)
    by_channel = s.groupby("channel").sum() / n.groupby("channel").sum()
    rate = by_channel.reindex(pairs.get_level_values("channel")).to_numpy()
    # One purchase more on both sides: a segment that never bought after a contact may still do so.
    level = (s.groupby("segment").sum() + 1) / ((n * rate).groupby("segment").sum() + 1)
    expected = np.clip(rate * level.reindex(pairs.get_level_values("segment")).to_numpy(), 1e-6, HIGHEST_RATE)
    weight = _concentration(n.to_numpy(), s.to_numpy(), expected)
    counts["p_purchase"] = ((s + weight * expected) / (n + weight)).round(6)
    base = {str(channel): float(value) for channel, value in by_channel.items()}
    return base, counts[["delivered_count", "purchase_count", "p_purchase"]].reset_index()


def _with_concentrations(model: ChannelModel, rows: pd.DataFrame) -> ChannelModel:
    """How much customers of a segment differ: in how much they buy at all, and beyond that by channel."""
    expected = _expected(model, rows.drop_duplicates("customer_id")["segment"])
    delivered, bought = _wide(rows, "delivered_count"), _wide(rows, "purchase_count")
    due, total = np.nansum(delivered * expected, axis=1), bought.sum(axis=1)

    def loss(log_m: float) -> float:
        m = np.exp(log_m)
        return -float(
            (gammaln(total + m) - gammaln(m) + m * np.log(m / (m + due)) + total * np.log(1 / (m + due))).sum()
        )

    bounds = tuple(np.log(CONCENTRATION))
    ratio = float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))
    prior = _prior(expected, delivered, bought, ratio)
    is_used = delivered > 0
    own = _concentration(delivered[is_used], bought[is_used], prior[is_used])
    return replace(model, customer_concentration=own, ratio_concentration=ratio)


def _prior(expected: Floats, delivered: Floats, activity: Floats, ratio: float) -> Floats:
    """Customer x channel: the segment's rate times how the customer did on the other channels."""
    due = np.nan_to_num(delivered * expected)
    other_due = due.sum(axis=1, keepdims=True) - due
    other_activity = activity.sum(axis=1, keepdims=True) - activity
    return np.asarray(np.clip(expected * (other_activity + ratio) / (other_due + ratio), 1e-6, HIGHEST_RATE))


def _posterior(model: ChannelModel, expected: Floats, delivered: Floats, activity: Floats) -> Floats:
    prior = _prior(expected, delivered, activity, model.ratio_concentration)
    weight = model.customer_concentration
    return np.asarray(np.minimum((activity + weight * prior) / (delivered + weight), 1.0))


def _concentration(n: Floats, s: Floats, expected: Floats) -> float:
    """How many contacts the expectation weighs: maximum likelihood of s ~ BetaBinomial(n, m p, m (1 - p))."""

    def loss(log_m: float) -> float:
        return _beta_binomial_loss(float(np.exp(log_m)), n, s, expected)

    return float(np.exp(minimize_scalar(loss, bounds=tuple(np.log(CONCENTRATION)), method="bounded").x))


def _beta_binomial_loss(m: float, n: Floats, s: Floats, expected: Floats) -> float:
    a, b = m * expected, m * (1 - expected)
    return -float((betaln(a + s, b + n - s) - betaln(a, b)).sum())


def _expected(model: ChannelModel, segments: pd.Series) -> Floats:
    """Customer x CHANNELS: the segment's rates; of a segment in which nobody was contacted, all customers'."""
    rates = model.rates.pivot(index="segment", columns="channel", values="p_purchase").reindex(columns=list(CHANNELS))
    of_all = pd.Series(model.base_rates).reindex(list(CHANNELS))
    number = rates.index.get_indexer(pd.Index(segments))  # -1, the last row, for a segment without contacts
    return np.vstack([rates.to_numpy(dtype=float), of_all.to_numpy(dtype=float)])[number]


def _wide(rows: pd.DataFrame, column: str) -> Floats:
    """Customer (in order of appearance) x CHANNELS; 0 where there is nothing."""
    customer, _ = pd.factorize(rows["customer_id"])
    table = np.zeros((customer.max() + 1, len(CHANNELS)))
    np.add.at(
        table, (customer, pd.Index(CHANNELS).get_indexer(pd.Index(rows["channel"]))), rows[column].to_numpy(dtype=float)
    )
    return table
