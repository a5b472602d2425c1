"""Erasing a person from a home, and the search that shows that nothing of them is left.

Imports tables, campaigns, publishing and all below them; only ops and the DAG loyalty_erase import it.
Start at erase.erase; then person (who they are), redact (files without them), feeds and redact_feeds (the same of files
that a mapping reads), verify (the search afterwards).
"""
