"""Why a key figure moved, and whether it moved more than it always does."""
