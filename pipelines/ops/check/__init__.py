"""`loyalty check`: a landing folder read as its night would read it, with nothing built and nothing left behind.

reading reads it into a folder that goes again, by the night's own steps; rejected, receipts, changes and earlier say
what the rows are like; report puts all into words. May import what ops may. Start at report.check_landing_folder.
"""
