"""Churn: the probability to buy nothing in the horizon, and the reasons that raise it most.

Imports models.clv (for p_alive), models.evaluation, models.types and models.columns.
Start with fit.py and score.py; model.py is what is kept of a fit, artefact.py writes it, challenge.py judges it.
"""
