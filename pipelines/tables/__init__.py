"""Tables: how one table of a night is made of the tables before it: build → inputs, parameters → incremental → write.

May import: intake, engines, store and the ground (catalog, contracts, settings, errors). recipes.py says what besides
its inputs decides on a table; calendar, identity and quality are tables that Python makes. Start with build.make_table.
"""
