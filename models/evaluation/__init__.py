"""What all models share: how good probabilities are, challenger against champion, drift, and the backtests' metrics.

Imports models.types alone; every model may import it.
Start with challenge.py, which decides whether a new fit is published.
"""
