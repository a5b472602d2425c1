"""Identity: which accounts of the CRM are one person, on what evidence, and what speaks against it.

It depends on the night's state alone: when a later extract changes an address, a join is taken back. It reads personal
data and returns only customer ids and reasons. The SELECTs are in sql/identity/; docs/DECISIONS.md explains the rules.
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

from pipelines.catalog import query
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.settings import Settings
from pipelines.store.lake import Night

# A larger group of accounts that are joined only pair by pair is more likely a mistake than one person.
MOST_ACCOUNTS = 8


def customer_identity(engine: DuckDBEngine, _night: Night, _settings: Settings) -> dict[str, pa.Table]:
    """Grain: account of the CRM that is joined to another.

    With it come customer_match (each pair of accounts that share evidence, and its outcome) and identity_conflict (what
    is shared and joins nobody).
    """
    _materialise_evidence(engine)
    pairs = engine.arrow(query("identity/account_pair")).to_pandas()
    profiles = engine.arrow("SELECT * FROM account_profile").to_pandas().set_index("customer_id")
    shared = engine.arrow(query("identity/shared_by_many")).to_pandas()
    merged, circles = merge_targets(dict(engine.rows(query("identity/crm_merge"))))
    survivors, chains = joined_accounts(pairs, profiles, set(merged.values()))
    person = {account: survivors.get(target, target) for account, target in merged.items()} | survivors
    rules = _rules_by_account(pairs)
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


def _materialise_evidence(engine: DuckDBEngine) -> None:
    """Make the tables that sql/identity/ reads from one another, up to account_profile."""
    for name in ("address", "evidence", "joinable_account", "shared_evidence"):
        engine.materialise(name, query(f"identity/{name}"))
    # Lower case is made here, for no two engines agree on it.
    engine.register(
        "lower_name",
        "SELECT customer_id, LOWER(CONCAT_WS(' ', CASE WHEN COALESCE(first_name, last_name) IS NULL THEN name END, "
        "first_name, middle_name, last_name)) AS name FROM crm_customers_personal "
        "WHERE customer_id IN (SELECT customer_id FROM shared_evidence)",
    )
    engine.materialise("account_profile", query("identity/account_profile"))


def _rules_by_account(pairs: pd.DataFrame) -> defaultdict[str, set[str]]:
    """The rules by which each account is joined to another."""
    joined = pairs[pairs["outcome"] == "joined"]
    rules: defaultdict[str, set[str]] = defaultdict(set)
    for rule, *accounts in joined[["rule", "first_customer_id", "second_customer_id"]].itertuples(index=False):
        for account in accounts:
            rules[account].add(rule)
    return rules


def merge_targets(merges: dict[str, str]) -> tuple[dict[str, str], list[list[str]]]:
    """Where each merged account's chain of merges ends; and the circles of accounts whose chain never ends."""
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
    """The surviving account of each account that is joined; and the chains whose accounts don't fit together.

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
    """Grain: conflict and account. Shared evidence that joins nobody, unless its accounts are one person anyway."""
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
