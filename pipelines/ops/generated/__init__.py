"""The generated retailer, a part a module: people, sales, points, messages and what people say, extracts, the truth.

Each part is a set of SELECTs on DuckDB. All chance is md5 of a topic and an id, and all money whole cents, so that the
same bytes come out on every machine. pipelines/ops/generated_demo.py is where to start.
"""
