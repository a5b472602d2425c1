"""The nightly pipeline: extracts in; warehouse, reports and campaign files out."""
