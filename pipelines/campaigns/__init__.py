"""Campaigns: from what a marketer writes (config) to who is on which list (selection) to files for tools (files).

May import tables, intake, engines, store and the ground; nothing of scoring, publishing, ops, privacy or backtests.
Start in night.campaign_list, which calls the steps in their order.
"""
