"""Backtests: forecasts of past dates, compared with what customers then did.

May import scoring, tables, engines, store, the ground (catalog, contracts, settings, errors) and models.
Start in run.py; origins.py says which forecasts, replay.py what was known then, outcomes.py how each is compared.
"""
