"""Identity: which accounts of the CRM are one person, on what evidence, and what speaks against it.

A function of the night's state alone: an address that a later extract changes takes a join back. It reads personal
data, and gives customer ids and reasons only. See docs/DECISIONS.md for the rules.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from hashlib import md5
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from pipelines.engines.duckdb import DuckDBEngine
from pipelines.settings import Settings
from pipelines.store.lake import Night

# More accounts than these that are joined by pairs only are more likely a mistake than a person.
MOST_ACCOUNTS = 8


_ADDRESS = "SELECT customer_id, email_normal, phone_normal FROM crm_customers_personal"


def _twice(rule: str) -> str:
    """SQL of an address that several rows have; by its hash first, as most addresses are there once."""
    hashed = f"HASH({rule}_normal)"
    return f"""
    SELECT '{rule}' AS rule, {rule}_normal AS evidence, customer_id FROM address
    WHERE {rule}_normal IS NOT NULL AND {hashed} IN (
        SELECT code FROM (SELECT {hashed} AS code FROM address WHERE {rule}_normal IS NOT NULL)
        GROUP BY code HAVING COUNT(*) > 1
    )
    """


_SUSPECT = f"{_twice('email')} UNION ALL {_twice('phone')} UNION ALL SELECT 'card', card_id, customer_id FROM card_move"


# Accounts that may be joined: persons the CRM keeps as they are, neither deleted nor already merged.
_LIVING = """
SELECT c.customer_id, c.registered_at, c.gender, c.birth_date
FROM crm_customers AS c
CROSS JOIN night AS n
WHERE c.registered_date <= n.run_date AND COALESCE(c.deleted_date > n.run_date, TRUE)
    AND COALESCE(c.customer_type, 'person') = 'person'
    AND COALESCE(c.merged_into_customer_id = c.customer_id, TRUE)
    AND c.customer_id IN (SELECT customer_id FROM suspect)
"""


_SHARED = """
SELECT rule, evidence, customer_id, COUNT(*) OVER (PARTITION BY rule, evidence) AS customer_count
FROM suspect
SEMI JOIN living USING (customer_id)
QUALIFY customer_count > 1
"""


# Of two accounts that share something. A birth date on 1 January, or of a child or a very old person, is a
# placeholder; a name is its words, in any order and case.
_PROFILE = r"""
SELECT
    l.customer_id, l.registered_at, l.gender,
    CASE
        WHEN DATE_DIFF('year', l.birth_date, n.run_date) BETWEEN 14 AND 110
            AND NOT (MONTH(l.birth_date) = 1 AND DAY(l.birth_date) = 1) THEN l.birth_date
    END AS birth_date,
    NULLIF(LIST_SORT(LIST_DISTINCT(REGEXP_EXTRACT_ALL(LOWER(p.name), '[\pL\pM\pN]+'))), []) AS words
FROM living AS l
CROSS JOIN night AS n
INNER JOIN crm_customers_personal AS p ON p.customer_id = l.customer_id
WHERE l.customer_id IN (SELECT customer_id FROM shared WHERE customer_count = 2)
"""


_PAIR = """
SELECT
    g.rule, g.evidence, a.customer_id AS first_customer_id, b.customer_id AS second_customer_id,
    CASE
        WHEN a.gender <> b.gender OR a.birth_date <> b.birth_date THEN 'contradicted'
        WHEN NOT (LIST_HAS_ALL(a.words, b.words) OR LIST_HAS_ALL(b.words, a.words)) THEN 'contradicted'
        WHEN g.rule = 'email' OR a.words = b.words THEN 'joined'
        WHEN a.birth_date = b.birth_date AND (a.words IS NULL OR b.words IS NULL) THEN 'joined'
        ELSE 'unconfirmed'
    END AS outcome
FROM (
    SELECT rule, evidence, MIN(customer_id) AS first, MAX(customer_id) AS second FROM shared
    WHERE customer_count = 2 GROUP BY rule, evidence
) AS g
INNER JOIN profile AS a ON a.customer_id = g.first
INNER JOIN profile AS b ON b.customer_id = g.second
"""


def customer_identity(engine: DuckDBEngine, _night: Night, _settings: Settings) -> dict[str, pa.Table]:
    """Grain: account of the CRM that is joined to another. With it: the evidence in pairs, and what is not joined."""
    engine.materialise("address", _ADDRESS)
    engine.materialise("suspect", _SUSPECT)
    engine.materialise("living", _LIVING)
    engine.materialise("shared", _SHARED)
    engine.materialise("profile", _PROFILE)
    pairs = engine.arrow(f"{_PAIR} ORDER BY ALL").to_pandas()
    profiles = engine.arrow("SELECT * FROM profile ORDER BY customer_id").to_pandas().set_index("customer_id")
    shared = engine.arrow(
        "SELECT rule, evidence, 'shared' AS reason, customer_id FROM shared WHERE customer_count > 2 ORDER BY ALL"
    ).to_pandas()
    merges = engine.rows(
        "SELECT customer_id, merged_into_customer_id FROM crm_customers WHERE merged_into_customer_id <> customer_id"
    )
    merged, circles = merge_targets(dict(merges))
    survivors, chains = joined_accounts(pairs, profiles, set(merged.values()))
    person = {account: survivors.get(target, target) for account, target in merged.items()} | survivors
    joined = pairs[pairs["outcome"] == "joined"]
    rules: defaultdict[str, set[str]] = defaultdict(set)
    for rule, *accounts in joined[["rule", "first_customer_id", "second_customer_id"]].itertuples(index=False):
        for account in accounts:
            rules[account].add(rule)
    identity = [
        (account, survivor, "merged_into" if account in merged else ", ".join(sorted(rules[account])))
        for account, survivor in sorted(person.items())
    ]
    in_chain = {account for chain in chains for account in chain}
    pairs.loc[(pairs["outcome"] == "joined") & pairs["first_customer_id"].isin(in_chain), "outcome"] = "chain"
    matches = {tuple(pair) for pair in pairs.drop(columns="evidence").itertuples(index=False)}
    matches |= {("merged_into", account, target, "joined") for account, target in merged.items()}
    return {
        "customer_identity": _table(("source_customer_id", "customer_id", "rule"), identity),
        "customer_match": _table(("rule", "first_customer_id", "second_customer_id", "outcome"), sorted(matches)),
        "identity_conflict": _conflicts(pairs, shared, chains, circles, person),
    }


def merge_targets(merges: dict[str, str]) -> tuple[dict[str, str], list[list[str]]]:
    """Where each merged account's chain of merges ends; and the accounts whose chains run in circles, which are not."""
    ends: dict[str, str | None] = {}
    circles: dict[str, list[str]] = {}
    for start in sorted(merges):
        path: list[str] = []
        seen: set[str] = set()
        account = start
        while account in merges and account not in ends and account not in seen:
            path.append(account)
            seen.add(account)
            account = merges[account]
        if account in seen:
            circles[min(path[path.index(account) :])] = path[path.index(account) :]
        end = None if account in seen else ends.get(account, account)
        ends |= dict.fromkeys(path, end)
    return {account: end for account, end in ends.items() if end is not None}, list(circles.values())


def joined_accounts(
    pairs: pd.DataFrame, profiles: pd.DataFrame, targets: set[str]
) -> tuple[dict[str, str], list[list[str]]]:
    """The surviving account of each that is joined to another; and the chains of accounts that don't fit together.

    The account that others were merged into survives, else the one registered first, then the smallest id.
    """
    joined = pairs.loc[pairs["outcome"] == "joined", ["first_customer_id", "second_customer_id"]]
    if joined.empty:
        return {}, []
    accounts, codes = np.unique(joined.to_numpy(dtype=str), return_inverse=True)
    first, second = codes.reshape(-1, 2).T
    graph = coo_matrix((np.ones(len(first)), (first, second)), shape=(len(accounts), len(accounts)))
    _, component = connected_components(graph, directed=False)
    found = profiles.reindex(accounts).assign(component=component, is_target=[a in targets for a in accounts])
    found = found.assign(registered_at=pd.to_datetime(found["registered_at"], utc=True)).rename_axis("customer_id")
    ranked = found.reset_index().sort_values(
        ["component", "is_target", "registered_at", "customer_id"], ascending=[True, False, True, True]
    )
    sizes = Counter(component.tolist())
    chains: dict[int, list[str]] = {}
    for number, members in ranked[ranked["component"].map(sizes) > 2].groupby("component"):
        if len(members) > MOST_ACCOUNTS or not _fit_together(members):
            chains[int(str(number))] = sorted(members["customer_id"])
    kept = ranked[~ranked["component"].isin(list(chains))]
    survivor = kept.groupby("component")["customer_id"].transform("first")
    moved = kept["customer_id"] != survivor
    return dict(zip(kept.loc[moved, "customer_id"], survivor[moved], strict=True)), list(chains.values())


def _fit_together(members: pd.DataFrame) -> bool:
    """Whether no two of several accounts contradict each other in gender, date of birth or name."""
    words = sorted((set(w) for w in members["words"] if w is not None), key=len)
    names_fit = all(shorter <= longer for shorter, longer in pairwise(words))
    return names_fit and members["gender"].nunique() <= 1 and members["birth_date"].nunique() <= 1


def _conflicts(
    pairs: pd.DataFrame,
    shared: pd.DataFrame,
    chains: Iterable[list[str]],
    circles: Iterable[list[str]],
    person: dict[str, str],
) -> pa.Table:
    """Grain: conflict and account. What is shared and joins nobody, unless its accounts are one person anyway."""
    groups: list[tuple[str, str, str, list[str]]] = []
    for key, members in shared.groupby(["rule", "evidence", "reason"]):
        rule, evidence, reason = map(str, key)
        groups.append((rule, evidence, reason, sorted(members["customer_id"])))
    apart = pairs[pairs["outcome"].isin(("contradicted", "unconfirmed"))]
    for rule, evidence, *accounts, reason in apart.itertuples(index=False):
        groups.append((rule, evidence, reason, accounts))
    groups += [("chain", "", "contradicted", chain) for chain in chains]
    groups += [("merged_into", "", "circle", sorted(circle)) for circle in circles]
    rows: list[tuple[str, str, str, int, str]] = []
    for rule, evidence, reason, accounts in groups:
        if len({person.get(account, account) for account in accounts}) > 1:
            named_by = f"{rule}:{evidence}" if rule == "card" else f"{rule}:{min(accounts)}"
            conflict = md5(named_by.encode(), usedforsecurity=False).hexdigest()
            rows += [(conflict, rule, reason, len(accounts), account) for account in accounts]
    columns = ("conflict_id", "rule", "reason", "customer_count", "customer_id")
    return _table(columns, sorted(rows), {"customer_count": pa.int64()})


def _table(
    columns: tuple[str, ...],
    rows: Sequence[tuple[object, ...]],
    types: dict[str, pa.DataType] | None = None,
) -> pa.Table:
    types = types or {}
    return pa.table(
        {name: pa.array([row[i] for row in rows], types.get(name, pa.string())) for i, name in enumerate(columns)}
    )
