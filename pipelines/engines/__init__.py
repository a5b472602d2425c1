"""Engines: the same SELECTs, written in DuckDB's dialect, run over the lake's data files on DuckDB or on Spark.

May import: store and the ground (catalog, contracts, settings, errors).
Start with base.py (what each engine does), then duckdb.py; choose.py picks one by the settings, sql.py quotes names.
"""
