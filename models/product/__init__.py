"""Products: how often they are bought again, and which are bought by the same customers; fit.py is where to start.

Imports models.types.
"""
