"""The mapping of a retailer's own files to sources, `<home>/mapping.yaml`: what it may say, and what comes of it.

config_file reads it into the models of config (yaml_lines knows the lines, words the nearest names). expressions judges
the text of an expression and nodes writes it anew as SQL; functions is the list of what may be called, readers are the
macros by which text is read. compiler makes the SELECTs of a source, mapped runs them over the files that feed_files
finds, salt makes ids of e-mails. May import what intake may, and of intake itself extract, load and the SQL of types.
Start with mapped.map_feed.
"""
