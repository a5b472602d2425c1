"""The home on disk: the lake with its manifests, the locks, and where exports, reports and warehouses lie.

May import: the ground (catalog, contracts, settings, errors). It knows no engine: it names files and reads none.
Start with lake.py (Lake and Night), then manifest.py; home.py has the layout of a home.
"""
