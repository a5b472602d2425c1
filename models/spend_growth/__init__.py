"""Spend growth: the probability that a customer spends more in the next horizon than in the last.

Imports models.evaluation and models.types.
Start with fit.py and score.py, which rest on features.py; artefact.py is what is kept, challenge.py judges it.
"""
