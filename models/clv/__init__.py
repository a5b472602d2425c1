"""Customer lifetime value: who buys how often (BG/NBD, MBG/NBD, Pareto/NBD), and what a purchase day brings.

Imports models.evaluation, models.types and models.columns. A model has the components buying, spend and margin_rate.
Start with fit.py (buying) and spend.py, then score.py; parameters.py is what is kept, challenge.py and drift.py follow.
"""
