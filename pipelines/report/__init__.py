"""The night's report: one self-contained HTML page, made from the published warehouse alone.

May import nothing but the ground (catalog, contracts, settings, errors); neither lake, engines, tables nor models.
Start in write.py; page.py says what the page is made of, and each other module but words and charts is some sections.
"""
