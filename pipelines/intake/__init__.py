"""Extracts into staging: landing → extract → damaged_text → load → stage → supersede, each file a step of that order.

Then whether a batch is as expected: batch_profile → batch_figures → batch_validation, where data_docs judges and draws.
May import: engines, store and the ground (catalog, contracts, settings, errors). Start with stage.stage_source.
"""
