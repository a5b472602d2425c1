"""How often the interval of segment_nps holds the true score: worked out over all answers that n customers can give."""

from math import lgamma

import duckdb
import numpy as np
import pytest

from pipelines.settings import ROOT

SELECT = (ROOT / "sql" / "marts" / "segment_nps.sql").read_text(encoding="utf-8")
# Shares of promoters and detractors, from ordinary shops to those of whom nearly all say the same.
TRUTHS = [(0.5, 0.2), (0.3, 0.3), (0.34, 0.33), (0.7, 0.1), (0.2, 0.6)]
EXTREMES = [(0.1, 0.1), (0.05, 0.05), (0.9, 0.02), (0.95, 0.05), (0.02, 0.9), (0.02, 0.01), (0.6, 0.0), (0.99, 0.0)]


def intervals(n: int) -> dict[tuple[int, int], tuple[float, float]]:
    """What segment_nps says of n answers, by how many are promoters and detractors: each possibility is a segment."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE night AS SELECT DATE '2024-06-30' AS run_date")
        connection.execute(
            "CREATE TABLE customer_rfm AS "
            "SELECT p || '-' || d || '-' || k AS customer_id, p || '-' || d AS rfm_segment, "
            f"CASE WHEN k < p THEN 9 WHEN k < p + d THEN 6 ELSE 7 END AS score FROM range({n + 1}) AS a(p), "
            f"range({n + 1}) AS b(d), range({n}) AS c(k) WHERE p + d <= {n}"
        )
        connection.execute(
            "CREATE TABLE customer_survey AS "
            "SELECT customer_id, score AS last_nps, DATE '2024-06-01' AS last_nps_date FROM customer_rfm"
        )
        found = connection.execute(
            f"SELECT promoters, detractors, ci_low, ci_high FROM ({SELECT}) WHERE segment <> 'all'"
        ).fetchall()
    return {(promoters, detractors): (low, high) for promoters, detractors, low, high in found}


def coverage(n: int, promoters: float, detractors: float, found: dict[tuple[int, int], tuple[float, float]]) -> float:
    """The probability of the answers whose interval holds the truth (multinomial)."""
    passives, true_score, total = 1 - promoters - detractors, 100 * (promoters - detractors), 0.0
    for (p, d), (low, high) in found.items():
        if low - 1e-9 <= true_score <= high + 1e-9:
            counts, shares = (p, d, n - p - d), (promoters, detractors, passives)
            if all(count == 0 or share > 0 for count, share in zip(counts, shares, strict=True)):
                ways = lgamma(n + 1) - sum(lgamma(count + 1) for count in counts)
                total += np.exp(ways + sum(c * np.log(s) for c, s in zip(counts, shares, strict=True) if c))
    return total


@pytest.mark.parametrize("n", [10, 20, 50])
def test_the_interval_holds_the_true_score_about_19_times_of_20(n: int):
    found = intervals(n)
    assert len(found) == (n + 1) * (n + 2) // 2
    covered = [coverage(n, *truth, found) for truth in TRUTHS]
    assert all(0.94 <= share <= 0.985 for share in covered), covered
    assert all(coverage(n, *truth, found) >= 0.925 for truth in EXTREMES)


def test_without_the_three_more_answers_it_would_cover_too_little():
    """The plain Wald interval, to show that the check can fail: all of ten answers alike leave it no width."""
    found = intervals(10)
    wald = {}
    for p, d in found:
        score = (p - d) / 10
        half = 1.96 * (((p + d) / 10 - score**2) / 10) ** 0.5
        wald[p, d] = (100 * (score - half), 100 * (score + half))
    assert coverage(10, 0.95, 0.05, wald) < 0.6
