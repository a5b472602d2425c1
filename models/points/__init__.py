"""Points: how many of those that are there will be spent, by chain ladder, and whether that has changed."""
