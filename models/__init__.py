"""The mathematics: a folder a model, each of one shape (fit, challenge, score, artefact or parameters, drift).

Imports nothing of pipelines: tables in, tables and parameters out; no files, no clock, no engine. churn also reads clv.
Start with clv/fit.py and clv/score.py; evaluation/ holds what all models share, channel is small.
"""
