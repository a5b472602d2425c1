"""next_order."""
