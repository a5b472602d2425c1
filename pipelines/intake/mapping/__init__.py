"""The mapping of a retailer's own files to sources, `<home>/mapping.yaml`: what it may say, and what comes of it.

config_file reads it into the models of config (words knows the nearest names). expressions judges the text of an
expression and nodes writes it anew as SQL; functions is the list of what may be called, readers are the macros by
which text is read. compiler makes the SELECTs of a source, mapped runs them over the files that feed_files finds,
salt makes ids of e-mails. tables reads a feed's file of whatever form as text: workbooks, JSON (json_rows), and the
copies that erasures put in their place. people says whose raw rows are, kept keeps each mapping for that, hidden
shows no values of people who were erased.
May import what intake may, and of intake itself extract, load, workbook, erased and the SQL of types. Start with
mapped.map_feed.
"""
