"""The next order: when a customer is due, by their own purchase cadence and the population's.

Imports models.evaluation, models.types and models.columns.
Start with score.py, which explains the model, then fit.py; challenge.py, drift.py and holdout.py follow.
"""
