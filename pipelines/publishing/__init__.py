"""What people see of a night: the warehouse, warnings and summaries of the command line, the data dictionary.

Imports tables and what lies below it; nothing of scoring or campaigns, which stand beside it.
Start with warehouse.py (publish_warehouse), then night_warnings.py.
"""
