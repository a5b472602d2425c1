"""A file that nobody has described yet: what it is, how it is written, what a row is and what its columns could be.

Each a step of this order: form → encoding → layout → table → profile → marks, dates, money → meaning → unreadable →
grain → report and draft. inspect.inspect_file takes them all. Nothing is kept: what is written on the way goes with
the command. May import: engines, text_sql of this room, and the ground (contracts, dialect, errors, masking).
"""
