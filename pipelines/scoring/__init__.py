"""Models in a night: each is fitted weekly against its champion, and scores every customer every night.

Imports tables, intake, engines, store and the ground, and the mathematics from models/; never campaigns or publishing.
Start in fitting.py (what all fits share), then read clv.py: the other models' modules have the same order.
Tables of key figures stand beside them: kpi_change, plan_actual and growth_target (target_file reads what they plan).
"""
